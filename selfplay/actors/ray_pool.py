"""Actors in other processes and on other machines. The only file that imports ray.

Each Ray actor holds one `selfplay.actors.actor.Actor`. Never more than one call an actor is in
flight, so what waits in the object store is bounded by the number of actors. An actor that dies is
replaced; its unfinished games are lost, no more. Nobody waits for a replacement: where a node is
gone, the others play on, and it is taken back when it has room again. In a session of our own this
process plays until the first actor is there.
"""

import logging
import math
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import ray
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    AuthenticationError,
    ObjectLostError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
)

from games import own
from games.own import Source
from native.machine.host import cores
from selfplay.actors import ray_session
from selfplay.actors.actor import Actor, Work
from selfplay.actors.local_pool import CHUNKS, seed_of
from selfplay.config import RunConfig, game_of
from selfplay.network.hardware import is_gpu, torch_threads
from selfplay.network.network import Shape
from selfplay.storage.records import Games

LOST = (ActorDiedError, ActorUnavailableError, ObjectLostError, OutOfMemoryError)
# deaths of a worker without a game in between; after more the work is wrong, not the worker
MAX_REPLACEMENTS = 5
MAX_BIRTHS = 2  # starts of a worker that dies before its first answer
# Ray's words where a worker itself has failed: to try again is no use
BIRTH = "error raised in its creation task"
NO_ROOM = 15.0  # seconds after which a worker that has not begun is spoken of
ALONE = 60.0  # seconds that a run waits on a cluster without a single worker
REPLY = 5.0  # seconds for a cluster's head to say whether it wants a token
JOIN = 25.0  # seconds to join a cluster
PARTS = ("gcs_server", "raylet")  # Ray's processes here, without which a session is gone


class Worker:
    """What runs in an actor's process; turned into a Ray actor below."""

    def __init__(
        self, config: RunConfig, shape: Shape, seed: int, threads: int, game_file: Source | None
    ):
        import torch

        # the driver's leave, and the file itself: it need not be on this machine
        if game_file is not None:
            own.allow(game_file)
        torch.set_num_threads(threads)
        self.actor = Actor(config, shape, seed)

    def load(
        self, weights: dict[str, np.ndarray], generation: int, simulations: int, precision: str
    ) -> str:
        return self.actor.load(weights, generation, simulations, precision)

    def play(self, rows: int) -> tuple[Games, Work]:
        return self.actor.play(rows)

    def process(self) -> int:
        return os.getpid()


@dataclass(eq=False)
class Place:
    """One of the pool's actors, whoever fills it."""

    worker: Any = None
    call: Any = None  # in flight, if any
    rows: int = 0  # asked for by that call; 0: it loads weights
    sent: Any = None  # the weights that it was sent last
    is_ready: bool = False  # has it the newest weights?
    failures: int = 0  # since it last delivered
    births: int = 0  # since it last answered
    since: float = 0.0  # when it was spawned
    is_missed: bool = False  # was it said that it has no room?


