"""Actors in other processes and on other machines. The only file that imports ray.

Each Ray actor holds one `selfplay.actor.Actor`. Never more than one call an actor is in flight, so what waits in the
object store is bounded by the number of actors. An actor that dies is replaced; its unfinished games are lost, no more.
"""

import logging
import math
import os
import signal
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, ObjectLostError, OutOfMemoryError, RayTaskError

from selfplay.actor import Actor, Work
from selfplay.config import RunConfig
from selfplay.inference import is_gpu
from selfplay.network import Shape
from selfplay.pool import CHUNKS, seed_of
from selfplay.records import Games

LOST = (ActorDiedError, ActorUnavailableError, ObjectLostError, OutOfMemoryError)
MAX_REPLACEMENTS = 5  # of one worker, without a game in between: then something is wrong with the work, not the worker


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
        start_ray(address, num_actors, config.actor.threads)
        self.gpus = 0.0
        if is_gpu(config.network.device):  # Ray shows a worker its part of the GPUs alone
            self.gpus = share_of_gpus(int(ray.cluster_resources().get("GPU", 0)), num_actors)
            network = msgspec.structs.replace(config.network, device="cuda")
            self.config = msgspec.structs.replace(config, network=network)
        self.spawned = 0
        self.workers = [self._spawn() for _ in range(num_actors)]
        self.loaded: tuple | None = None
        self.failures = [0] * num_actors  # of each worker, since it last delivered

    def _spawn(self):
        """A new worker with a random stream of its own."""
        seed = seed_of(self.seed, self.spawned)
        self.spawned += 1
        threads = self.config.actor.threads
        remote = ray.remote(num_cpus=threads, num_gpus=self.gpus)(Worker)
        environment = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        options = remote.options(runtime_env={"env_vars": environment}, name=None)
        return options.remote(self.config, self.shape, seed, threads)

    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int) -> str:
        self.loaded = (ray.put(weights), generation, simulations)
        # The first worker measures precisions alone, then all use the same: every game of a run is played in one.
        self.precision = self._load(0, self.precision)
        for index in range(1, len(self.workers)):
            self._load(index, self.precision)
        return self.precision

    def _load(self, index: int, precision: str) -> str:
        while True:
            try:
                return ray.get(self.workers[index].load.remote(*self.loaded, precision))
            except LOST as error:
                self._replace(index, error)
            except RayTaskError as error:
                raise failure(index, error) from error

    def play(self, rows: int) -> Iterator[tuple[Games, Work]]:
        chunk = max(1, rows // (CHUNKS * len(self.workers)))
        asked: dict = {}  # call in flight -> (worker, the rows it was asked for)

        def ask(index: int) -> None:
            """Give a worker its share of what nobody was asked for yet."""
            missing = min(chunk, rows - sum(part for _, part in asked.values()))
            if missing > 0:
                asked[self.workers[index].play.remote(missing)] = index, missing

        for index in range(len(self.workers)):
            ask(index)
        while asked:
            (done,), _ = ray.wait(list(asked), num_returns=1)
            index, _ = asked.pop(done)
            try:
                games, work = ray.get(done)
            except LOST as error:
                self._replace(index, error)
                self._load(index, self.precision)
                ask(index)
                continue
            except RayTaskError as error:
                raise failure(index, error) from error
            self.failures[index] = 0
            rows -= games.rows
            ask(index)
            yield games, work

    def _replace(self, index: int, error: Exception) -> None:
        self.failures[index] += 1
        if self.failures[index] > MAX_REPLACEMENTS:
            raise RuntimeError(f"actor {index} died {self.failures[index]} times in a row: {error}") from error
        self.report(f"actor {index} died and is replaced; its unfinished games are lost")
        self.workers[index] = self._spawn()

    def processes(self) -> list[int]:
        """Process numbers of the workers."""
        return ray.get([worker.process.remote() for worker in self.workers])

    def close(self) -> None:
        for worker in self.workers:
            ray.kill(worker)
        ray.shutdown()


def share_of_gpus(gpus: int, actors: int) -> float:
    """Of one GPU, for each actor, so that all of them find room. ValueError if there is no GPU."""
    if gpus < 1:
        raise ValueError("Ray knows of no GPU for its actors; --actors 0 plays in this process")
    return 1 / math.ceil(actors / gpus)


def failure(index: int, error: RayTaskError) -> Exception:
    """What a worker's own exception means here, with its traceback; diverged learning is no fault of the worker."""
    if isinstance(error.cause, FloatingPointError):
        return error.cause
    return RuntimeError(f"actor {index} failed:\n{error}")


def start_ray(address: str | None, num_actors: int, threads: int = 1) -> None:
    """Join the cluster at `address`, or start a quiet one of our own that ends with this process, with a processor for each
    of the actors' threads. ValueError with one line if there is no such cluster or it has too few processors."""
    if ray.is_initialized():
        return
    on_terminate = signal.getsignal(signal.SIGTERM)
    if address:
        join(address, num_actors, threads)
    else:
        ray.init(
            address="local",  # never a cluster that happens to run here
            num_cpus=max(num_actors * threads, os.cpu_count() or 1),  # with fewer some actors would never start
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=256 * 1024 * 1024,
        )
    signal.signal(signal.SIGTERM, on_terminate)  # ray puts its own in the place


def join(address: str, num_actors: int, threads: int) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"cannot join a Ray cluster at {address}: {reason}") from None
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < num_actors * threads:
        ray.shutdown()
        raise ValueError(f"the Ray cluster at {address} has {cores} processors, too few for {num_actors} actors")
