"""The network on a GPU. Where torch sees none, these tests say so and are skipped."""

import numpy as np
import pytest
import torch

import games
from selfplay.checkpoint import new_network, shape_for
from selfplay.config import LearnerConfig, NetworkConfig
from selfplay.inference import GraphAnswers, answers, fold_normalisation, made_up
from selfplay.limits import peak_flops

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


def test_a_gpu_has_a_measured_limit():
    assert peak_flops("bf16", repeats=1, device="cuda") > 1e11
