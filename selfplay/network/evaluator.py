"""The network as the search asks it: batches in place, in the fastest precision, under symmetries.

Not the place for caching: answers are remembered by the compiled search itself
(`native.search.cache`).
"""

import time
import zlib
from typing import NamedTuple

import numpy as np
import torch

from native.search.forest import Batch
from selfplay.network.network import Network, Shape
from selfplay.network.precision import (
    Backend,
    choose_precision,
    fold_normalisation,
    new_backend,
    random_inputs,
)


class Evaluator:
    """Fills a batch's `logits` and `value` from its `planes` and `scalars`.

    precision: one of `inference.usable`, or "auto", which measures them at `rows` rows and keeps
    the fastest. views: symmetries of the board, as `Symmetries`, under each of which a position is
    shown; the answers' mean is taken. With `one_view`, each position is shown under one of them
    instead, which a hash of its planes picks: as good as random, and the same position is always
    seen in the same way, whoever else is in the batch.
    """

    def __init__(
        self,
        network: Network,
        rows: int,
        precision: str = "auto",
        device: str = "cpu",
        views: "Symmetries | None" = None,
        one_view: bool = False,
    ):
        self.shape: Shape = network.shape
        self.symmetries, self.one_view = views, one_view
        self.device = torch.device(device)
        self.precision = choose_precision(network, rows, precision, device)
        self.seconds = 0.0  # spent in the network since the start
        self.rows = 0  # evaluated since the start
        self.answer: Backend | None = None
        self.load(network)
        if self.device.type == "cuda":
            # is recorded now and in this thread: an actor's own one ends
            self.answer(*random_inputs(self.shape, rows))

    def load(self, network: Network) -> None:
        """Take new weights."""
        folded = fold_normalisation(network).to(self.device)
        if self.answer is None:
            self.answer = new_backend(folded, self.precision)
        else:
            self.answer.load(folded)

    def evaluate(self, batch: Batch, rows: int) -> None:
        """Modifies batch.logits and batch.value up to `rows` (values for the mover)."""
        begin = time.perf_counter()
        padded = padded_rows(rows, len(batch.planes))
        policy, value = self._answer(batch.planes[:padded], batch.scalars[:padded])
        batch.logits[:rows] = policy[:rows]
        batch.value[:rows] = value[:rows]
        if not (np.isfinite(value[:rows]).all() and np.isfinite(policy[:rows]).all()):
            raise FloatingPointError(
                "the network answers with numbers that are not finite: learning has diverged"
            )
        self.seconds += time.perf_counter() - begin
        self.rows += rows

    def _answer(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.symmetries is None:
            return self.answer(planes, scalars)
        if self.one_view:
            return self._answer_under(
                planes, scalars, picked_views(planes, len(self.symmetries.cells))
            )
        policy, value = 0.0, 0.0
        for cells, actions in zip(*self.symmetries):
            image = np.empty_like(planes)
            image[:, :, cells] = planes
            seen = self.answer(image, scalars)
            policy, value = policy + seen[0][:, actions], value + seen[1]
        return policy / len(self.symmetries.cells), value / len(self.symmetries.cells)

    def _answer_under(
        self, planes: np.ndarray, scalars: np.ndarray, view: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row i is shown under symmetry view[i]."""
        image = np.empty_like(planes)
        for number in np.unique(view):
            image[
                np.ix_(view == number, np.arange(planes.shape[1]), self.symmetries.cells[number])
            ] = planes[view == number]
        logits, value = self.answer(image, scalars)
        return np.take_along_axis(logits, self.symmetries.actions[view].astype(np.int64), 1), value


class Symmetries(NamedTuple):
    """V symmetries: where each takes a cell, i32[V, C], and an action, i32[V, A]."""

    cells: np.ndarray
    actions: np.ndarray


def picked_views(planes: np.ndarray, count: int) -> np.ndarray:
    """A number below `count` for each position, i64[n], by the checksum of its planes."""
    return np.array(
        [zlib.crc32(position) % count for position in np.ascontiguousarray(planes)], np.int64
    )


def padded_rows(rows: int, capacity: int) -> int:
    """The next power of two, at most the capacity: few batch sizes, so the convolutions' plans are
    found in their cache."""
    return min(capacity, 1 << max(0, rows - 1).bit_length())
