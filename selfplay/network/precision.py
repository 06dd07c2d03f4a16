"""Make a network ready for inference: fold its normalisation, and choose the precision that is
fastest on this machine.

A precision also names the backend: "fp32" and "bf16" are torch, "openvino-fp32" and "openvino-int8"
are OpenVINO (`selfplay.network.openvino_backend`), where it is installed. All backends answer alike
(`Backend`).
"""

import copy
import time
from statistics import median
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from selfplay.network import openvino_backend
from selfplay.network.hardware import is_gpu
from selfplay.network.network import Network, Shape
from selfplay.network.torch_backend import TORCH, CudaGraphBackend, TorchBackend

INTEGERS = "openvino-int8"
# another precision must be this much faster than fp32, so that noise does not decide
WORTHWHILE = 1.1


class Backend(Protocol):
    def __call__(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """planes f32[n, P, C], scalars f32[n, K] -> policy logits f32[n, A] and values f32[n] for
        the mover."""

    def load(self, folded: Network) -> None:
        """Answer by the weights of `folded`, which has the same shape, from now on."""


def new_backend(folded: Network, precision: str) -> Backend:
    """`folded` in a precision that `usable_precisions` names."""
    if precision in TORCH:
        on_gpu = next(folded.parameters()).device.type == "cuda"
        return (CudaGraphBackend if on_gpu else TorchBackend)(folded, precision)
    return openvino_backend.OpenVINOBackend(folded, precision.removeprefix("openvino-"))


def installed_precisions(device: str = "cpu") -> list[str]:
    """The precisions that this machine has, fp32 first."""
    there = () if is_gpu(device) else openvino_backend.precisions()
    return [*TORCH, *(f"openvino-{name}" for name in there)]


def usable_precisions(network: Network, device: str = "cpu") -> list[str]:
    """Those that this network can be asked in: one that is older than 8-bit integers here does not
    know its ranges."""
    known = network.ranges.isfinite().all()
    return [name for name in installed_precisions(device) if known or name != INTEGERS]


def check_precision(asked: str, names: list[str]) -> None:
    """ValueError if a precision cannot be had."""
    if asked != "auto" and asked not in names:
        raise ValueError(
            f"precision {asked!r} cannot be had here, {', '.join(names)} can. "
            f"{openvino_backend.HINT}"
        )


def fold_normalisation(network: Network) -> Network:
    """A copy for inference in which every convolution has taken over its normalisation's scale and
    shift."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if (
            isinstance(module, nn.Sequential)
            and len(module) == 2
            and isinstance(module[1], nn.BatchNorm2d)
        ):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network


@torch.inference_mode()
def measure_ranges(network: Network, planes: Tensor, scalars: Tensor) -> Tensor:
    """What each kernel's input spans over these positions, f32[kernels, 2]: planes [B, P, C] or [B,
    P, H, W], scalars [B, K]."""
    folded, spans, shape = fold_normalisation(network), [], network.shape
    for kernel in folded.conv_layers():
        kernel.register_forward_pre_hook(
            lambda _, inputs: spans.append(torch.stack(torch.aminmax(inputs[0].float())))
        )
    folded(planes.view(-1, shape.planes, shape.rows, shape.columns), scalars)
    return torch.stack(spans)


def choose_precision(network: Network, rows: int, asked: str, device: str = "cpu") -> str:
    """As asked, or, for "auto", the fastest one here for batches of `rows` rows. ValueError if it
    cannot be had."""
    names = usable_precisions(network, device)
    check_precision(asked, names)
    return (
        fastest_precision(fold_normalisation(network).to(device), rows, names)
        if asked == "auto"
        else asked
    )


def learning_precision(network: Network, rows: int, asked: str, device: str = "cpu") -> str:
    """What learning computes in, "fp32" or "bf16": the one in the name of what is asked, or the
    faster one here."""
    for name in TORCH:
        if asked.endswith(name):
            return name
    return fastest_precision(fold_normalisation(network).to(device), rows, list(TORCH))


def fastest_precision(folded: Network, rows: int, names: list[str], repeats: int = 7) -> str:
    """Measure batches of `rows` rows in each precision on this machine: one must be clearly faster
    than fp32 to be taken."""
    ask = {name: new_backend(folded, name) for name in names}
    planes, scalars = random_inputs(folded.shape, max(rows, 1))
    seconds = {name: [] for name in names}
    # the first one plans the convolutions; in turn, so that other work meets all
    for _ in range(repeats + 1):
        for name in names:
            begin = time.perf_counter()
            ask[name](planes, scalars)
            seconds[name].append(time.perf_counter() - begin)
    typical = {name: median(times[1:]) for name, times in seconds.items()}
    best = min(typical, key=typical.get)
    return best if typical[best] * WORTHWHILE < typical["fp32"] else "fp32"


def random_inputs(shape: Shape, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs like a game's, planes f32[rows, P, C] and scalars f32[rows, K], where there is no
    game: three cells of ten set."""
    planes = np.random.default_rng(0).random((rows, shape.planes, shape.rows * shape.columns)) < 0.3
    return planes.astype(np.float32), np.zeros((rows, shape.scalars), np.float32)
