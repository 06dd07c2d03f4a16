"""Chomp: bite a square off the chocolate bar, and with it all below and to the right. The top left
square is poisoned."""

import numpy as np

from games.game import Game, Layout, draw_cells, letters_and_numbers
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule

ROWS, COLUMNS = 4, 5
DTYPE = np.dtype(
    [("length", np.int32, ROWS), ("mover", np.int32), ("over", np.int32), ("outcome", np.float64)],
    align=True,
)


@rule(START)
def start(state, options):
    state[:] = 0
    s = overlay(state, DTYPE)
    for row in range(ROWS):
        s.length[row] = COLUMNS  # squares left of this row


@rule(LEGAL)
def legal(state, actions_out):
    s = overlay(state, DTYPE)
    n = 0
    for row in range(ROWS):
        for column in range(0 if s.over else s.length[row]):
            actions_out[n] = row * COLUMNS + column
            n += 1
    return n


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    for row in range(action // COLUMNS, ROWS):
        s.length[row] = min(s.length[row], action % COLUMNS)
    if s.length[0] == 0:  # the mover took the poison
        s.over = 1
        s.outcome = 2.0 * s.mover - 1.0  # for the first player, like every value
    s.mover = 1 - s.mover
    return s.outcome if s.over else GOES_ON


@rule(MOVER)
def mover(state):
    return np.int64(overlay(state, DTYPE).mover)


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    s = overlay(state, DTYPE)
    for cell in range(ROWS * COLUMNS):
        planes_out[0, cell] = 1.0 if cell % COLUMNS < s.length[cell // COLUMNS] else 0.0


@rule(KEY)
def key(state):  # of all that the network sees: the squares, not who moves
    s = overlay(state, DTYPE)
    number = np.uint64(1)
    for row in range(ROWS):
        number = number * np.uint64(COLUMNS + 1) + np.uint64(s.length[row])
    return number * np.uint64(0x9E3779B97F4A7C15)


@rule(FINAL)
# nobody owns a square that is eaten; what is left is drawn as the first player's
def final(state, owner_out):
    s = overlay(state, DTYPE)
    for cell in range(ROWS * COLUMNS):
        owner_out[cell] = 1 if cell % COLUMNS < s.length[cell // COLUMNS] else 0
    return s.outcome


format_cell, parse_cell = letters_and_numbers(ROWS, COLUMNS)
GAME = Game(
    name="chomp",
    title="Chomp",
    dtype=DTYPE,
    rows=ROWS,
    columns=COLUMNS,
    planes=1,
    actions=ROWS * COLUMNS,
    max_plies=ROWS * COLUMNS,
    layout=Layout("cells"),
    rules=Rules(start, legal, play, mover, observe, key, final),
    format=format_cell,
    parse=parse_cell,
    draw=lambda position: draw_cells(position, "  a b c d e", ["1 ", "2 ", "3 ", "4 "]),
    cell_maps=np.arange(ROWS * COLUMNS, dtype=np.int32)[None],  # no symmetry but the identity
    action_maps=np.arange(ROWS * COLUMNS, dtype=np.int32)[None],
)
