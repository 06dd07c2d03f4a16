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
from measure import commit, in_turn

import games
from selfplay.commands.benchmark import Trees
from selfplay.network.hardware import machine

TREES, SHORT, DEEP = 16, 32, 5000


def rate(trees: Trees, seconds: float) -> float:
    """Simulations a second; one call at least."""
    taken, searches = trees.repeat(trees.search_tree_only, seconds)
    return searches * trees.games * trees.simulations / taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The cost of a simulation in deep searches by that in short ones."
    )
    parser.add_argument("--games", nargs="+", default=["connect4", "go9"])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.1, help="of a measurement (default 0.1)")
    asked = parser.parse_args()
    print(f"{SHORT} and {DEEP:,} simulations, one core of {machine()}, commit {commit()}")
    for name in asked.games:
        for kind in ("gumbel", "puct"):
            options = [
                argparse.Namespace(games=TREES, simulations=n, kind=kind) for n in (SHORT, DEEP)
            ]
            short, deep = (Trees(games.load(name), option) for option in options)
            measures = {
                "short": partial(rate, short, asked.seconds),
                "deep": partial(rate, deep, asked.seconds),
            }
            in_turn(measures, 1)  # compiles
            samples = in_turn(measures, asked.rounds)
            ratios = np.array(samples["short"]) / samples["deep"]
            low, middle, high = np.percentile(ratios, [25, 50, 75])
            rates = ", ".join(f"{np.median(samples[key]) / 1e3:,.0f} k" for key in measures)
            print(
                f"{name}, {kind}: {middle:.2f} times (quartiles {low:.2f} .. {high:.2f}); {rates} "
                "simulations/s"
            )


if __name__ == "__main__":
    main()
