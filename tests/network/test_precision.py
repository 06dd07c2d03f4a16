"""The network as it is asked: the same answers in every precision, and integers that are the ones
meant."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import games
from selfplay.config import LearnerConfig, NetworkConfig
from selfplay.network import hardware, openvino_backend
from selfplay.network import precision as choice
from selfplay.network.evaluator import Evaluator
from selfplay.network.hardware import device_or_cpu, peak_flops
from selfplay.network.precision import (
    choose_precision,
    fold_normalisation,
    installed_precisions,
    learning_precision,
    measure_ranges,
    new_backend,
    random_inputs,
    usable_precisions,
)
from selfplay.network.weights import network_of, new_network, shape_for, weights_of

# Columns and cells, scalars and none, a pass and none, action planes.
GAMES = ("connect4", "go7", "breakthrough6", "othello6", "tictactoe")


def lively(name: str, blocks: int = 2):
    """A network whose every layer has a say (a new one's blocks are the identity), its ranges
    measured on `random_inputs`."""
    network = new_network(
        shape_for(games.load(name), NetworkConfig(blocks=blocks, channels=16), LearnerConfig()), 1
    ).eval()
    random = torch.Generator().manual_seed(1)  # the same network whatever ran before
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.0, generator=random)
                module.bias.uniform_(-0.2, 0.2, generator=random)
                module.running_mean.uniform_(-0.2, 0.2, generator=random)
                module.running_var.uniform_(0.5, 2.0, generator=random)
    network.ranges.copy_(measure_ranges(network, *tensors(network, 64)))
    return network


def tensors(network, rows: int):
    planes, scalars = random_inputs(network.shape, rows)
    boards = torch.from_numpy(planes).view(
        -1, network.shape.planes, network.shape.rows, network.shape.columns
    )
    return boards, torch.from_numpy(scalars)


def integers_in_torch(folded):
    """A slow twin of the 8-bit network: each kernel's input and weights rounded to the steps that
    they may have."""
    for kernel, (low, high) in zip(folded.conv_layers(), folded.ranges.tolist()):
        largest = max(high, -low)
        step = largest / 255 if low >= 0 else largest / 127
        lowest, highest = (0, 255) if low >= 0 else (-128, 127)
        kernel.register_forward_pre_hook(
            lambda _, x, step=step, a=lowest, b=highest: (x[0] / step).round().clamp(a, b) * step
        )
        steps = kernel.weight.abs().amax((1, 2, 3), keepdim=True) / 127
        kernel.weight.data = (kernel.weight / steps).round() * steps
    return folded


@pytest.mark.parametrize("name", GAMES)
def test_every_precision_answers_alike(name):
    network = lively(name)
    folded = fold_normalisation(network)
    inputs = random_inputs(network.shape, 24)
    policy, value = new_backend(folded, "fp32")(*inputs)
    for precision in usable_precisions(network):
        tolerance = 1e-5 if precision.endswith("fp32") else 0.15
        other = new_backend(folded, precision)(*inputs)
        assert other[0].shape == policy.shape and other[1].shape == value.shape == (24,)
        assert np.abs(other[0] - policy).max() < tolerance * policy.std() + 1e-6, precision
        assert np.abs(other[1] - value).max() < tolerance, precision


@pytest.mark.parametrize("name", GAMES)
def test_integers_are_those_of_the_slow_twin(name):
    needs_openvino()
    network = lively(name)
    inputs = random_inputs(network.shape, 24)
    ours = new_backend(fold_normalisation(network), "openvino-int8")(*inputs)
    twin = new_backend(integers_in_torch(fold_normalisation(network)), "fp32")(*inputs)
    exact = new_backend(fold_normalisation(network), "fp32")(*inputs)
    for mine, theirs, rounded in zip(ours, twin, exact):
        # A value between two steps may be rounded either way; all others agree to rounding, and
        # nearer than to fp32.
        assert np.quantile(np.abs(mine - theirs), 0.5) < 0.25 * np.quantile(
            np.abs(mine - rounded), 0.5
        )


def test_integers_clip_at_their_ranges():
    needs_openvino()
    network = lively("connect4")
    inputs = random_inputs(network.shape, 24)
    exact = new_backend(fold_normalisation(network), "fp32")(*inputs)[0]
    error = {}
    for factor in (1.0, 0.3):
        narrowed = fold_normalisation(network)
        narrowed.ranges *= factor
        error[factor] = np.abs(new_backend(narrowed, "openvino-int8")(*inputs)[0] - exact).mean()
    assert error[0.3] > 5 * error[1.0]


def dtypes_in(layers, ask) -> set[torch.dtype]:
    """Of what goes into these layers and comes out of them."""
    found = set()

    def note(layer, inputs, output) -> None:
        found.update((inputs[0].dtype, output.dtype))

    handles = [layer.register_forward_hook(note) for layer in layers]
    ask()
    for handle in handles:
        handle.remove()
    return found


def test_the_outcome_is_decided_in_fp32_where_the_trunk_is_bf16():
    network, other = lively("connect4"), lively("connect4", blocks=2)
    ask = new_backend(fold_normalisation(network), "bf16")
    inputs = random_inputs(network.shape, 8)
    for folded in (fold_normalisation(network), fold_normalisation(other)):
        ask.load(folded)
        head = ask.model.outcome
        assert dtypes_in([head.decide[0], head.decide[2]], lambda: ask(*inputs)) == {torch.float32}
        assert dtypes_in([head.mix[0], ask.model.policy.places], lambda: ask(*inputs)) == {
            torch.bfloat16
        }
        # not rounded on the way
        assert torch.equal(head.decide[0].weight, folded.outcome.decide[0].weight)


def test_openvino_keeps_all_that_follows_the_convolutions_in_fp32():
    """As OpenVINO reports of the graph that it compiled, with 8-bit integers too."""
    folded = fold_normalisation(lively("go7"))
    for precision in openvino_backend.precisions():
        compiled = openvino_backend.OpenVINOBackend(folded, precision).request.get_compiled_model()
        layers = [layer.get_rt_info() for layer in compiled.get_runtime_model().get_ordered_ops()]
        kinds = [
            (layer["layerType"].astype(str), layer["runtimePrecision"].astype(str))
            for layer in layers
        ]
        heads = [found for kind, found in kinds if kind in ("FullyConnected", "Softmax")]
        assert len(heads) >= 4 and set(heads) == {"f32"}


@pytest.mark.parametrize("precision", installed_precisions())
def test_a_row_does_not_depend_on_its_neighbours(precision):
    network = lively("go7")
    ask = new_backend(fold_normalisation(network), precision)
    planes, scalars = random_inputs(network.shape, 9)
    together = ask(planes, scalars)
    for row in range(9):
        alone = ask(planes[row : row + 1], scalars[row : row + 1])
        for all_rows, one in zip(together, alone):
            np.testing.assert_allclose(
                all_rows[row], one[0], rtol=2e-2 if precision == "bf16" else 1e-4, atol=5e-4
            )


@pytest.mark.parametrize("precision", installed_precisions())
def test_positions_may_lie_apart_in_memory(precision):
    network = lively("go7")
    ask = new_backend(fold_normalisation(network), precision)
    planes, scalars = random_inputs(network.shape, 60)
    apart, together = ask(planes[::3], scalars[::3]), ask(planes[::3].copy(), scalars[::3].copy())
    assert all(np.array_equal(a, b) for a, b in zip(apart, together))


@pytest.mark.parametrize("precision", installed_precisions())
def test_threads_may_ask_one_network(precision):
    network = lively("tictactoe")
    ask = new_backend(fold_normalisation(network), precision)
    questions = [
        tuple(part[i : i + 8] for part in random_inputs(network.shape, 40)) for i in range(0, 40, 8)
    ]
    alone = [ask(*question)[0] for question in questions]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda question: [ask(*question)[0] for _ in range(50)], questions)
        )
    for right, said in zip(alone, together):
        assert all(np.array_equal(right, each) for each in said)


@pytest.mark.parametrize("precision", installed_precisions())
@pytest.mark.parametrize("name", ("connect4", "go7"))
def test_new_weights_answer_as_a_new_network_would(name, precision):
    before, after = lively(name), lively(name)
    with torch.no_grad():
        after.stem[0].weight.mul_(-1.5)
    after.ranges.copy_(measure_ranges(after, *tensors(after, 64)))
    inputs = random_inputs(before.shape, 24)
    ask = new_backend(fold_normalisation(before), precision)
    old = ask(*inputs)
    ask.load(fold_normalisation(after))
    new, right = ask(*inputs), new_backend(fold_normalisation(after), precision)(*inputs)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(new, right))
    assert np.abs(new[0] - old[0]).max() > 0.1 * old[0].std()


def test_ranges_are_what_the_kernels_are_given():
    network = lively("connect4", blocks=1)
    boards, scalars = tensors(network, 64)
    folded = fold_normalisation(network)
    assert len(network.ranges) == len(network.conv_layers()) == 1 + 2 + 2
    assert network.ranges[0].tolist() == [0, 1]  # the planes
    with torch.inference_mode():
        x = torch.relu(folded.stem(boards) + folded.place)
        assert network.ranges[1].tolist() == pytest.approx([x.min().item(), x.max().item()])
        inside = torch.relu(folded.blocks[0].first(x))
        assert network.ranges[2].tolist() == pytest.approx(
            [inside.min().item(), inside.max().item()]
        )
        x = torch.relu(x + folded.blocks[0].second(inside))
        assert (
            network.ranges[3].tolist()
            == network.ranges[4].tolist()
            == pytest.approx([x.min().item(), x.max().item()])
        )


def test_ranges_travel_with_the_weights_and_may_be_missing():
    network = lively("tictactoe")
    weights = weights_of(network)
    assert torch.equal(network_of(network.shape, weights).ranges, network.ranges)
    del weights["ranges"]  # as in a checkpoint of before
    old = network_of(network.shape, weights)
    assert old.ranges.isnan().all() and "openvino-int8" not in usable_precisions(old)
    with pytest.raises(ValueError, match="'openvino-int8' cannot be had here, fp32, bf16"):
        choose_precision(old, 8, "openvino-int8")


def test_the_fastest_precision_is_taken(monkeypatch):
    network = lively("tictactoe")
    assert choose_precision(network, 8, "auto") in usable_precisions(network)
    for fast in usable_precisions(network):
        monkeypatch.setattr(
            choice, "new_backend", lambda folded, name, fast=fast: Slow(name != fast)
        )
        assert choose_precision(network, 8, "auto") == fast
    monkeypatch.setattr(choice, "new_backend", lambda folded, name: Slow(False))
    assert choose_precision(network, 8, "auto") == "fp32"  # none is worth a change


class Slow:
    def __init__(self, is_slow: bool):
        self.seconds = 0.02 if is_slow else 0.005

    def __call__(self, planes, scalars):
        choice.time.sleep(self.seconds)


def test_learning_takes_what_torch_has_of_a_precision():
    network = lively("tictactoe")
    named = {"fp32": "fp32", "bf16": "bf16", "openvino-fp32": "fp32"}
    assert {asked: learning_precision(network, 8, asked) for asked in named} == named
    assert learning_precision(network, 8, "openvino-int8") in ("fp32", "bf16")


def test_without_openvino_torch_is_offered(monkeypatch):
    monkeypatch.setattr(openvino_backend, "precisions", lambda: ())
    assert installed_precisions() == ["fp32", "bf16"]
    with pytest.raises(ValueError, match="pip install openvino"):
        Evaluator(lively("tictactoe"), 8, "openvino-fp32")
    assert installed_precisions("cuda") == ["fp32", "bf16"]


def test_every_precision_has_a_measured_limit(monkeypatch):
    # a processor without bf16 takes minutes for the usual size
    monkeypatch.setattr(hardware, "SIDE", {"cpu": 256})
    for precision in installed_precisions():
        assert peak_flops(precision, repeats=1) > 1e8


def needs_openvino():
    if "openvino-int8" not in installed_precisions():
        pytest.skip("needs openvino on a processor with 8-bit integers: pip install openvino")


def test_integers_are_offered_where_their_sums_are_right(monkeypatch):
    needs_openvino()
    assert openvino_backend.int8_sums_are_exact()
    openvino_backend.precisions.cache_clear()
    monkeypatch.setattr(
        openvino_backend,
        "matrix_product",
        lambda side, precision: lambda: np.full((side, side), 32.4),
    )
    assert openvino_backend.precisions() == ("fp32",)
    openvino_backend.precisions.cache_clear()


def test_what_was_trained_on_a_gpu_plays_anywhere():
    assert device_or_cpu("cpu") == "cpu"
    assert device_or_cpu("cuda:99") == "cpu"
