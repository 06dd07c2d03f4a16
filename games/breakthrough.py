"""Breakthrough (Dan Troyka 2000) on boards of 5x5 to 8x8: two rows of pieces each, and the first
across the board wins.

A piece moves one cell forward: straight to an empty cell, or diagonally to an empty cell or onto an
enemy, which it takes. Whoever reaches the far row or takes the last enemy has won. The first player
(X) begins at the bottom and moves up.

There is always a move. Before the game is over the mover has a piece, and its foremost one is not
on the far row; the row ahead holds none of its own, and at least one of the two diagonal cells
there is on the board: empty or an enemy's.

Bitboards: bit = cell, row by row from the top left. A move is written from cell to cell, `a2a3`,
with ranks counted from the first player's side, also when it takes.

Action = plane * CELLS + the cell a piece leaves. Three planes for each player's directions, six in
all, because an action must name its two cells without the position, and because a plane of the
policy head then always points the same way.
"""

import numpy as np
from numba import njit

from games.game import Game, Layout, board_size, draw_cells
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule
from native.machine.bits import trailing_zeros
from native.machine.random import mix

SIZE = board_size(__name__, 8)
CELLS = SIZE * SIZE
DTYPE = np.dtype(
    [("pieces", np.uint64, 2), ("mover", np.int32), ("over", np.int32), ("outcome", np.float64)],
    align=True,
)
ONE = np.uint64(1)
TOP_ROW = (1 << SIZE) - 1
BOTTOM_ROW = TOP_ROW << CELLS - SIZE
# the rows where the first player's pieces begin, and the second's
HOME = np.array([BOTTOM_ROW | BOTTOM_ROW >> SIZE, TOP_ROW | TOP_ROW << SIZE], np.uint64)
GOAL = np.array([TOP_ROW, BOTTOM_ROW], np.uint64)

# a plane of actions for each direction, up before down
DIRECTIONS = [(rows, columns) for rows in (-1, 1) for columns in (-1, 0, 1)]
MIRRORED = [DIRECTIONS.index((rows, -columns)) for rows, columns in DIRECTIONS]
STEPS = np.array(DIRECTIONS) @ (SIZE, 1)
# a step BACK as two shifts, of which one is 0
LEFT, RIGHT = np.maximum([-STEPS, STEPS], 0).astype(np.uint64)


def target_of(plane: int, cell: int) -> int | None:
    """Where a piece on the cell goes, None if off the board."""
    row, column = cell // SIZE + DIRECTIONS[plane][0], cell % SIZE + DIRECTIONS[plane][1]
    return row * SIZE + column if 0 <= row < SIZE and 0 <= column < SIZE else None


# Of each plane, the cells from which a step stays on the board.
SOURCES = np.array(
    [
        sum(1 << cell for cell in range(CELLS) if target_of(plane, cell) is not None)
        for plane in range(6)
    ],
    np.uint64,
)


@njit
def movable(own, other, plane):
    """The pieces of `own` that may move in the plane's direction."""
    blocked = own | other if plane % 3 == 1 else own
    return own & SOURCES[plane] & ~(blocked << LEFT[plane] >> RIGHT[plane])


@rule(START)
def start(state, options):
    state[:] = 0
    s = overlay(state, DTYPE)
    s.pieces[0], s.pieces[1] = HOME[0], HOME[1]


@rule(LEGAL)
def legal(state, actions_out):
    s = overlay(state, DTYPE)
    n = 0
    if not s.over:
        for plane in range(3 * s.mover, 3 * s.mover + 3):
            rest = movable(s.pieces[s.mover], s.pieces[1 - s.mover], plane)
            while rest:
                actions_out[n] = plane * CELLS + trailing_zeros(rest)
                n += 1
                rest &= rest - ONE
    return n


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    mover, cell = s.mover, action % CELLS
    target = ONE << np.uint64(cell + STEPS[action // CELLS])
    s.pieces[mover] ^= target | ONE << np.uint64(cell)
    s.pieces[1 - mover] &= ~target
    s.mover = 1 - mover
    if target & GOAL[mover] or not s.pieces[1 - mover]:
        s.over = 1
        s.outcome = 1.0 - 2.0 * mover
        return s.outcome
    return GOES_ON


@rule(MOVER)
def mover(state):
    return overlay(state, DTYPE).mover


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's pieces, the other's, and ones everywhere if the mover goes up.

    The board is not turned for the second player, because the actions' cells are not: a convolution
    must find a piece where the policy has its move. So the network has to be told which way the
    mover goes.
    """
    s = overlay(state, DTYPE)
    for cell in range(CELLS):
        planes_out[0, cell] = s.pieces[s.mover] >> np.uint64(cell) & ONE
        planes_out[1, cell] = s.pieces[1 - s.mover] >> np.uint64(cell) & ONE
        planes_out[2, cell] = 1 - s.mover


@rule(KEY)
def key(state):
    """A hash of the pieces and the mover: the same pieces look otherwise from the other side."""
    s = overlay(state, DTYPE)
    return mix(mix(mix(s.pieces[0]) ^ s.pieces[1]) ^ np.uint64(s.mover))


@rule(FINAL)
def final(state, owner_out):
    s = overlay(state, DTYPE)
    for cell in range(CELLS):
        first, second = s.pieces[0] >> np.uint64(cell) & ONE, s.pieces[1] >> np.uint64(cell) & ONE
        owner_out[cell] = np.int8(first) - np.int8(second)
    return s.outcome


def cell_name(cell: int) -> str:
    return f"{'abcdefgh'[cell % SIZE]}{SIZE - cell // SIZE}"


def format_action(action: int) -> str:
    """`a2a3`; an action that leaves the board, which is never legal, is `a8-`."""
    cell, target = action % CELLS, target_of(action // CELLS, action % CELLS)
    return cell_name(cell) + ("-" if target is None else cell_name(target))


ACTIONS = {
    text: action for action in range(6 * CELLS) if not (text := format_action(action)).endswith("-")
}


def parse(text: str) -> int:
    if (name := text.strip().lower()) not in ACTIONS:
        raise ValueError(
            f"{text[:40]!r} is no move; a move is one step from cell to cell, such as a2a3 (a1 is "
            "bottom left)"
        )
    return ACTIONS[name]


_cells = np.arange(CELLS, dtype=np.int32)
_mirror = _cells.reshape(SIZE, SIZE)[:, ::-1].ravel()
_mirror_actions = np.concatenate([plane * CELLS + _mirror for plane in MIRRORED])

GAME = Game(
    name=f"breakthrough{SIZE}",
    title=f"Breakthrough {SIZE}x{SIZE}",
    dtype=DTYPE,
    rows=SIZE,
    columns=SIZE,
    planes=3,
    actions=6 * CELLS,
    # Every ply takes a piece one row on. Short of the far row a player's front pieces have SIZE - 3
    # rows to go and those behind SIZE - 2, each SIZE of them; and one last ply reaches it.
    max_plies=2 * SIZE * (2 * SIZE - 5) + 1,
    layout=Layout("cells", planes=6),
    rules=Rules(start, legal, play, mover, observe, key, final),
    format=format_action,
    parse=parse,
    draw=lambda position: draw_cells(
        position, "  " + " ".join("abcdefgh"[:SIZE]), [f"{rank} " for rank in range(SIZE, 0, -1)]
    ),
    cell_maps=np.stack([_cells, _mirror]),
    action_maps=np.stack([np.arange(6 * CELLS), _mirror_actions]).astype(np.int32),
)
