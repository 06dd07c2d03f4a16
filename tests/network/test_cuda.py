"""The network on a GPU. Where torch sees none, these tests say so and are skipped."""

from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import numpy as np
import pytest
import torch

import games
from selfplay import config_file
from selfplay.actors.local_pool import LocalPool
from selfplay.config import LearnerConfig, NetworkConfig, ReplayConfig
from selfplay.learning.learner import Learner
from selfplay.learning.replay import Replay
from selfplay.network.hardware import peak_flops
from selfplay.network.precision import fold_normalisation, new_backend, random_inputs
from selfplay.network.torch_backend import CudaGraphBackend
from selfplay.network.weights import new_network, shape_for, weights_of
from tests.actors.test_actor import GUMBEL_PLAY, self_play

TF32 = 5e-3  # fp32 on a GPU: convolutions keep 10 bits of each factor

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU that torch can use"
)


def folded(name: str, seed: int):
    shape = shape_for(games.load(name), NetworkConfig(blocks=2, channels=16), LearnerConfig())
    return fold_normalisation(new_network(shape, seed).eval())


@pytest.mark.parametrize("name", ("connect4", "go7", "breakthrough6"))
@pytest.mark.parametrize("precision, tolerance", (("fp32", TF32), ("bf16", 0.05)))
def test_recorded_answers_are_those_of_the_processor(name, precision, tolerance):
    network = folded(name, 1)
    on_gpu = new_backend(fold_normalisation(network).cuda(), precision)
    assert isinstance(on_gpu, CudaGraphBackend)
    for rows in (8, 32, 8):  # recorded, recorded, replayed
        planes, scalars = random_inputs(network.shape, rows)
        planes = np.roll(planes, rows, axis=0)
        policy, value = new_backend(network, "fp32")(planes, scalars)
        other_policy, other_value = on_gpu(planes, scalars)
        assert np.abs(other_policy - policy).max() < tolerance * np.abs(policy).max()
        assert np.abs(other_value - value).max() < tolerance


def test_an_answer_is_not_overwritten_by_the_next():
    network = folded("connect4", 1)
    on_gpu = new_backend(fold_normalisation(network).cuda(), "fp32")
    planes, scalars = random_inputs(network.shape, 8)
    first = on_gpu(planes, scalars)
    kept = first[0].copy(), first[1].copy()
    on_gpu(1 - planes, scalars)
    assert (first[0] == kept[0]).all() and (first[1] == kept[1]).all()


def test_new_weights_are_answered_by_without_a_new_recording():
    on_gpu = new_backend(folded("connect4", 1).cuda(), "fp32")
    planes, scalars = random_inputs(on_gpu.shape, 8)
    on_gpu(planes, scalars)
    (recorded,) = on_gpu.recordings.values()
    on_gpu.load(folded("connect4", 2).cuda())
    policy, value = new_backend(folded("connect4", 2), "fp32")(planes, scalars)
    found, (still,) = on_gpu(planes, scalars), on_gpu.recordings.values()
    assert still is recorded
    assert (
        np.abs(found[0] - policy).max() < TF32 * np.abs(policy).max()
        and np.abs(found[1] - value).max() < TF32
    )


def test_threads_record_and_ask_side_by_side():
    questions = [random_inputs(folded("connect4", 1).shape, rows) for rows in (8, 16, 32, 64)]

    networks = [folded("connect4", seed) for seed in range(1, 9)]
    asked = [new_backend(fold_normalisation(network).cuda(), "fp32") for network in networks]

    def ask(on_gpu) -> list:
        return [on_gpu(*question) for _ in range(20) for question in questions]

    with ThreadPoolExecutor(8) as pool:
        for network, found in zip(networks, pool.map(ask, asked)):
            right = [new_backend(network, "fp32")(*question) for question in questions]
            for (policy, value), (other_policy, other_value) in zip(found, right * 20):
                assert np.abs(policy - other_policy).max() < TF32 * np.abs(other_policy).max()
                assert np.abs(value - other_value).max() < TF32


def test_what_one_thread_recorded_another_asks():
    network = folded("connect4", 1)
    on_gpu, question = (
        new_backend(fold_normalisation(network).cuda(), "fp32"),
        random_inputs(network.shape, 16),
    )
    found = []
    for _ in range(3):
        thread = Thread(target=lambda: found.append(on_gpu(*question)))
        thread.start()
        thread.join()
    right = new_backend(network, "fp32")(*question)
    for said in found:
        assert all(
            np.abs(mine - theirs).max() < TF32 * np.abs(theirs).max()
            for mine, theirs in zip(said, right)
        )


def test_a_learner_on_a_gpu_goes_on_as_if_it_had_not_stopped():
    game = games.load("tictactoe")
    shape = shape_for(game, NetworkConfig(blocks=1, channels=8), LearnerConfig())
    replay = Replay(game, ReplayConfig())
    replay.add(self_play(game, GUMBEL_PLAY, steps=600)[0])

    def learner() -> Learner:
        return Learner(new_network(shape, 1), LearnerConfig(batch=32, warmup=2), "fp32", "cuda")

    def learn(student: Learner, seed: int) -> None:
        student.learn(replay, 5, np.random.default_rng(seed), (0.0, 0.5))

    whole, first, second = learner(), learner(), learner()
    learn(whole, 1), learn(whole, 2)
    learn(first, 1)
    second.restore(first.state(), first.averaged)
    learn(second, 2)
    for name, tensor in whole.averaged.state_dict().items():
        torch.testing.assert_close(second.averaged.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_many_actors_play_on_one_gpu():
    wanted = config_file.load(
        "dummy",
        ["network.device=cuda", "network.precision=fp32", "actor.local_actors=6", "actor.games=16"],
    )
    shape = shape_for(games.load(wanted.game), wanted.network)
    pool = LocalPool(wanted, shape, 1, "fp32")
    for generation in range(3):
        assert pool.load(weights_of(new_network(shape, generation)), generation, 2) == "fp32"
        played = [part for part, _ in pool.play(600)]
        assert sum(part.rows for part in played) >= 600
        assert all((part.generation == generation).all() for part in played)


def test_a_gpu_has_a_measured_limit():
    assert peak_flops("bf16", repeats=1, device="cuda") > 1e11
