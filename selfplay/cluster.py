"""Actors in other processes and on other machines. The only file that imports ray.

Each Ray actor holds one `selfplay.actor.Actor`. Never more than one call an actor is in flight, so what waits in the
object store is bounded by the number of actors. An actor that dies is replaced; its unfinished games are lost, no more.
"""

import logging
import os
from collections.abc import Callable, Iterator

import numpy as np
import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError, RayTaskError

from selfplay.actor import Actor, Work
from selfplay.config import RunConfig
from selfplay.network import Shape
from selfplay.pool import CHUNKS
from selfplay.records import Games

LOST = (ActorDiedError, ActorUnavailableError, OutOfMemoryError)
MAX_REPLACEMENTS = 5  # in a row, without a game in between: then something is wrong with the work, not the worker


class Worker:
    """What runs in an actor's process; turned into a Ray actor below."""

    def __init__(self, config: RunConfig, shape: Shape, seed: int, threads: int):
        import torch

        torch.set_num_threads(threads)
        self.actor = Actor(config, shape, seed)

    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int, precision: str) -> str:
        return self.actor.load(weights, generation, simulations, precision)

    def play(self, rows: int) -> tuple[Games, Work]:
        return self.actor.play(rows)

    def process(self) -> int:
        return os.getpid()


class RayPool:
    """`num_actors` actors on this machine, or on the cluster at `address`; `report` is told of replacements."""

    def __init__(
        self,
        config: RunConfig,
        shape: Shape,
        seed: int,
        num_actors: int,
        precision: str = "auto",
        address: str | None = None,
        report: Callable[[str], None] = lambda message: None,
    ):
        self.config, self.shape, self.seed, self.precision, self.report = config, shape, seed, precision, report
        start_ray(address, num_actors)
        self.spawned = 0
        self.workers = [self._spawn() for _ in range(num_actors)]
        self.loaded: tuple | None = None
        self.failures = 0

    def _spawn(self):
        """A new worker with a random stream of its own."""
        seed = int(np.random.SeedSequence([self.seed, self.spawned]).generate_state(1)[0])
        self.spawned += 1
        remote = ray.remote(num_cpus=1)(Worker)
        environment = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        options = remote.options(runtime_env={"env_vars": environment}, name=None)
        return options.remote(self.config, self.shape, seed, 1)

    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int) -> str:
        self.loaded = (ray.put(weights), generation, simulations)
        # The first worker measures precisions alone, then all use the same: every game of a run is played in one.
        self.precision = self._ask(0, self.precision)
        for index in range(1, len(self.workers)):
            self._ask(index, self.precision)
        return self.precision

    def _ask(self, index: int, precision: str) -> str:
        while True:
            try:
                return ray.get(self.workers[index].load.remote(*self.loaded, precision))
            except LOST as error:
                self._replace(index, error)
            except RayTaskError as error:
                raise RuntimeError(f"actor {index} failed:\n{error}") from error

    def play(self, rows: int) -> Iterator[tuple[Games, Work]]:
        chunk = max(1, rows // (CHUNKS * len(self.workers)))
        wanted = rows
        in_flight: dict = {}
        for index in range(len(self.workers)):
            if wanted <= 0:
                break
            in_flight[self.workers[index].play.remote(min(chunk, wanted))] = index
            wanted -= chunk
        while in_flight:
            (done,), _ = ray.wait(list(in_flight), num_returns=1)
            index = in_flight.pop(done)
            try:
                games, work = ray.get(done)
            except LOST as error:
                self._replace(index, error)
                self._ask(index, self.precision)
                in_flight[self.workers[index].play.remote(chunk)] = index
                continue
            except RayTaskError as error:
                raise RuntimeError(f"actor {index} failed:\n{error}") from error
            self.failures = 0
            rows -= games.rows
            expected = sum(min(chunk, rows) for _ in in_flight)
            if rows > expected:
                in_flight[self.workers[index].play.remote(min(chunk, rows - expected))] = index
            yield games, work

    def _replace(self, index: int, error: Exception) -> None:
        self.failures += 1
        if self.failures > MAX_REPLACEMENTS:
            raise RuntimeError(f"actor {index} died {self.failures} times in a row: {error}") from error
        self.report(f"actor {index} died and is replaced; its unfinished games are lost")
        self.workers[index] = self._spawn()

    def processes(self) -> list[int]:
        """Process numbers of the workers."""
        return ray.get([worker.process.remote() for worker in self.workers])

    def close(self) -> None:
        for worker in self.workers:
            ray.kill(worker)
        ray.shutdown()


def start_ray(address: str | None, num_actors: int) -> None:
    """Join the cluster at `address`, or start a quiet one of our own that ends with this process."""
    if ray.is_initialized():
        return
    if address:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        return
    ray.init(
        num_cpus=max(num_actors, os.cpu_count() or 1),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=256 * 1024 * 1024,
    )
