"""Where actors live. A pool sends weights and takes finished games; the loop knows no more of it
than this.

`LocalPool` keeps its actors in this process, a thread each: for one GPU, for debugging, where ray
is not installed, and for runs that must repeat exactly. `selfplay.actors.ray_pool.RayPool` has the
same three methods.
"""

from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, Thread
from typing import Protocol

import numpy as np

from native.machine.host import cores
from native.search.forest import refuse_what_cannot_fit
from selfplay.actors.actor import Actor, Work
from selfplay.config import RunConfig, game_of
from selfplay.network.hardware import is_gpu, torch_threads
from selfplay.network.network import Shape
from selfplay.storage.records import Games

# at most: more would only put more games in flight, whose ends a generation then waits for longer
GPU_ACTORS = 8
# deliveries an actor makes a generation: what a kill can cost, and how long one may wait for
# another
CHUNKS = 8


class Pool(Protocol):
    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int) -> str:
        """Let all actors go on with these weights; returns the precision they evaluate in."""

    def play(self, rows: int) -> Iterator[tuple[Games, Work]]:
        """Deliver games until they hold `rows` training rows."""

    def close(self) -> None: ...


def seed_of(seed: int, number: int) -> int:
    """Names the random stream of an actor of a pool."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def actors_here(asked: int, device: str, threads: int, taken: int = 0) -> int:
    """As asked, or for 0 one for each `threads` cores that this process may use and that are not
    `taken`. On a GPU two, up to GPU_ACTORS: it answers one of them while the trees of others
    grow."""
    actors = max(1, (cores() - taken) // threads)
    return asked or (min(2 * actors, GPU_ACTORS) if is_gpu(device) else actors)


def cores_taken(config: RunConfig) -> int:
    """Cores that a learner has for itself while actors play."""
    return 0 if config.lockstep or is_gpu(config.network.device) else config.learner.threads


class LocalPool:
    """`config.actor.local_actors` actors. Each plays its share of the rows, and their deliveries
    are handed on in turn, so that the same seed gives the same games in the same order, whichever
    thread is faster."""

    def __init__(self, config: RunConfig, shape: Shape, seed: int, precision: str = "auto"):
        game, most, actor = game_of(config), max(config.search.simulations), config.actor
        count = actors_here(
            actor.local_actors, config.network.device, actor.threads, cores_taken(config)
        )
        refuse_what_cannot_fit(
            count * actor.games, most, game.state_bytes, game.actions, game.max_plies, actor.leaves
        )
        self.actors = [Actor(config, shape, seed_of(seed, number)) for number in range(count)]
        self.precision, self.threads = precision, actor.threads
        self.stop, self.playing = Event(), []  # what ends the latest `play`, and its threads

    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int) -> str:
        with torch_threads(self.threads):
            # The first actor measures precisions alone, then all use the same: every game of a run
            # is played in one.
            for actor in self.actors:
                self.precision = actor.load(weights, generation, simulations, self.precision)
        return self.precision

    def play(self, rows: int) -> Iterator[tuple[Games, Work]]:
        self.close()
        stop, said = Event(), SimpleQueue()
        threads = [
            Thread(
                target=self._deliver,
                args=(number, share, said, stop.is_set),
                name=f"actor {number}",
            )
            for number, share in enumerate(self._shares(rows))
        ]
        self.stop, self.playing = stop, threads
        with torch_threads(self.threads):
            try:
                for thread in threads:
                    thread.start()
                yield from in_turn(said, len(threads))
            finally:
                end(stop, threads)

    def _shares(self, rows: int) -> list[int]:
        count = len(self.actors)
        return [rows // count + (number < rows % count) for number in range(count)]

    def _deliver(
        self, number: int, rows: int, said: SimpleQueue, is_stopped: Callable[[], bool]
    ) -> None:
        """In a thread: say what an actor played, again and again; when its share is done None; or
        what went wrong."""
        chunk = max(1, rows // CHUNKS)
        try:
            while rows > 0 and not is_stopped():
                games, work = self.actors[number].play(min(chunk, rows), is_stopped)
                rows -= games.rows
                said.put((number, (games, work)))
            said.put((number, None))
        except BaseException as error:
            said.put((number, error))

    def close(self) -> None:
        """Let nobody play on, whoever listens still. Safe at any time, and again."""
        end(self.stop, self.playing)


def end(stop: Event, threads: list[Thread]) -> None:
    stop.set()
    for thread in threads:
        if thread.ident is not None:
            thread.join()


def in_turn(said: SimpleQueue, count: int) -> Iterator:
    """What `count` speakers say, (number, what), one from each in turn until it says None; an
    exception is raised at once."""
    kept, waited_for = [deque() for _ in range(count)], deque(range(count))
    while waited_for:
        while not kept[waited_for[0]]:
            number, what = said.get()
            if isinstance(what, BaseException):
                raise what
            kept[number].append(what)
        number = waited_for.popleft()
        if (what := kept[number].popleft()) is not None:
            waited_for.append(number)
            yield what
