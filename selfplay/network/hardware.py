"""The processor and the devices of this machine: which torch can use, in how many threads, and how
fast at most."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from selfplay.network import openvino_backend
from selfplay.network.torch_backend import TORCH

# rows of the matrices: so many that their product is all arithmetic
SIDE = {
    "cpu": 2048,
    "cuda": 8192,
}


def is_gpu(device: str) -> bool:
    """`device` is a device's name in torch, such as "cpu" or "cuda:1"."""
    return torch.device(device).type == "cuda"


def usable_device(name: str) -> torch.device:
    """The device of that name. ValueError, with what there is, if torch cannot use it."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(
            f"device {name!r} is no device that torch knows; cpu and cuda are"
        ) from None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type not in ("cpu", "cuda") or (
        device.type == "cuda" and (device.index or 0) >= count
    ):
        there = "cpu" if not count else f"cpu and {', '.join(f'cuda:{i}' for i in range(count))}"
        raise ValueError(f"device {name!r} is not there: torch {torch.__version__} can use {there}")
    return device


def device_or_cpu(name: str) -> str:
    """A run's device, where this machine has it: what was trained on a GPU plays anywhere."""
    try:
        return str(usable_device(name))
    except ValueError:
        return "cpu"


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Inside, torch computes in so many threads, for this thread of Python and for those that it
    starts."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def machine() -> str:
    """This machine's processor, in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def peak_flops(precision: str, repeats: int = 3, device: str = "cpu") -> float:
    """Operations a second of this process's torch threads, or of a GPU (integers' where the
    precision is int8): the best of some large matrix products, by torch or OpenVINO as the
    precision says."""
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
