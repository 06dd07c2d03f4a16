"""What a simulation costs in a deep search, in what it costs in a short one:
`python benchmarks/speed/deep.py`.

Sixteen trees, one after the other in one compiled call, uniform priors and zero values. Short and
deep searches are measured in turn, so that a slow spell of the machine meets both, and ratios are
taken of neighbours.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from measure import figure, in_turn, parser, report

import games
from selfplay.commands.benchmark import Trees

TREES, SHORT, DEEP = 16, 32, 5000
TWICE = 2.0  # as much, at most


def rate(trees: Trees, seconds: float) -> float:
    """Simulations a second; one call at least."""
    taken, searches = trees.repeat(trees.search_tree_only, seconds)
    return searches * trees.games * trees.simulations / taken


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--games", nargs="+", default=["connect4", "go9"])
    made.add_argument("--rounds", type=int, default=30)
    made.add_argument("--seconds", type=float, default=0.1, help="of a measurement (default 0.1)")
    asked = made.parse_args()
    for name in asked.games:
        for kind in ("Gumbel", "PUCT"):
            sizes = [
                argparse.Namespace(games=TREES, simulations=n, kind=kind.lower())
                for n in (SHORT, DEEP)
            ]
            short, deep = (Trees(games.load(name), size) for size in sizes)
            measures = {
                "short": partial(rate, short, asked.seconds),
                "deep": partial(rate, deep, asked.seconds),
            }
            in_turn(measures, 1)  # compiles
            samples = in_turn(measures, asked.rounds)
            ratios = np.array(samples["short"]) / samples["deep"]
            low, middle, high = np.percentile(ratios, [25, 50, 75])
            figures = [
                figure(
                    "search",
                    f"{name}, {kind}: a simulation of {DEEP:,}, in those of {SHORT}",
                    float(middle),
                    "times",
                    low=float(low),
                    high=float(high),
                    asked=TWICE,
                    at_most=True,
                    note="quartiles",
                )
            ]
            for key, simulations in (("short", SHORT), ("deep", DEEP)):
                what = f"{name}, {kind}, {TREES} trees in one call, {simulations:,} simulations"
                figures.append(figure("search", what, samples[key], "simulations/s"))
            report(f"{name}, {kind}, one core", figures, asked.record)


if __name__ == "__main__":
    main()
