"""Actors in processes of their own: the same interface, replacement of the dead, tracebacks of the
failing."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

import games
from selfplay.actors import ray_session, watchdog
from selfplay.network.weights import new_network, shape_for, weights_of
from tests.learning.test_loop import settings

ray = pytest.importorskip("ray")
from selfplay.actors import ray_pool  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pool():
    wanted = msgspec.structs.replace(
        settings(), replay=msgspec.structs.replace(settings().replay, rows_per_generation=400)
    )
    shape = shape_for(games.load(wanted.game), wanted.network)
    told = []
    made = ray_pool.RayPool(wanted, shape, 1, 2, "fp32", report=told.append)
    made.told, made.weights = told, weights_of(new_network(shape, 1))
    made.load(made.weights, 0, 4)
    yield made
    made.close()


def deliveries(pool, rows):
    return [played for played, _ in pool.play(rows)]


def test_a_pool_delivers_the_rows_asked_for(pool):
    assert pool.load(pool.weights, 5, 4) == "fp32"
    parts = deliveries(pool, 500)
    rows = sum(part.rows for part in parts)
    assert 500 <= rows < 700 and len(parts) >= 4
    assert all((part.generation == 5).all() for part in parts)


def test_fewer_rows_than_actors_are_no_problem(pool):
    pool.load(pool.weights, 0, 4)
    assert sum(part.rows for part in deliveries(pool, 1)) >= 1


def test_actors_play_different_games(pool):
    pool.load(pool.weights, 0, 4)
    seeds = np.concatenate([part.seed for part in deliveries(pool, 400)])
    assert len(np.unique(seeds, axis=0)) == len(seeds)


class Overshooting:
    """A worker whose every call brings more rows than it was asked for, and which must not be asked
    for ever."""

    def __init__(self, games):
        self.games, self.calls, self.play = games, 0, self

    def remote(self, rows):
        self.calls += 1
        assert self.calls < 20
        return ray.put((self.games, None))


def test_calls_end_however_far_actors_overshoot(pool):
    """Three or more calls in flight when the last row is in: nobody is asked again."""
    pool.load(pool.weights, 0, 4)
    pool.processes()
    played = deliveries(pool, 40)[0]
    crowd = object.__new__(ray_pool.RayPool)
    crowd.places = [ray_pool.Place(Overshooting(played), is_ready=True) for _ in range(6)]
    crowd.session, crowd.loaded, crowd.here = pool.session, (), None
    assert sum(part.rows for part in deliveries(crowd, 6)) >= 6
    assert sum(place.worker.calls for place in crowd.places) == 6


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch):
    """It took a quarter of an hour, in which nobody heard Ctrl-C."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    begin = time.monotonic()
    with pytest.raises(ValueError, match="^no Ray cluster answers at 127.0.0.1:1: [^\n]*$"):
        ray_pool.open_session("127.0.0.1:1", 1, 1, "")
    assert time.monotonic() - begin < 30


def test_a_port_that_does_not_speak_ray_is_one_line_in_time(monkeypatch):
    """Whatever listens there, a wrong port is a wrong port."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_pool, "JOIN", 0.5)
    monkeypatch.setattr(ray_pool, "enter", lambda address: time.sleep(3))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ValueError, match="^cannot join a Ray cluster at [^\n]*$"):
            ray_pool.open_session(address, 1, 1, "")


def test_a_cluster_of_our_own_has_a_processor_for_every_thread_of_every_actor(monkeypatch):
    """With fewer Ray would wait for ever to start some of them."""
    asked = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_pool, "start_ray", lambda folder, cpus, threads: asked.append(cpus))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    made = ray_pool.open_session(None, 3, 50, "")
    assert made.is_up(wait=True) and asked == [150]
    made.close()


def test_what_ray_says_when_it_cannot_start_is_one_line(monkeypatch):
    def start(*arguments):
        raise OSError("no space for sockets\nand much more")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_pool, "start_ray", start)
    made = ray_pool.open_session(None, 1, 1, "")
    with pytest.raises(
        ChildProcessError, match="^Ray cannot be started here: no space for sockets$"
    ):
        made.is_up(wait=True)
    made.close()


def test_a_cluster_of_another_version_is_refused_with_the_whole_reason(monkeypatch):
    def differ(address):
        raise RuntimeError(
            "Version mismatch: The cluster was started with:\n    Ray: 2.50.0\n    Python: "
            "3.12.1\nThis process"
        )

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_session, "reach", lambda address: None)
    monkeypatch.setattr(ray_pool, "enter", differ)
    with pytest.raises(
        ValueError,
        match="^cannot join .* Version mismatch: .* Ray: 2.50.0 Python: 3.12.1 This process$",
    ):
        ray_pool.open_session("127.0.0.1:6379", 1, 1, "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_session_of_our_own_listens_on_the_loopback_address_alone_and_asks_for_a_token(pool):
    """Ray's servers run what they are sent. They listened on every interface, and the token lay in
    the user's folder, where it made clusters that were started later ask for one."""
    pool.processes()
    ours = watchdog.working_in(folder_of(pool)) | {os.getpid()} | set(pool.processes())
    found = [address for process in ours for address in listening(process)]
    assert len(found) >= 5 and set(found) == {"127.0.0.1"}
    assert "RAY_AUTH_TOKEN" not in os.environ
    worker = (watchdog.PROCESSES / str(pool.processes()[0]) / "environ").read_bytes()
    assert b"RAY_AUTH_MODE=token" in worker


