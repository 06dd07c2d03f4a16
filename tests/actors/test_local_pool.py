"""Actors in threads of this process: the games of actors that play one after the other, whichever
thread is faster."""

import threading

import msgspec
import numpy as np
import pytest
import torch

import games
from selfplay.actors import local_pool as pools
from selfplay.actors.actor import Actor
from selfplay.actors.local_pool import LocalPool, actors_here, seed_of
from selfplay.commands import training
from selfplay.network.weights import new_network, shape_for, weights_of
from tests.learning.test_loop import settings


def wanted(count: int):
    return msgspec.structs.replace(
        settings(), actor=msgspec.structs.replace(settings().actor, local_actors=count)
    )


SHAPE = shape_for(games.load(settings().game), settings().network)
WEIGHTS = weights_of(new_network(SHAPE, 1))


def opened(count: int, seed: int = 1) -> LocalPool:
    made = LocalPool(wanted(count), SHAPE, seed, "fp32")
    assert made.load(WEIGHTS, 5, 4) == "fp32"
    return made


def sequences(deliveries) -> list:
    return [played.sequences() for played, _ in deliveries]


def test_threads_play_what_the_same_actors_play_in_turn():
    """Three threads on fewer cores, and three times over."""
    found = [sequences(opened(3).play(303)) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    alone = [Actor(wanted(1), SHAPE, seed_of(1, number)) for number in range(3)]
    by_actor = []
    for actor in alone:
        actor.load(WEIGHTS, 5, 4, "fp32")
        parts, rows = [], 101
        while rows > 0:
            played, _ = actor.play(min(101 // pools.CHUNKS, rows))
            parts.append(played.sequences())
            rows -= played.rows
        by_actor.append(parts)
    in_turn = [
        parts[i] for i in range(max(map(len, by_actor))) for parts in by_actor if i < len(parts)
    ]
    assert found[0] == in_turn
    assert len({tuple(parts[0]) for parts in by_actor}) == 3  # each has random numbers of its own


@pytest.mark.parametrize("count, rows", [(1, 200), (2, 200), (4, 3), (3, 1)])
def test_a_pool_delivers_the_rows_asked_for(count, rows):
    made = opened(count)
    for _ in range(2):  # games in progress go on
        parts = [played for played, _ in made.play(rows)]
        assert rows <= sum(part.rows for part in parts) < rows + 100 * count
        assert all((part.generation == 5).all() for part in parts)
    assert len({tuple(seed) for part in parts for seed in part.seed.tolist()}) == sum(
        part.count for part in parts
    )


def test_what_goes_wrong_in_a_thread_is_raised_and_the_others_stop():
    made, before = opened(3), threading.active_count()
    made.actors[1].evaluator.load(diverged())
    with pytest.raises(FloatingPointError, match="diverged"):
        list(made.play(10**9))  # the others would play for years
    assert threading.active_count() == before


def diverged():
    network = new_network(SHAPE, 1)
    with torch.no_grad():
        network.outcome.decide[2].bias.fill_(np.nan)
    return network.eval()


def test_nobody_plays_on_when_nobody_listens():
    made, before = opened(2), threading.active_count()
    deliveries = made.play(1_000_000)
    made.actors[0].play = lambda rows, is_stopped, play=made.actors[0].play: play(10, is_stopped)
    next(deliveries)
    assert threading.active_count() == before + 2
    deliveries.close()
    assert threading.active_count() == before


def test_threads_play_at_the_same_time():
    """Each waits in its first wave until the other has come to its own."""
    made, meeting = opened(2), threading.Barrier(2, timeout=60)
    for actor in made.actors:
        actor.evaluator.evaluate = meet_then(meeting, actor.evaluator.evaluate)
    assert sum(played.rows for played, _ in made.play(50)) >= 50


def meet_then(meeting, evaluate):
    def meet(batch, rows):
        if not meeting.broken and meet.first:
            meet.first = False
            meeting.wait()
        evaluate(batch, rows)

    meet.first = True
    return meet


def test_the_learner_keeps_its_threads():
    torch.set_num_threads(2)
    try:
        made, seen = opened(2), []
        for actor in made.actors:
            actor.evaluator.evaluate = watch(seen, actor.evaluator.evaluate)
        list(made.play(40))
        assert torch.get_num_threads() == 2 and set(seen) == {1}
        deliveries = made.play(40)
        next(deliveries)
        deliveries.close()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def watch(seen: list, evaluate):
    def watched(batch, rows):
        seen.append(torch.get_num_threads())
        evaluate(batch, rows)

    return watched


def test_there_are_as_many_actors_as_cores_and_twice_as_many_for_a_gpu(monkeypatch):
    monkeypatch.setattr(pools, "cores", lambda: 8)
    assert (actors_here(0, "cpu", 1), actors_here(0, "cpu", 3), actors_here(0, "cpu", 16)) == (
        8,
        2,
        1,
    )
    assert (actors_here(0, "cuda", 1), actors_here(0, "cuda:1", 3), actors_here(50, "cuda", 1)) == (
        8,
        4,
        50,
    )


def test_who_shares_a_gpu_plays_in_one_process(monkeypatch):
    monkeypatch.setattr(training, "cores", lambda: 8)
    monkeypatch.setattr(pools, "cores", lambda: 8)
    monkeypatch.setattr(training, "ray_is_there", lambda: True)
    assert training.number_of_actors(None, None) == 8
    assert training.number_of_actors(None, None, device="cuda") == 0
    assert training.number_of_actors(3, None, device="cuda") == 3


def test_actors_that_fit_alone_and_not_together_are_refused():
    many = msgspec.structs.replace(
        settings(), actor=msgspec.structs.replace(settings().actor, games=100_000)
    )
    many = msgspec.structs.replace(
        many, search=msgspec.structs.replace(many.search, simulations=[100])
    )
    together = msgspec.structs.replace(
        many, actor=msgspec.structs.replace(many.actor, local_actors=1000)
    )
    with pytest.raises(MemoryError, match="100000000 searches of 100 simulations .* would fit"):
        LocalPool(together, SHAPE, 1)
