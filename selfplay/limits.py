"""What this machine can do at most, measured: so that a speed can be told as a share of a bound."""

import time

import torch

from selfplay import openvino_graph
from selfplay.inference import TORCH

SIDE = 2048  # of the matrices: large enough that their product is all arithmetic


def peak_flops(precision: str, repeats: int = 3) -> float:
    """Operations a second of this process's torch threads (integers' where the precision is int8): the best of some large
    matrix products, by torch or OpenVINO as the precision says."""
    if precision in TORCH:
        a = torch.rand(SIDE, SIDE).to(TORCH[precision])
        seconds = best_of(lambda: torch.mm(a, a), repeats + 1)
    else:
        product = openvino_graph.matrix_product(SIDE, precision.removeprefix("openvino-"))
        seconds = best_of(product, repeats + 1)
    return 2 * SIDE**3 / seconds


def best_of(work, repeats: int) -> float:
    """Seconds of the fastest of some runs; the first ones warm up."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)
