"""Tic-tac-toe: the smallest complete game, and the pattern for writing one.

A game is a dtype, seven compiled functions over it, and a `Game` record that says how people see
it. Actions are the nine cells, row by row from the top left; three of one's own in a line win.
"""

import numpy as np
from numba import njit

from games.game import Game, Layout, board_symmetries, draw_cells, letters_and_numbers
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule

CELLS = 9
DTYPE = np.dtype(
    [("stones", np.int32, 2), ("ply", np.int32), ("over", np.int32), ("outcome", np.float64)],
    align=True,
)
FULL = 0b111_111_111
LINES = np.array(
    [0b111, 0b111000, 0b111000000, 0b001001001, 0b010010010, 0b100100100, 0b100010001, 0b001010100]
)


@njit
def has_line(stones):
    for line in LINES:
        if stones & line == line:
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
        for cell in range(CELLS):
            if not (s.stones[0] | s.stones[1]) >> cell & 1:
                actions_out[n] = cell
                n += 1
    return n


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    mover = s.ply & 1
    s.stones[mover] |= 1 << action
    s.ply += 1
    if has_line(s.stones[mover]):
        s.over = 1
        s.outcome = 1.0 - 2.0 * mover
    elif s.stones[0] | s.stones[1] == FULL:
        s.over = 1
    return s.outcome if s.over else GOES_ON


@rule(MOVER)
def mover(state):
    return overlay(state, DTYPE).ply & 1


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's stones, the other's."""
    s = overlay(state, DTYPE)
    mover = s.ply & 1
    for cell in range(CELLS):
        planes_out[0, cell] = s.stones[mover] >> cell & 1
        planes_out[1, cell] = s.stones[1 - mover] >> cell & 1


@rule(KEY)
def key(state):
    s = overlay(state, DTYPE)  # the stones tell who moves
    return (np.uint64(s.stones[0]) << np.uint64(CELLS) | np.uint64(s.stones[1])) * np.uint64(
        0x9E3779B97F4A7C15
    )


@rule(FINAL)
def final(state, owner_out):
    s = overlay(state, DTYPE)
    for cell in range(CELLS):
        owner_out[cell] = (s.stones[0] >> cell & 1) - (s.stones[1] >> cell & 1)
    return s.outcome


_format, _parse = letters_and_numbers(3, 3)
_symmetries = board_symmetries(3, 3)

GAME = Game(
    name="tictactoe",
    title="Tic-tac-toe",
    dtype=DTYPE,
    rows=3,
    columns=3,
    planes=2,
    actions=CELLS,
    max_plies=CELLS,
    layout=Layout("cells"),
    rules=Rules(start, legal, play, mover, observe, key, final),
    format=_format,
    parse=_parse,
    draw=lambda position: draw_cells(position, "  a b c", ["1 ", "2 ", "3 "]),
    cell_maps=_symmetries,
    action_maps=_symmetries,
)
