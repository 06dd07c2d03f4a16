"""Shared by the benchmark scripts: repeats in turn, median and spread, the machine and the
commit."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from selfplay.network.hardware import machine

ROOT = Path(__file__).parent.parent


def in_turn(measures: dict, repeats: int = 5) -> dict[str, list[float]]:
    """Call each measure once a round, `repeats` rounds, so that a slow spell of the machine meets
    all of them."""
    samples = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            samples[name].append(measure())
            print(f"  {name}: {samples[name][-1]:,.4g}", file=sys.stderr, flush=True)
    return samples


def spread(samples: list[float]) -> str:
    return f"{np.median(samples):,.4g} ({min(samples):,.4g} .. {max(samples):,.4g})"


def commit() -> str:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(git, capture_output=True, text=True).stdout.strip() or "unknown"


def report(title: str, lines: dict[str, str]) -> None:
    print(f"{title} ({machine()}, commit {commit()})")
    for name, value in lines.items():
        print(f"  {name:<40} {value}")
