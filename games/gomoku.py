"""Gomoku on boards of 9 to 19: five or more in a line win, a full board is a draw. No opening rule.

Option `exact`: not 0, and only exactly five win; six or more are no line, and the game goes on.

The board is kept twice, each time as its reader wants it. A player's stones stand in row words,
with EDGE empty rows and columns all around, so that the four lines through the last stone are read
without asking where the board ends. The free cells stand in a list that is kept ascending, because
listing them is what bounds random play: on 15x15, copying this list takes 9 ns and removing a cell
from it 11; finding the cells among 225 bits took 160, or 125 with a table of bytes.

The network sees stones and the option, not the last move. The stones alone say what wins and what
must be answered, in patterns no wider than nine cells; a last move would show one position in as
many ways as it can be reached, each with a key of its own. (In the cache that is a small loss: with
an untrained network on 9x9, 8.3 instead of 8.8 % of leaves were found.)
"""

import numpy as np
from numba import njit

from games.game import (
    Game,
    Layout,
    Position,
    board_size,
    board_symmetries,
    draw_cells,
    part,
    recomputed,
    stones_of,
    vertices,
)
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule

SIZE = board_size(__name__, 15)
grid = part("grid", SIZE)
take, fold, finish = grid.take, grid.fold, grid.finish
CELLS = SIZE * SIZE
EDGE = 5  # a line of exactly five is known by the cells up to five away
WINDOW = 2 * EDGE + 1
DTYPE = np.dtype(
    [
        ("rows", np.uint32, (2, SIZE + 2 * EDGE)),  # player, row: bit EDGE + column is a stone
        # the num_free free cells, ascending; what follows them means nothing
        ("free", np.int16, CELLS + 1),
        ("num_free", np.int32),
        ("exact", np.int32),
        ("mover", np.int32),
        ("over", np.int32),
        ("outcome", np.float64),
    ],
    align=True,
)


@njit
def five(line, exact):
    """Whether the bits of `line` hold five in a row; with `exact`, five that have no sixth before
    or behind them."""
    starts = line & line >> 1 & line >> 2 & line >> 3 & line >> 4
    if exact:
        starts &= ~(line << 1 | line >> 5)
    return starts != 0


@njit
def wins(rows, row, column, exact):
    """Whether the stone at (row, column) is part of a winning line of its player's rows.

    The four lines through the stone become words of WINDOW bits with the stone in the middle, rows
    from top to bottom.
    """
    vertical, falling, rising = 0, 0, 0
    for i in range(WINDOW):
        across = np.int64(rows[row + i]) >> column
        vertical |= (across >> EDGE & 1) << i
        falling |= across & 1 << i
        rising |= across & 1 << (WINDOW - 1 - i)
    horizontal = np.int64(rows[row + EDGE]) >> column & ((1 << WINDOW) - 1)
    return (
        five(horizontal, exact) | five(vertical, exact) | five(falling, exact) | five(rising, exact)
    )


@njit
def has_line(rows, exact):
    """Whether any stone of these rows is part of a winning line."""
    for row in range(SIZE):
        for column in range(SIZE):
            if rows[row + EDGE] >> (column + EDGE) & 1 and wins(rows, row, column, exact):
                return True
    return False


@rule(START)
def start(state, options):
    state[:] = 0
    s = overlay(state, DTYPE)
    s.exact = options[0] != 0.0
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
    return s.num_free


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    mover = s.mover
    s.mover = 1 - mover
    row, column = action // SIZE, action % SIZE
    s.rows[mover, row + EDGE] |= 1 << (column + EDGE)
    take(s.free, np.int16(action))
    s.num_free -= 1
    if wins(s.rows[mover], row, column, s.exact):
        s.over = 1
        s.outcome = 1.0 - 2.0 * mover
    elif s.num_free == 0:
        s.over = 1
    return s.outcome if s.over else GOES_ON


@rule(PLAY)
def recompute(state, mover):
    """What follows from the stones if this side moves: no rule of the game, but `setup` needs it.
    If both have a line, the other's counts, who moved last."""
    s = overlay(state, DTYPE)
    s.mover, s.over, s.outcome = mover, s.num_free == 0, 0.0
    for player in (mover, 1 - mover):
        if has_line(s.rows[player], s.exact):
            s.over, s.outcome = 1, 1.0 - 2.0 * player
    return s.outcome if s.over else GOES_ON


@rule(MOVER)
def mover(state):
    return overlay(state, DTYPE).mover


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's stones, the other's. Scalar: whether only exactly five win."""
    s = overlay(state, DTYPE)
    mover = s.mover
    scalars_out[0] = s.exact
    for row in range(SIZE):
        own, other = s.rows[mover, row + EDGE] >> EDGE, s.rows[1 - mover, row + EDGE] >> EDGE
        for column in range(SIZE):
            planes_out[0, row * SIZE + column] = own >> column & 1
            planes_out[1, row * SIZE + column] = other >> column & 1


@rule(KEY)
def key(state):
    """The option, who moves where the number of stones does not tell it (set-up boards), and the
    rows of both players, multiplied and folded one after the other."""
    s = overlay(state, DTYPE)
    is_odd = (CELLS - s.num_free + s.mover) & 1
    z = np.uint64(1 + s.exact + 2 * is_odd)  # where no row has a bit
    for row in range(EDGE, EDGE + SIZE):
        z = fold(z, s.rows[0, row], s.rows[1, row])
    return finish(z)


@rule(FINAL)
def final(state, owner_out):
    s = overlay(state, DTYPE)
    for row in range(SIZE):
        first, second = s.rows[0, row + EDGE] >> EDGE, s.rows[1, row + EDGE] >> EDGE
        for column in range(SIZE):
            owner_out[row * SIZE + column] = np.int8(first >> column & 1) - np.int8(
                second >> column & 1
            )
    return s.outcome


def setup(black: list[int], white: list[int], mover: int, **options: float) -> Position:
    """These stones on the empty board; a line that stands there has won."""
    board, position = stones_of(black, white, CELLS), GAME.start(**options)
    record, bits = position.state.view(DTYPE)[0], 2 ** np.arange(EDGE, EDGE + SIZE)
    for player, owner in enumerate((1, -1)):
        record["rows"][player, EDGE:-EDGE] = (board.reshape(SIZE, SIZE) == owner) @ bits
    free = np.flatnonzero(board == 0)
    record["free"][: len(free)], record["num_free"] = free, len(free)
    position.plies = CELLS - len(free)
    return recomputed(position, RECOMPUTE, mover)


_format_point, _parse_point = vertices(SIZE)
_letters = " ".join(_format_point(column)[0] for column in range(SIZE))
_symmetries = board_symmetries(SIZE, SIZE)
RECOMPUTE = Rules(start, legal, recompute, mover, observe, key, final)

GAME = Game(
    name=f"gomoku{SIZE}",
    title=f"Gomoku {SIZE}x{SIZE}",
    dtype=DTYPE,
    rows=SIZE,
    columns=SIZE,
    planes=2,
    scalars=1,
    actions=CELLS,
    max_plies=CELLS,
    layout=Layout("cells"),
    rules=Rules(start, legal, play, mover, observe, key, final),
    options={"exact": 0.0},
    setup=setup,
    format=_format_point,
    parse=_parse_point,
    draw=lambda position: draw_cells(
        position, f"   {_letters}", [f"{rank:2} " for rank in range(SIZE, 0, -1)]
    ),
    cell_maps=_symmetries,
    action_maps=_symmetries,
)
