"""Where actors live. A pool sends weights and takes finished games; the loop knows no more of it than this.

`LocalPool` keeps one actor in this process: for one GPU, for debugging, where ray is not installed, and for runs that
must repeat exactly. `selfplay.cluster.RayPool` has the same three methods.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from selfplay.actor import Actor, Work
from selfplay.config import RunConfig
from selfplay.network import Shape
from selfplay.records import Games

CHUNKS = 8  # deliveries an actor makes a generation: what a kill can cost, and how long one may wait for another


class Pool(Protocol):
    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int) -> str:
        """Let all actors go on with these weights; returns the precision they evaluate in."""

    def play(self, rows: int) -> Iterator[tuple[Games, Work]]:
        """Deliver games until they hold `rows` training rows."""

    def close(self) -> None: ...


class LocalPool:
    def __init__(self, config: RunConfig, shape: Shape, seed: int, precision: str = "auto"):
        self.actor = Actor(config, shape, seed)
        self.precision = precision

    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int) -> str:
        self.precision = self.actor.load(weights, generation, simulations, self.precision)
        return self.precision

    def play(self, rows: int) -> Iterator[tuple[Games, Work]]:
        chunk = max(1, rows // CHUNKS)
        while rows > 0:
            games, work = self.actor.play(min(chunk, rows))
            rows -= games.rows
            yield games, work

    def close(self) -> None:
        pass
