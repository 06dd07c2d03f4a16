"""The network on a GPU. Where torch sees none, these tests say so and are skipped."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import games
from selfplay import config
from selfplay.checkpoint import new_network, shape_for, weights_of
from selfplay.config import LearnerConfig, NetworkConfig
from selfplay.inference import GraphAnswers, answers, fold_normalisation, made_up
from selfplay.limits import peak_flops
from selfplay.pool import LocalPool

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


def folded(name: str, seed: int):
    shape = shape_for(games.load(name), NetworkConfig(blocks=2, channels=16), LearnerConfig())
    return fold_normalisation(new_network(shape, seed).eval())


@pytest.mark.parametrize("name", ("connect4", "go7", "breakthrough6"))
@pytest.mark.parametrize("precision, tolerance", (("fp32", 2e-3), ("bf16", 0.05)))
def test_recorded_answers_are_those_of_the_processor(name, precision, tolerance):
    network = folded(name, 1)
    on_gpu = answers(fold_normalisation(network).cuda(), precision)
    assert isinstance(on_gpu, GraphAnswers)
    for rows in (8, 32, 8):  # recorded, recorded, replayed
        planes, scalars = made_up(network.shape, rows)
        planes = np.roll(planes, rows, axis=0)
        policy, value = answers(network, "fp32")(planes, scalars)
        other_policy, other_value = on_gpu(planes, scalars)
        assert np.abs(other_policy - policy).max() < tolerance * np.abs(policy).max()
        assert np.abs(other_value - value).max() < tolerance


def test_an_answer_is_not_overwritten_by_the_next():
    network = folded("connect4", 1)
    on_gpu = answers(fold_normalisation(network).cuda(), "fp32")
    planes, scalars = made_up(network.shape, 8)
    first = on_gpu(planes, scalars)
    kept = first[0].copy(), first[1].copy()
    on_gpu(1 - planes, scalars)
    assert (first[0] == kept[0]).all() and (first[1] == kept[1]).all()


def test_new_weights_are_answered_by_without_a_new_recording():
    on_gpu = answers(folded("connect4", 1).cuda(), "fp32")
    planes, scalars = made_up(on_gpu.shape, 8)
    on_gpu(planes, scalars)
    (recorded,) = on_gpu.recordings.values()
    on_gpu.load(folded("connect4", 2).cuda())
    policy, value = answers(folded("connect4", 2), "fp32")(planes, scalars)
    found, (still,) = on_gpu(planes, scalars), on_gpu.recordings.values()
    assert still is recorded
    assert np.abs(found[0] - policy).max() < 2e-3 * np.abs(policy).max() and np.abs(found[1] - value).max() < 2e-3


def test_threads_record_and_ask_side_by_side():
    questions = [made_up(folded("connect4", 1).shape, rows) for rows in (8, 16, 32, 64)]

    def ask(seed: int) -> list:
        on_gpu = answers(folded("connect4", seed).cuda(), "fp32")
        return [on_gpu(*question) for _ in range(20) for question in questions]

    with ThreadPoolExecutor(8) as pool:
        for seed, found in enumerate(pool.map(ask, range(1, 9)), 1):
            right = [answers(folded("connect4", seed), "fp32")(*question) for question in questions]
            for (policy, value), (other_policy, other_value) in zip(found, right * 20):
                assert np.abs(policy - other_policy).max() < 2e-3 * np.abs(other_policy).max()
                assert np.abs(value - other_value).max() < 2e-3


def test_many_actors_play_on_one_gpu():
    wanted = config.load(
        "dummy", ["network.device=cuda", "network.precision=fp32", "actor.in_process=6", "actor.games=16"]
    )
    shape = shape_for(games.load(wanted.game), wanted.network)
    pool = LocalPool(wanted, shape, 1)
    for generation in range(3):
        assert pool.load(weights_of(new_network(shape, generation)), generation, 2) == "fp32"
        played = [part for part, _ in pool.play(600)]
        assert sum(part.rows for part in played) >= 600
        assert all((part.generation == generation).all() for part in played)


def test_a_gpu_has_a_measured_limit():
    assert peak_flops("bf16", repeats=1, device="cuda") > 1e11
