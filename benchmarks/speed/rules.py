"""Connect Four by bitboards against Connect Four by cells: `python benchmarks/speed/rules.py`.
One core, random legal play."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from connect4_cells import GAME as CELLS
from measure import figure, in_turn, parser, ratios, report

import games
from native.playout import count_positions
from selfplay.commands.prove import random_play


def rate(game, seconds: float = 1.0) -> float:
    """Positions a second."""
    return random_play(game, seconds)[0]


def main() -> None:
    options = parser(__doc__).parse_args()
    bits = games.load("connect4")
    for depth in range(8):  # they are the same game
        assert count_positions(bits.rules, bits.start_state(), 7, depth) == count_positions(
            CELLS.rules, CELLS.start_state(), 7, depth
        )
    rate(bits, 0.1), rate(CELLS, 0.1)
    samples = in_turn({"bitboards": lambda: rate(bits), "cells": lambda: rate(CELLS)})
    figures = [
        figure("rules", f"connect4 as {name}", values, "positions/s")
        for name, values in samples.items()
    ]
    times = [a / b for a, b in zip(samples["bitboards"], samples["cells"])]
    figures.append(ratios("rules", "connect4, bitboards / cells", times, "cells"))
    report("Connect Four's rules", figures, options.record)


if __name__ == "__main__":
    main()
