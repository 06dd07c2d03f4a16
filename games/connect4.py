"""Connect Four on 7 columns and 6 rows: discs fall to the lowest free cell, four in a line win, a
full board is a draw.

Bitboards: column c holds bits 7c (bottom) to 7c+5, and bit 7c+6 stays empty so that shifts never
wrap from one column into the next. Four in a line is two shifts and two ands in each of four
directions. (Measured against a board of cells in benchmarks/speed/rules.py; the cells are also the
slow twin in the tests.)
"""

import numpy as np
from numba import njit

from games.game import Game, Layout, draw_cells
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule
from native.machine.random import mix

ROWS, COLUMNS = 6, 7
CELLS = ROWS * COLUMNS
STRIDE = ROWS + 1  # bits a column
DTYPE = np.dtype(
    [("stones", np.uint64, 2), ("ply", np.int32), ("over", np.int32), ("outcome", np.float64)],
    align=True,
)

ONE = np.uint64(1)
BOTTOM = np.uint64(sum(1 << STRIDE * column for column in range(COLUMNS)))
TOP = np.uint64(sum(1 << STRIDE * column + ROWS - 1 for column in range(COLUMNS)))


@njit
def has_four(stones):
    for direction in (1, STRIDE - 1, STRIDE, STRIDE + 1):  # vertical, falling, horizontal, rising
        pairs = stones & (stones >> np.uint64(direction))
        if pairs & (pairs >> np.uint64(2 * direction)):
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
        free = TOP & ~(s.stones[0] | s.stones[1])
        for column in range(COLUMNS):
            actions_out[n] = column  # kept only if n moves on: no branch
            n += np.int64(free >> np.uint64(STRIDE * column + ROWS - 1) & ONE)
    return n


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    mover = s.ply & 1
    occupied = s.stones[0] | s.stones[1]
    column = np.uint64(0x3F) << np.uint64(STRIDE * action)
    s.stones[mover] |= (occupied + (ONE << np.uint64(STRIDE * action))) & column
    s.ply += 1
    if has_four(s.stones[mover]):
        s.over = 1
        s.outcome = 1.0 - 2.0 * mover
    elif s.ply == CELLS:
        s.over = 1
    return s.outcome if s.over else GOES_ON


@rule(MOVER)
def mover(state):
    return overlay(state, DTYPE).ply & 1


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's discs, the other's."""
    s = overlay(state, DTYPE)
    mover = s.ply & 1
    for column in range(COLUMNS):
        own = s.stones[mover] >> np.uint64(STRIDE * column)
        other = s.stones[1 - mover] >> np.uint64(STRIDE * column)
        for height in range(ROWS):
            cell = (ROWS - 1 - height) * COLUMNS + column
            planes_out[0, cell] = own >> np.uint64(height) & ONE
            planes_out[1, cell] = other >> np.uint64(height) & ONE


@rule(KEY)
def key(state):
    """Own discs + all discs + bottom row is a different number for every position (Pons 2015); then
    mixed."""
    s = overlay(state, DTYPE)
    return mix(s.stones[s.ply & 1] + (s.stones[0] | s.stones[1]) + BOTTOM)


@rule(FINAL)
def final(state, owner_out):
    s = overlay(state, DTYPE)
    for column in range(COLUMNS):
        for height in range(ROWS):
            bit = np.uint64(STRIDE * column + height)
            first, second = s.stones[0] >> bit & ONE, s.stones[1] >> bit & ONE
            owner_out[(ROWS - 1 - height) * COLUMNS + column] = np.int8(first) - np.int8(second)
    return s.outcome


def parse(text: str) -> int:
    if text.strip() not in [str(column + 1) for column in range(COLUMNS)]:
        raise ValueError(f"{text[:40]!r} is no column; columns are 1 to {COLUMNS}, left to right")
    return int(text) - 1


_cells = np.arange(CELLS, dtype=np.int32).reshape(ROWS, COLUMNS)
_columns = np.arange(COLUMNS, dtype=np.int32)

GAME = Game(
    name="connect4",
    title="Connect Four",
    dtype=DTYPE,
    rows=ROWS,
    columns=COLUMNS,
    planes=2,
    actions=COLUMNS,
    max_plies=CELLS,
    layout=Layout("columns"),
    rules=Rules(start, legal, play, mover, observe, key, final),
    format=lambda action: str(action + 1),
    parse=parse,
    draw=lambda position: draw_cells(position, " ".join("1234567"), [""] * ROWS),
    cell_maps=np.stack([_cells.ravel(), _cells[:, ::-1].ravel()]),
    action_maps=np.stack([_columns, _columns[::-1]]),
)