def folder_of(pool) -> Path:
    return Path(pool.session.watch.process.args[4])


def listening(process: int) -> list[str]:
    """The addresses on which a process waits for connections."""
    files = watchdog.open_files(watchdog.PROCESSES / str(process))
    open_ones = {name.split("[")[1][:-1] for name in files if name.startswith("socket:[")}
    found = []
    for table in ("tcp", "tcp6"):
        for line in (watchdog.PROCESSES / "net" / table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in open_ones:
                raw = bytes.fromhex(words[1].split(":")[0])
                four = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))[-4:]
                found.append(".".join(map(str, four)))
    return found


def test_workers_load_weights_together(pool, monkeypatch):
    """One after the other a generation waited as often as there were actors."""
    pool.load(pool.weights, 0, 4)
    pool.processes()
    sent = []
    monkeypatch.setattr(
        pool,
        "_send_weights",
        lambda place, send=pool._send_weights: (sent.append(place), send(place)),
    )
    monkeypatch.setattr(
        pool, "_step", lambda *a, step=pool._step: (sent.append("wait"), step(*a))[1]
    )
    pool.load(pool.weights, 1, 4)
    assert sent[:3] == [*pool.places, "wait"]


def test_a_worker_that_dies_at_birth_ends_the_run_with_its_reason(pool, monkeypatch):
    class Stillborn(ray_pool.Worker):
        def __init__(self, *arguments):
            raise ImportError("No module named 'numba'")

    pool.load(pool.weights, 0, 4)
    os.kill(pool.processes()[0], signal.SIGKILL)
    monkeypatch.setattr(ray_pool, "Worker", Stillborn)
    with pytest.raises(
        ChildProcessError, match="^actor 0 cannot start: [^\n]*No module named 'numba'$"
    ):
        pool.load(pool.weights, 0, 4)
        while True:
            deliveries(pool, 200)
    monkeypatch.undo()
    pool.places[0].worker = None
    pool.load(pool.weights, 0, 4)
    assert len(pool.processes()) == 2


def test_all_actors_find_room_on_the_gpus():
    for gpus, actors in ((1, 1), (1, 7), (2, 3), (4, 2), (8, 100)):
        share = ray_pool.share_of_gpus(gpus, actors)
        assert 0 < share <= 1 and gpus * int(1 / share + 1e-9) >= actors
    with pytest.raises(ValueError, match="no GPU"):
        ray_pool.share_of_gpus(0, 2)


def test_a_dead_actor_is_replaced_and_only_its_unfinished_games_are_lost(pool):
    pool.load(pool.weights, 0, 4)
    before = pool.processes()
    rows = 0
    for index, (played, _) in enumerate(pool.play(2000)):
        rows += played.rows
        if index == 0:
            os.kill(before[1], signal.SIGKILL)
    assert rows >= 2000
    pool.load(pool.weights, 0, 4)  # which finds out at the latest
    after = pool.processes()
    assert after[0] == before[0] and after[1] != before[1]
    assert any("actor 1 died and is replaced" in line for line in pool.told)


def test_an_actor_killed_while_nobody_looks_is_replaced_at_the_next_load(pool):
    os.kill(pool.processes()[0], signal.SIGKILL)
    pool.load(pool.weights, 3, 2)
    assert sum(part.rows for part in deliveries(pool, 300)) >= 300


def test_a_failing_actor_shows_its_name_and_traceback(pool):
    good, bad = pool.weights, {"nonsense": np.zeros(3, np.float32)}
    pool.load(good, 0, 4)
    pool.processes()
    with pytest.raises(RuntimeError, match="actor [01] failed(.|\n)*load_weights"):
        pool.load(bad, 4, 2)
    pool.load(good, 4, 2)
    assert deliveries(pool, 100)


def test_a_ray_that_was_there_before_is_left_as_it_was(pool):
    """`close` shut down whatever Ray there was."""
    pool.processes()
    guest = ray_pool.RayPool(pool.config, pool.shape, 2, 1, "fp32")
    guest.load(pool.weights, 0, 4)
    guest.close()
    assert ray.is_initialized() and len(pool.processes()) == 2


def test_a_pool_can_be_closed_twice_and_leaves_no_folder(pool):
    """The last one: nothing plays after it."""
    folder = folder_of(pool)
    pool.close()
    pool.close()
    others = watchdog.working_in(folder) - {os.getpid()}  # Ray keeps a log open in this process
    assert not folder.exists() and not others and not ray.is_initialized()
