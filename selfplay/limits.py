"""What this machine can do at most, measured: so that a speed can be told as a share of a bound."""

import time

import torch

from selfplay.evaluator import PRECISIONS

SIDE = 2048  # of the matrices: large enough that their product is all arithmetic


def peak_flops(precision: str, repeats: int = 3) -> float:
    """Floating-point operations a second of this process's torch threads: the best of some large matrix products."""
    a = torch.rand(SIDE, SIDE).to(PRECISIONS[precision])
    seconds = best_of(lambda: torch.mm(a, a), repeats + 1)
    return 2 * SIDE**3 / seconds


def best_of(work, repeats: int) -> float:
    """Seconds of the fastest of some runs; the first ones warm up."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)
