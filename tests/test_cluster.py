"""Actors in processes of their own: the same interface, replacement of the dead, tracebacks of the failing."""

import os
import signal

import msgspec
import numpy as np
import pytest

import games
from selfplay.checkpoint import new_network, shape_for, weights_of
from tests.test_loop import settings

ray = pytest.importorskip("ray")
from selfplay import cluster  # noqa: E402


@pytest.fixture(scope="module")
def pool():
    wanted = msgspec.structs.replace(
        settings(), replay=msgspec.structs.replace(settings().replay, rows_per_generation=400)
    )
    shape = shape_for(games.load(wanted.game), wanted.network)
    told = []
    made = cluster.RayPool(wanted, shape, 1, 2, "fp32", report=told.append)
    made.told, made.weights = told, weights_of(new_network(shape, 1))
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
    """A worker whose every call brings more rows than it was asked for, and which must not be asked for ever."""

    def __init__(self, games):
        self.games, self.calls, self.play = games, 0, self

    def remote(self, rows):
        self.calls += 1
        assert self.calls < 20
        return ray.put((self.games, None))


def test_calls_end_however_far_actors_overshoot(pool):
    """Three or more calls in flight when the last row is in: nobody is asked again."""
    pool.load(pool.weights, 0, 4)
    played = deliveries(pool, 40)[0]
    crowd = object.__new__(cluster.RayPool)
    crowd.workers, crowd.failures = [Overshooting(played) for _ in range(6)], [0] * 6
    assert sum(part.rows for part in deliveries(crowd, 6)) >= 6
    assert sum(worker.calls for worker in crowd.workers) == 6


def test_a_cluster_that_is_not_there_is_one_line():
    with pytest.raises(ValueError, match="^cannot join a Ray cluster at 127.0.0.1:1: [^\n]*$"):
        with_ray = ray.is_initialized
        try:
            ray.is_initialized = lambda: False
            cluster.start_ray("127.0.0.1:1", 1)
        finally:
            ray.is_initialized = with_ray


def test_a_cluster_of_our_own_has_a_processor_for_every_thread_of_every_actor(monkeypatch):
    """With fewer Ray would wait for ever to start some of them."""
    asked = {}
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: asked.update(options))
    cluster.start_ray(None, 3, 50)
    assert asked["num_cpus"] == 150


def test_all_actors_find_room_on_the_gpus():
    for gpus, actors in ((1, 1), (1, 7), (2, 3), (4, 2), (8, 100)):
        share = cluster.share_of_gpus(gpus, actors)
        assert 0 < share <= 1 and gpus * int(1 / share + 1e-9) >= actors
    with pytest.raises(ValueError, match="no GPU"):
        cluster.share_of_gpus(0, 2)


def test_a_dead_actor_is_replaced_and_only_its_unfinished_games_are_lost(pool):
    pool.load(pool.weights, 0, 4)
    before = pool.processes()
    rows = 0
    for index, (played, _) in enumerate(pool.play(2000)):
        rows += played.rows
        if index == 0:
            os.kill(before[1], signal.SIGKILL)
    assert rows >= 2000
    after = pool.processes()
    assert after[0] == before[0] and after[1] != before[1]
    assert any("actor 1 died and is replaced" in line for line in pool.told)


def test_an_actor_killed_while_nobody_looks_is_replaced_at_the_next_load(pool):
    os.kill(pool.processes()[0], signal.SIGKILL)
    pool.load(pool.weights, 3, 2)
    assert sum(part.rows for part in deliveries(pool, 300)) >= 300


def test_a_failing_actor_shows_its_name_and_traceback(pool):
    bad = {"nonsense": np.zeros(3, np.float32)}
    with pytest.raises(RuntimeError, match="actor 0 failed(.|\n)*load_weights"):
        pool.load(bad, 4, 2)
    pool.load(pool.weights, 4, 2)
    assert deliveries(pool, 100)
