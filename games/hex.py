"""Hex on rhombic boards of 3 to 19: a stone a move, and no draws.

The first player (X, Red) connects top and bottom, the second (O, Blue) left and right. Cell (r, c)
touches (r, c-1), (r, c+1), (r-1, c), (r-1, c+1), (r+1, c) and (r+1, c-1).

Option `swap`: not 0, and the second player may answer the first stone by the action `swap` (index
SIZE * SIZE). This is swap-pieces: the stone is taken away, and its mirror image at the long
diagonal, (r, c) -> (c, r), becomes a stone of the second player, who now stands as the first did
before; then the first player moves.

Inside, each player has a board of his own, the second's mirrored at the long diagonal: touching
cells stay touching, both connect top and bottom there, and a swap only changes the owner. A win
needs no union of chains: of each stone one bit tells whether a chain joins it to the top, and a
stone that is joined passes this on to its chain. It happens once to a stone in a game, so that a
move costs little on average; when it happens in the bottom row, the player has won.
"""

import numpy as np
from numba import njit

from games.game import (
    Game,
    Layout,
    Position,
    board_size,
    draw_cells,
    letters_and_numbers,
    part,
    recomputed,
    stones_of,
)
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule

SIZE = board_size(__name__, 11)
grid = part("grid", SIZE)
take, fold, finish = grid.take, grid.fold, grid.finish
CELLS = SIZE * SIZE
SWAP = CELLS  # the action that belongs to no cell
DTYPE = np.dtype(
    [
        # A player's own board as row words; row 0, row SIZE + 1 and bits 0 and SIZE + 1 lie around
        # it.
        ("stones", np.uint32, (2, SIZE + 2)),
        # his stones that a chain joins to the top; row 0 is the top edge itself
        ("joined", np.uint32, (2, SIZE + 2)),
        # the num_free free cells, ascending; what follows them means nothing
        ("free", np.int16, CELLS + 1),
        ("num_free", np.int32),
        ("swap", np.int32),  # the option
        ("ply", np.int32),
        ("over", np.int32),
        ("outcome", np.float64),
    ],
    align=True,
)


@njit
def stone(stones, row, column):
    """Whether there is a stone at (row, column) of a player's own board, 0 or 1."""
    return stones[row + 1] >> (column + 1) & 1


@njit
def touched(words, row):
    """The cells of a row that touch a cell of `words`."""
    beside = words[row] << 1 | words[row] >> 1
    return beside | words[row - 1] | words[row - 1] >> 1 | words[row + 1] | words[row + 1] << 1


@njit
def join(stones, joined, row):
    """After a new stone in `row`: mark in `joined` all stones that a chain now joins to the top."""
    first, last = row, row  # where stones may become joined: at first only the new one
    while first <= last:
        low, high = SIZE + 1, 0  # where some did; their neighbours are next
        for r in range(first, last + 1):
            new = stones[r] & ~joined[r] & touched(joined, r)
            if new:
                joined[r] |= new
                low, high = min(low, r), r
        first, last = max(low - 1, 1), min(high + 1, SIZE)


