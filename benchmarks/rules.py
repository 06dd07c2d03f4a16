"""Connect Four by bitboards against Connect Four by cells: `python benchmarks/rules.py`. One core,
random legal play."""

import time

import numpy as np
from connect4_cells import GAME as CELLS
from measure import in_turn, report, spread

import games
from native.machine.random import seeds
from native.playout import count_positions, random_games


def rate(game, seconds: float = 1.0) -> float:
    """Positions a second."""
    state, actions, random_state = (
        game.start_state(),
        np.zeros(game.actions + 1, np.int32),
        seeds(1, 1)[0],
    )
    begin, plies = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        plies += random_games(game.rules, game.option_values(), state, random_state, actions, 1000)
    return plies / (time.perf_counter() - begin)


def main() -> None:
    bits = games.load("connect4")
    for depth in range(8):  # they are the same game
        assert count_positions(bits.rules, bits.start_state(), 7, depth) == count_positions(
            CELLS.rules, CELLS.start_state(), 7, depth
        )
    rate(bits, 0.1), rate(CELLS, 0.1)
    samples = in_turn({"bitboards": lambda: rate(bits), "cells": lambda: rate(CELLS)})
    ratios = [a / b for a, b in zip(samples["bitboards"], samples["cells"])]
    lines = {f"{name}, positions/s": spread(values) for name, values in samples.items()}
    report("Connect Four's rules", lines | {"bitboards / cells": spread(ratios)})


if __name__ == "__main__":
    main()
