"""Connect Four on a board of cells: the rules that `games/connect4.py` was measured against, kept
for `rules.py`.

Only what random play needs differs; the rest is borrowed.
"""

from dataclasses import replace

import numpy as np
from numba import njit

from games import connect4
from native.abi import GOES_ON, LEGAL, MOVER, PLAY, START, overlay, rule

ROWS, COLUMNS = 6, 7
DTYPE = np.dtype(
    [
        ("cell", np.int8, 42),
        ("height", np.int8, 7),
        ("ply", np.int32),
        ("over", np.int32),
        ("outcome", np.float64),
    ],
    align=True,
)


@njit
def reach(s, row, column, step_row, step_column, stone):
    """Stones of one colour in a row beyond (row, column), at most three."""
    count = 0
    for i in range(1, 4):
        r, c = row + i * step_row, column + i * step_column
        if r < 0 or r >= ROWS or c < 0 or c >= COLUMNS or s.cell[r * COLUMNS + c] != stone:
            break
        count += 1
    return count


@njit
def makes_four(s, row, column, stone):
    for step_row, step_column in ((0, 1), (1, 0), (1, 1), (1, -1)):
        there = reach(s, row, column, step_row, step_column, stone)
        back = reach(s, row, column, -step_row, -step_column, stone)
        if there + back >= 3:
            return True
    return False


@rule(START)
def start(state, options):
    state[:] = 0


@rule(LEGAL)
def legal(state, actions_out):
    s = overlay(state, DTYPE)
    n = 0
    if not s.over:
        for column in range(COLUMNS):
            if s.height[column] < ROWS:
                actions_out[n] = column
                n += 1
    return n


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    stone = 1 - 2 * (s.ply & 1)
    row = s.height[action]
    s.cell[row * COLUMNS + action] = stone
    s.height[action] += 1
    s.ply += 1
    if makes_four(s, row, action, stone):
        s.over = 1
        s.outcome = stone
    elif s.ply == ROWS * COLUMNS:
        s.over = 1
    return s.outcome if s.over else GOES_ON


@rule(MOVER)
def mover(state):
    return overlay(state, DTYPE).ply & 1


GAME = replace(
    connect4.GAME,
    name="connect4-cells",
    dtype=DTYPE,
    rules=connect4.GAME.rules._replace(start=start, legal=legal, play=play, mover=mover),
)
