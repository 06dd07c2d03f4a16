"""How many games and threads an actor should have here: measured, so that nobody has to guess.

A batch that is too small leaves the processor's units idle, one that is too large makes games take
long for nothing: the smallest within a few percent of the fastest is taken.
"""

import time

import numpy as np
import torch

from native.machine.host import cores as cores_here
from native.search.forest import Batch, new_batch
from selfplay.network.evaluator import Evaluator
from selfplay.network.hardware import torch_threads
from selfplay.network.network import Network, Shape
from selfplay.network.precision import random_inputs

BATCHES = {"cpu": (16, 32, 64, 128, 256, 512), "cuda": (256, 512, 1024, 2048)}
ENOUGH = 0.97  # share of the fastest rate
SECONDS = 0.15  # per measurement, after a warm-up
ROUNDS = 3


def rate(evaluator: Evaluator, rows: int, seconds: float = SECONDS) -> float:
    """Evaluations a second in batches of `rows`: the median of some rounds."""
    batch = random_batch(evaluator.shape, rows)
    evaluator.evaluate(batch, rows)
    return float(np.median([ask_for(evaluator, batch, seconds) for _ in range(ROUNDS)]))


def random_batch(shape: Shape, rows: int) -> Batch:
    batch = new_batch(rows, shape.planes, shape.rows * shape.columns, shape.scalars, shape.actions)
    batch.planes[:], batch.scalars[:] = random_inputs(shape, rows)
    return batch


def ask_for(evaluator: Evaluator, batch: Batch, seconds: float) -> float:
    """Evaluations a second, of the whole batch again and again."""
    begin, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - begin) < seconds:
        evaluator.evaluate(batch, len(batch.planes))
        done += len(batch.planes)
    return done / spent


def by_batch(
    network: Network, precision: str, batches: tuple[int, ...] | None = None, device: str = "cpu"
) -> dict[int, float]:
    """{rows: evaluations a second} with torch's present number of threads; without `batches`, of
    those worth a try there."""
    batches = batches or BATCHES[torch.device(device).type]
    evaluator = Evaluator(network, max(batches), precision, device)
    return {rows: rate(evaluator, rows) for rows in batches}


def smallest_good(rates: dict[int, float]) -> int:
    best = max(rates.values())
    return min(rows for rows, each in rates.items() if each >= ENOUGH * best)


def games_and_threads(
    network: Network, precision: str, device: str = "cpu", cores: int | None = None
) -> tuple[int, int]:
    """(games, threads) of an actor, so that actors on all cores evaluate the most: one thread each,
    or all in one."""
    cores, found = cores or cores_here(), {}
    for threads in sorted({1, cores}):
        with torch_threads(threads):
            rates = by_batch(network, precision, device=device)
        found[threads] = smallest_good(rates), max(rates.values()) * (cores // threads)
    threads = max(found, key=lambda threads: (found[threads][1], -threads))
    return found[threads][0], threads
