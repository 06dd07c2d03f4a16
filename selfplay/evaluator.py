"""The network as the search asks it: normalisation folded into the convolutions, the faster precision, batches in place.

Not the place for caching: answers are remembered by the compiled search itself (`native.cache`).
"""

import copy
import time
import zlib
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from native.forest import Batch
from selfplay.network import Network, Shape, expected_value

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
WORTHWHILE = 1.1  # bf16 must be this much faster, so that noise does not decide


class Evaluator:
    """Fills a batch's `logits` and `value` from its `planes` and `scalars`.

    precision: "fp32", "bf16", or "auto", which measures both at `rows` rows and keeps the faster.
    views: symmetries of the board, as `Views`, under each of which a position is shown; the answers' mean is taken. With
    `one_view`, each position is shown under one of them instead, which a hash of its planes picks: as good as random, and
    the same position is always seen in the same way, whoever else is in the batch.
    """

    def __init__(
        self,
        network: Network,
        rows: int,
        precision: str = "auto",
        device: str = "cpu",
        views: "Views | None" = None,
        one_view: bool = False,
    ):
        self.shape: Shape = network.shape
        self.views, self.one_view = views, one_view
        self.device = torch.device(device)
        self.precision = choose_precision(network, rows, precision, device)
        self.seconds = 0.0  # spent in the network since the start
        self.rows = 0  # evaluated since the start
        self.load(network)

    def load(self, network: Network) -> None:
        """Take new weights."""
        self.model = prepare(fold_normalisation(network).to(self.device), self.precision)

    def evaluate(self, batch: Batch, rows: int) -> None:
        """Modifies batch.logits and batch.value up to `rows` (values for the mover)."""
        begin = time.perf_counter()
        padded = padded_rows(rows, len(batch.planes))
        policy, value = self._answer(batch.planes[:padded], batch.scalars[:padded])
        batch.logits[:rows] = policy[:rows]
        batch.value[:rows] = value[:rows]
        if not (np.isfinite(value[:rows]).all() and np.isfinite(policy[:rows]).all()):
            raise FloatingPointError("the network answers with numbers that are not finite: learning has diverged")
        self.seconds += time.perf_counter() - begin
        self.rows += rows

    def _answer(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.views is None:
            return run(self.model, self.shape, planes, scalars, self.device)
        if self.one_view:
            return self._answer_under(planes, scalars, picked_views(planes, len(self.views.cells)))
        policy, value = 0.0, 0.0
        for cells, actions in zip(*self.views):
            image = np.empty_like(planes)
            image[:, :, cells] = planes
            seen = run(self.model, self.shape, image, scalars, self.device)
            policy, value = policy + seen[0][:, actions], value + seen[1]
        return policy / len(self.views.cells), value / len(self.views.cells)

    def _answer_under(self, planes: np.ndarray, scalars: np.ndarray, view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row i is shown under symmetry view[i]."""
        image = np.empty_like(planes)
        for number in np.unique(view):
            image[np.ix_(view == number, np.arange(planes.shape[1]), self.views.cells[number])] = planes[view == number]
        logits, value = run(self.model, self.shape, image, scalars, self.device)
        return np.take_along_axis(logits, self.views.actions[view].astype(np.int64), 1), value


class Views(NamedTuple):
    """V symmetries: where each takes a cell, i32[V, C], and an action, i32[V, A]."""

    cells: np.ndarray
    actions: np.ndarray


def picked_views(planes: np.ndarray, count: int) -> np.ndarray:
    """A number below `count` for each position, i64[n], by the checksum of its planes."""
    return np.array([zlib.crc32(position) % count for position in np.ascontiguousarray(planes)], np.int64)


def padded_rows(rows: int, capacity: int) -> int:
    """The next power of two, at most the capacity: few batch sizes, so the convolutions' plans are found in their cache."""
    return min(capacity, 1 << max(0, rows - 1).bit_length())


@torch.inference_mode()
def run(model: Network, shape: Shape, planes: np.ndarray, scalars: np.ndarray, device) -> tuple[np.ndarray, np.ndarray]:
    """planes f32[n, P, C], scalars f32[n, K] -> (policy logits f32[n, A], values f32[n] for the mover)."""
    dtype = model.stem[0].weight.dtype
    x = torch.from_numpy(planes).view(-1, shape.planes, shape.rows, shape.columns).to(device, dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    output = model(x, torch.from_numpy(scalars).to(device, dtype))
    return output.policy.float().cpu().numpy(), expected_value(output.outcome).cpu().numpy()


def fold_normalisation(network: Network) -> Network:
    """A copy for inference in which every convolution has taken over its normalisation's scale and shift."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network


def prepare(folded: Network, precision: str) -> Network:
    """The folded network in `precision` and channels-last; the outcome's last layers stay in fp32."""
    model = copy.deepcopy(folded).to(PRECISIONS[precision])
    model.outcome.decide.float()
    return model.to(memory_format=torch.channels_last)


def usable_device(name: str) -> torch.device:
    """The device that `network.device` names. ValueError, with what there is, if torch cannot use it."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"network.device {name!r} is no device that torch knows; cpu and cuda are") from None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and (device.index or 0) >= count):
        there = "cpu" if not count else f"cpu and {', '.join(f'cuda:{i}' for i in range(count))}"
        raise ValueError(f"network.device {name!r} is not there: torch {torch.__version__} can use {there}")
    return device


def choose_precision(network: Network, rows: int, asked: str, device: str = "cpu") -> str:
    """ "fp32" or "bf16": as asked, or, for "auto", the faster one here for batches of `rows` rows."""
    if asked not in (*PRECISIONS, "auto"):
        raise ValueError(f"precision must be auto, fp32 or bf16, not {asked!r}")
    return fastest_precision(fold_normalisation(network).to(device), rows) if asked == "auto" else asked


def fastest_precision(folded: Network, rows: int, repeats: int = 7) -> str:
    """Measure one batch of `rows` rows in each precision on this machine."""
    shape, device = folded.shape, next(folded.parameters()).device
    planes = np.random.default_rng(0).random((max(rows, 1), shape.planes, shape.rows * shape.columns), np.float32)
    scalars = np.zeros((max(rows, 1), shape.scalars), np.float32)
    seconds = {}
    for name in PRECISIONS:
        model = prepare(folded, name)
        times = []
        for _ in range(repeats + 1):  # the first one plans the convolutions
            begin = time.perf_counter()
            run(model, shape, planes, scalars, device)
            times.append(time.perf_counter() - begin)
        seconds[name] = median(times[1:])
    return "bf16" if seconds["bf16"] * WORTHWHILE < seconds["fp32"] else "fp32"
