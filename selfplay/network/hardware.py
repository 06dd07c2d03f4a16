"""What this machine can do at most, measured: so that a speed can be told as a share of a bound."""

import time
from collections.abc import Callable

import torch

from selfplay.network import openvino_backend
from selfplay.network.precision import TORCH

SIDE = {"cpu": 2048, "cuda": 8192}  # of the matrices: large enough that their product is all arithmetic


def peak_flops(precision: str, repeats: int = 3, device: str = "cpu") -> float:
    """Operations a second of this process's torch threads, or of a GPU (integers' where the precision is int8): the best of
    some large matrix products, by torch or OpenVINO as the precision says."""
    side = SIDE[torch.device(device).type]
    if precision in TORCH:
        product = torch_product(torch.rand(side, side).to(device, TORCH[precision]))
    else:
        product = openvino_backend.matrix_product(side, precision.removeprefix("openvino-"))
    return 2 * side**3 / best_of(product, repeats + 1)


def torch_product(a: torch.Tensor) -> Callable[[], None]:
    def product() -> None:
        torch.mm(a, a)
        if a.is_cuda:
            torch.cuda.synchronize(a.device)

    return product


def best_of(work, repeats: int) -> float:
    """Seconds of the fastest of some runs; the first ones warm up."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)