class RayPool:
    """`num_actors` actors on this machine, or on the cluster at `address`; `report` is told of
    replacements. `goes_on` says how a run goes on whose process was killed."""

    def __init__(
        self,
        config: RunConfig,
        shape: Shape,
        seed: int,
        num_actors: int,
        precision: str = "auto",
        address: str | None = None,
        report: Callable[[str], None] = lambda message: None,
        goes_on: str = "the same command goes on",
    ):
        self.config, self.shape, self.seed, self.precision, self.report = (
            config,
            shape,
            seed,
            precision,
            report,
        )
        self.gpus, self.spawned, self.loaded = 0.0, 0, None
        self.places = [Place() for _ in range(num_actors)]
        self.session = open_session(address, num_actors, config.actor.threads, goes_on)
        self.here: Actor | None = None
        self.game_file = game_of(config).source
        if is_gpu(config.network.device):  # Ray shows a worker its part of the GPUs alone
            self._is_up(wait=True)
            self.gpus = share_of_gpus(int(ray.cluster_resources().get("GPU", 0)), num_actors)
            network = msgspec.structs.replace(config.network, device="cuda")
            self.config = msgspec.structs.replace(config, network=network)
        elif self.session.is_guarded:
            self.here = Actor(self.config, shape, self._next_seed())

    def _next_seed(self) -> int:
        """The name of a random stream that nobody has played by."""
        self.spawned += 1
        return seed_of(self.seed, self.spawned - 1)

    def _spawn(self, place: Place) -> None:
        """A new worker, which loads the newest weights as soon as it is there."""
        threads = self.config.actor.threads
        options = {"num_cpus": threads, "num_gpus": self.gpus, "name": None}
        # workers of our own have inherited it, and may start before they are asked for
        if not self.session.is_guarded:
            options["runtime_env"] = {"env_vars": thread_variables(threads)}
        remote = ray.remote(Worker).options(**options)
        place.worker = remote.remote(
            self.config, self.shape, self._next_seed(), threads, self.game_file
        )
        place.births += 1
        place.since = time.monotonic()
        self._send_weights(place)

    def _send_weights(self, place: Place) -> None:
        place.is_ready, place.rows, place.sent = False, 0, self.loaded
        place.call = place.worker.load.remote(*self.loaded, self.precision)

    # The pool's interface

    def load(self, weights: dict[str, np.ndarray], generation: int, simulations: int) -> str:
        """Actors that are at hand have loaded the weights when this returns; the others follow when
        they can."""
        self.newest, self.terms = weights, (generation, simulations)
        self.loaded, self.is_here_ready = None, False
        if self.here is not None and not self._num_ready():
            self._load_here()
        self._begin(wait=self.here is None)
        while self.loaded and any(
            place.call is not None and place.births == 0 for place in self.places
        ):
            self._step()
        return self.precision

    def _load_here(self) -> None:
        with torch_threads(self.config.actor.threads):
            self.precision = self.here.load(self.newest, *self.terms, self.precision)
        self.is_here_ready = True

    def _play_here(self, rows: int) -> tuple[Games, Work]:
        if not self.is_here_ready:
            self._load_here()
        with torch_threads(self.config.actor.threads):
            return self.here.play(rows)

    def _num_ready(self) -> int:
        return sum(place.is_ready for place in self.places)

    def _begin(self, wait: bool = False) -> None:
        """Hand the weights to all workers at once, where Ray is up, or is waited for."""
        if self.loaded is not None or not self._is_up(wait):
            return
        self.loaded = (ray.put(self.newest), *self.terms)
        first, *others = self.places
        self._renew(first)
        # one measures alone, then all use the same: a run is played in one precision
        if self.precision == "auto":
            self._wait_for(first)
        for place in others:
            self._renew(place)

    def _is_up(self, wait: bool) -> bool:
        if is_up := self.session.is_up(wait):
            take_back_sigterm()
        return is_up

    def _renew(self, place: Place) -> None:
        """Send the newest weights, unless the worker has yet to begin: then it is asked again when
        it has, and what waits for it does not grow."""
        if place.worker is None:
            self._spawn(place)
        elif not (place.births and place.call is not None):
            self._send_weights(place)

    def _wait_for(self, place: Place) -> None:
        begin = time.monotonic()
        while not place.is_ready:
            self._step()
            self._refuse_to_be_alone(begin)

    def play(self, rows: int) -> Iterator[tuple[Games, Work]]:
        chunk, begin = max(1, rows // (CHUNKS * len(self.places))), time.monotonic()
        while rows > 0 or any(place.rows for place in self.places):
            self._begin()
            for place in self.places:
                missing = min(chunk, rows - sum(other.rows for other in self.places))
                if place.is_ready and place.call is None and missing > 0:
                    place.call, place.rows = place.worker.play.remote(missing), missing
            if self._num_ready():
                begin, delivered = time.monotonic(), self._step()
            elif self.here is not None:
                delivered = [self._play_here(min(chunk, rows)), *self._step(0.0)]
            else:
                delivered = self._step()
                self._refuse_to_be_alone(begin)
            for games, work in delivered:
                rows -= games.rows
                yield games, work

    def _refuse_to_be_alone(self, begin: float) -> None:
        if time.monotonic() - begin > ALONE and not self._num_ready():
            raise ConnectionError(
                f"the Ray cluster has had no room for a single actor in {ALONE:.0f} s"
            )

    def _step(self, patience: float = ray_session.LOOK) -> list[tuple[Games, Work]]:
        """Wait for a call to be answered, and take up what was: the games that were delivered."""
        self.session.check()
        in_flight = {place.call: place for place in self.places if place.call is not None}
        if not in_flight:
            return []
        done, _ = ray.wait(list(in_flight), num_returns=1, timeout=patience)
        delivered = [found for call in done if (found := self._take(in_flight[call])) is not None]
        self._name_the_missing()
        return delivered

    def _take(self, place: Place) -> tuple[Games, Work] | None:
        """What a place's call has brought: games, or None after it loaded weights, or was lost and
        is replaced."""
        call, rows, index = place.call, place.rows, self.places.index(place)
        place.call, place.rows = None, 0
        try:
            answer = ray.get(call)
        except LOST as error:
            self.session.check(now=True)
            self._replace(place, index, error)
            return None
        except RayTaskError as error:
            raise failure(index, error) from error
        except RayError as error:
            raise ConnectionError(f"Ray failed: {ray_session.first_line(error)}") from error
        place.births = 0
        if rows:
            place.failures = 0
            return answer
        self.precision = answer
        if place.sent is not self.loaded:
            self._send_weights(place)
            return None
        place.is_ready = True
        if place.is_missed:
            place.is_missed = False
            self.report(f"actor {index} has room again and plays on")
        return None

    def _replace(self, place: Place, index: int, error: Exception) -> None:
        place.failures += 1
        place.is_ready = False
        if place.births >= MAX_BIRTHS or BIRTH in str(error):
            raise ChildProcessError(
                f"actor {index} cannot start: {ray_session.reason(error)}"
            ) from error
        if place.failures > MAX_REPLACEMENTS:
            why = ray_session.reason(error)
            raise ChildProcessError(
                f"actor {index} died {place.failures} times in a row: {why}"
            ) from error
        self.report(f"actor {index} died and is replaced; its unfinished games are lost")
        with suppress(RayError, ValueError):  # it may only have been out of reach
            ray.kill(place.worker)
        self._spawn(place)

    def _name_the_missing(self) -> None:
        """Say once of each worker that has not begun for long that the others play on."""
        for index, place in enumerate(self.places):
            late = place.births and not place.is_ready and time.monotonic() - place.since > NO_ROOM
            if late and not place.is_missed:
                place.is_missed = True
                here = f"{self._num_ready()} of {len(self.places)} actors"
                self.report(
                    f"no room for actor {index}, or it is slow to begin: the run goes on with "
                    f"{here}"
                )

    def processes(self) -> list[int]:
        """Process numbers of the workers, all of which are waited for."""
        self._begin(wait=True)
        while not all(place.is_ready for place in self.places):
            self._step()
        return ray.get([place.worker.process.remote() for place in self.places])

    def close(self) -> None:
        """End the workers, and the Ray that was started for them, but none that was there
        before."""
        self.session.quiet()
        workers = [place.worker for place in self.places if place.worker is not None]
        self.places = [Place() for _ in self.places]
        try:
            for worker in [] if self.session.is_lost else workers:
                with suppress(RayError, ValueError):
                    ray.kill(worker)
        finally:
            self.session.close()


def open_session(
    address: str | None, num_actors: int, threads: int, goes_on: str
) -> ray_session.Session:
    """The Ray that a pool works with: one that this process has joined already, the cluster at
    `address`, or one of our own, which starts while others work. ValueError with one line if there
    is no such cluster or it is too small."""
    if ray.is_initialized():
        return ray_session.Session()
    if address is None:
        # with fewer some would never start
        return start_session(max(num_actors * threads, cores()), threads, goes_on)
    joined = ray_session.join(address, lambda: enter(address), ray.shutdown, JOIN)
    take_back_sigterm()
    found = int(ray.cluster_resources().get("CPU", 0))
    if found < num_actors * threads:
        joined.close()
        raise ValueError(
            f"the Ray cluster at {address} has {found} processors, too few for {num_actors} actors"
        )
    return joined


def start_session(cpus: int, threads: int, goes_on: str) -> ray_session.Session:
    folder, lock = ray_session.new_folder()
    watch = ray_session.Watch(folder, f"nothing that was reported is lost; {goes_on}")
    made = ray_session.Session(lambda: start_ray(str(folder), cpus, threads), ray.shutdown)
    made.guard(watch, lock, PARTS)
    return made


def share_of_gpus(gpus: int, actors: int) -> float:
    """Each actor's share of one GPU, so that all find room. ValueError if there is no GPU."""
    if gpus < 1:
        raise ValueError("Ray knows of no GPU for its actors; --actors 0 plays in this process")
    return 1 / math.ceil(actors / gpus)


def failure(index: int, error: RayTaskError) -> Exception:
    """What a worker's own exception means here, with its traceback; diverged learning and a full
    memory are no faults of the worker."""
    if isinstance(error.cause, (FloatingPointError, MemoryError)):
        return error.cause
    return RuntimeError(f"actor {index} failed:\n{error}")


def take_back_sigterm() -> None:
    """Ray's core puts a handler of its own under Python's, which prints where each thread
    stands."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


def thread_variables(threads: int) -> dict[str, str]:
    return dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)
    )


def start_ray(folder: str, cpus: int, threads: int) -> None:
    """Start a quiet Ray of our own that ends with this thread, on the loopback address and behind a
    token of its own."""
    be_quiet()
    variables = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    } | thread_variables(threads)
    with ray_session.inherited(variables), loopback():
        read_settings()
        ray.init(
            address="local",  # never a cluster that happens to run here
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=256 * 1024 * 1024,
            _temp_dir=folder,
        )


def be_quiet() -> None:
    """What Ray has to say of dead workers would go to standard output; we say it ourselves, in the
    run's log."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    ray._private.worker.print_to_stdstream = lambda *what, **how: None


def read_settings() -> None:
    """Let Ray look at the environment again, as it does itself when it turns tokens on."""
    from ray._raylet import AuthenticationTokenLoader, Config

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def loopback() -> Iterator[None]:
    """Inside, Ray takes 127.0.0.1 for this machine's address, as on macOS, and all its servers
    listen there alone. (Private, and the one place: tests/actors/test_ray_pool.py looks at the
    sockets.)"""
    from ray._private import ray_constants

    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def enter(address: str) -> None:
    """Join, with the user's token if the cluster asks for one. (A driver with a token refuses a
    cluster without one, so it is asked first.)"""
    from ray._private.authentication.authentication_token_setup import (
        maybe_enable_token_auth_if_token_available,
    )

    be_quiet()
    read_settings()
    try:
        ray._raylet.GcsClient(address=address).internal_kv_get(b"", None, REPLY)
    except AuthenticationError:
        if not maybe_enable_token_auth_if_token_available(warn_if_disabled=False):
            raise
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