@njit
def change_owner(s):
    """Make the first player's only stone the second's. On the players' own boards it stays where it
    is."""
    for row in range(1, SIZE + 1):
        s.stones[1, row], s.joined[1, row] = s.stones[0, row], s.joined[0, row]
        s.stones[0, row] = s.joined[0, row] = 0
    n = 0
    for cell in range(CELLS):
        s.free[n] = cell  # kept only if n moves on
        n += 1 - stone(s.stones[1], cell % SIZE, cell // SIZE)


@rule(START)
def start(state, options):
    state[:] = 0
    s = overlay(state, DTYPE)
    s.swap = options[0] != 0.0
    s.joined[0, 0] = s.joined[1, 0] = (1 << SIZE + 2) - 1
    s.num_free = CELLS
    for cell in range(CELLS):
        s.free[cell] = cell


@rule(LEGAL)
def legal(state, actions_out):
    s = overlay(state, DTYPE)
    if s.over:
        return 0
    for i in range(s.num_free):
        actions_out[i] = s.free[i]
    if s.swap and s.ply == 1:
        actions_out[s.num_free] = SWAP
        return s.num_free + 1
    return s.num_free


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    mover = s.ply & 1
    s.ply += 1
    if action == SWAP:
        change_owner(s)
        return GOES_ON
    row, column = action // SIZE, action % SIZE
    if mover == 1:
        row, column = column, row
    s.stones[mover, row + 1] |= 1 << (column + 1)
    take(s.free, np.int16(action))
    s.num_free -= 1
    join(s.stones[mover], s.joined[mover], row + 1)
    if s.joined[mover, SIZE]:
        s.over = 1
        s.outcome = 1.0 - 2.0 * mover
    return s.outcome if s.over else GOES_ON


@rule(PLAY)
def recompute(state, mover):
    """What follows from the stones if this side moves: no rule of the game, but `setup` needs
    it."""
    s = overlay(state, DTYPE)
    s.over, s.outcome = 0, 0.0
    for player in range(2):
        s.joined[player, 1:] = 0
        join(s.stones[player], s.joined[player], 1)
        if s.joined[player, SIZE]:
            s.over, s.outcome = 1, 1.0 - 2.0 * player
    # `ply` tells the mover, and up to 1 that a swap may come: only behind nothing, or behind
    # a single stone of the first player.
    ply = CELLS - s.num_free
    is_usual = ply == mover and not s.stones[1].any()
    if not is_usual:
        ply += 2
        ply += (ply + mover) & 1
    s.ply = ply
    return s.outcome if s.over else GOES_ON


@rule(MOVER)
def mover(state):
    return overlay(state, DTYPE).ply & 1


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's stones, the other's, the cells at the edges that the mover connects.
    Scalar: whether the first stone may still be answered by a swap (before it, this is the other's
    right; after it, the mover's)."""
    s = overlay(state, DTYPE)
    mover = s.ply & 1
    scalars_out[0] = s.swap and s.ply < 2
    for row in range(SIZE):
        for column in range(SIZE):
            cell = row * SIZE + column
            first, second = stone(s.stones[0], row, column), stone(s.stones[1], column, row)
            along = column if mover else row
            planes_out[0, cell] = second if mover else first
            planes_out[1, cell] = first if mover else second
            planes_out[2, cell] = along == 0 or along == SIZE - 1


@rule(KEY)
def key(state):
    """Who moves (after a swap the stones do not tell), whether a swap may come, and the rows of
    both players, multiplied and folded one after the other."""
    s = overlay(state, DTYPE)
    # where no row has a bit
    z = np.uint64(1 + (s.ply & 1) + 2 * (s.swap and s.ply < 2)) << np.uint64(28)
    for row in range(1, SIZE + 1):
        z = fold(z, s.stones[0, row], s.stones[1, row])
    return finish(z)


@rule(FINAL)
def final(state, owner_out):
    s = overlay(state, DTYPE)
    for row in range(SIZE):
        for column in range(SIZE):
            first, second = stone(s.stones[0], row, column), stone(s.stones[1], column, row)
            owner_out[row * SIZE + column] = np.int8(first) - np.int8(second)
    return s.outcome


_format_cell, _parse_cell = letters_and_numbers(SIZE, SIZE)


def format_action(action: int) -> str:
    return "swap" if action == SWAP else _format_cell(action)


def parse(text: str) -> int:
    return SWAP if text.strip().lower() in ("swap", "swap-pieces") else _parse_cell(text)


def draw(position) -> str:
    """The rhombus: each row begins half a cell further to the right than the one above it."""
    letters = " ".join(_format_cell(column)[0] for column in range(SIZE))
    return draw_cells(
        position, f"   {letters}", [f"{' ' * row}{row + 1:2} " for row in range(SIZE)]
    )


def setup(black: list[int], white: list[int], mover: int, **options: float) -> Position:
    """These stones on the empty board, joined or not; who has won already has won."""
    board, position = stones_of(black, white, CELLS).reshape(SIZE, SIZE), GAME.start(**options)
    record = position.state.view(DTYPE)[0]
    bits = 2 ** np.arange(1, SIZE + 1)
    record["stones"][0, 1:-1] = (board == 1) @ bits
    record["stones"][1, 1:-1] = (board.T == -1) @ bits
    free = np.flatnonzero(board == 0)
    record["free"][: len(free)], record["num_free"] = free, len(free)
    position.plies = CELLS - len(free)
    return recomputed(position, RECOMPUTE, mover)


def force(position: Position, action: int) -> None:
    """A swap at any node, as the Smart Game Format knows it: all stones change their owners and are
    mirrored. (Moves that are not legal have no meaning there.)"""
    if action != SWAP:
        raise ValueError("there is a stone already")
    owner, swap = position.final()[0].T, position.state.view(DTYPE)[0]["swap"]
    after = setup(
        *(np.flatnonzero(owner == side) for side in (-1, 1)), 1 - position.mover, swap=float(swap)
    )
    position.state[:], position.outcome = after.state, after.outcome


_cells = np.arange(CELLS, dtype=np.int32)
_turned = _cells[::-1]
RECOMPUTE = Rules(start, legal, recompute, mover, observe, key, final)

GAME = Game(
    name=f"hex{SIZE}",
    title=f"Hex {SIZE}x{SIZE}",
    dtype=DTYPE,
    rows=SIZE,
    columns=SIZE,
    planes=3,
    scalars=1,
    actions=CELLS + 1,
    max_plies=CELLS + 1,  # with a swap, the one ply that adds no stone
    layout=Layout("cells", 1, extra=1),
    rules=Rules(start, legal, play, mover, observe, key, final),
    options={"swap": 0.0},
    setup=setup,
    force=force,
    format=format_action,
    parse=parse,
    draw=draw,
    cell_maps=np.stack([_cells, _turned]),
    action_maps=np.stack([np.append(_cells, SWAP), np.append(_turned, SWAP)]).astype(np.int32),
)
