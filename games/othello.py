"""Othello on even boards of 4x4 to 16x16: a disc turns the other's discs that lie in line between
it and one of its own.

A move must turn something. Who has no such move passes (the last action, legal only then), and when
neither has one the game is over; so no pass follows another. More discs win.

Bitboards: bit = cell. Up to 8x8 a board is one word, and the lines of one direction are followed
all at once by parallel prefix: shifts and ands, no branch. Larger boards take several words and
walk each line disc by disc, which needs no shifts from word to word and is 70 (10x10) to 150 times
(16x16) slower.

`play` must find the next player's moves anyway, to see a pass and the end. They are kept in the
state, where `legal` only lists them: random play is a quarter faster than if it found them again.
They follow from the discs and the mover, so two ways to one position still lead to the same bytes.
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
    letters_and_numbers,
    recomputed,
    stones_of,
)
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule
from native.machine.bits import trailing_zeros
from native.machine.random import mix

SIZE = board_size(__name__, 8)
CELLS = SIZE * SIZE
PASS = CELLS
WORDS = (CELLS + 63) // 64
ONE = np.uint64(1)
DTYPE = np.dtype(
    [
        ("discs", np.uint64, (2, WORDS)),
        # where the next disc may go: the mover's, or the other's if the mover must pass
        ("moves", np.uint64, WORDS),
        ("mover", np.int32),
        ("must_pass", np.int32),
        ("over", np.int32),
        ("outcome", np.float64),
    ],
    align=True,
)
# rows, columns a step
DIRECTIONS = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)])


def landing_cells(rows: int, columns: int) -> int:
    """The bits on which a step may end: without them a shift would lead from one row's end to the
    next row's beginning.

    Only the first word's, because only boards of one word are shifted.
    """
    off = {-1: SIZE - 1, 0: None, 1: 0}  # the row or column that no such step ends on
    cells = [
        cell
        for cell in range(min(CELLS, 64))
        if cell // SIZE != off[rows] and cell % SIZE != off[columns]
    ]
    return sum(1 << cell for cell in cells)


STEPS = DIRECTIONS @ (SIZE, 1)
# a step as two shifts, of which one is 0
LEFT, RIGHT = np.maximum([STEPS, -STEPS], 0).astype(np.uint64)
LANDING = np.array(
    [landing_cells(rows, columns) for rows, columns in DIRECTIONS.tolist()], np.uint64
)


@njit
def shifted(bits, direction):
    """One step on, before LANDING has taken away what left the board."""
    return bits << LEFT[direction] >> RIGHT[direction]


@njit
def unbroken(seeds, discs, direction):
    """The discs that lie in an unbroken line of discs, at most 6, from the cell after a seed."""
    discs &= LANDING[direction]
    pairs = discs & shifted(discs, direction)
    line = shifted(seeds, direction) & discs
    line |= shifted(line, direction) & discs
    for _ in range(2):
        line |= shifted(shifted(line, direction), direction) & pairs
    return line


@njit
def shift_to_moves(own, other, moves_out):
    """Write the cells where `own` may play; returns whether there is one. All are u64[1]."""
    ends = np.uint64(0)
    for direction in range(8):
        ends |= shifted(unbroken(own[0], other[0], direction), direction) & LANDING[direction]
    moves_out[0] = ends & ~(own[0] | other[0])
    return moves_out[0] != 0


@njit
def shift_to_turn(own, other, cell):
    """Put a disc of `own` on a legal cell and turn what it encloses, in place."""
    disc = turned = ONE << np.uint64(cell)
    for direction in range(8):
        line = unbroken(disc, other[0], direction)
        if shifted(line, direction) & LANDING[direction] & own[0]:
            turned |= line
    own[0] |= turned
    other[0] &= ~turned


@njit
def has(bits, cell):
    return bits[cell >> 6] >> np.uint64(cell & 63) & ONE


@njit
def flip(bits, cell):
    bits[cell >> 6] ^= ONE << np.uint64(cell & 63)


@njit
def enclosed(own, other, cell, direction):
    """How many discs of `other` a disc of `own` on the cell encloses in that direction."""
    rows, columns = DIRECTIONS[direction, 0], DIRECTIONS[direction, 1]
    row, column, count = cell // SIZE + rows, cell % SIZE + columns, 0
    while 0 <= row < SIZE and 0 <= column < SIZE:
        if not has(other, row * SIZE + column):
            return count if has(own, row * SIZE + column) else 0
        row, column, count = row + rows, column + columns, count + 1
    return 0


@njit
def encloses(own, other, cell):
    for direction in range(8):
        if enclosed(own, other, cell, direction):
            return True
    return False


@njit
def walk_to_moves(own, other, moves_out):
    """`shift_to_moves` for boards of several words, u64[WORDS]."""
    found = False
    for word in range(WORDS):
        moves_out[word] = 0
    for cell in range(CELLS):
        if not has(own, cell) and not has(other, cell) and encloses(own, other, cell):
            flip(moves_out, cell)
            found = True
    return found


@njit
def walk_to_turn(own, other, cell):
    """`shift_to_turn` for boards of several words."""
    for direction in range(8):
        for distance in range(1, enclosed(own, other, cell, direction) + 1):
            flip(own, cell + distance * STEPS[direction])
            flip(other, cell + distance * STEPS[direction])
    flip(own, cell)


find_moves, turn = (shift_to_moves, shift_to_turn) if WORDS == 1 else (walk_to_moves, walk_to_turn)


@njit
def count(bits):
    n = 0
    for word in range(WORDS):
        rest = bits[word]
        while rest:  # LLVM makes this one instruction
            rest &= rest - ONE
            n += 1
    return n


@njit
def find_turn(s):
    """Find the mover's moves; the other's if the mover has none and must pass; or that the game is
    over. The outcome or GOES_ON."""
    own, other = s.discs[s.mover], s.discs[1 - s.mover]
    if not find_moves(own, other, s.moves):
        s.must_pass = 1
        if not find_moves(other, own, s.moves):
            s.over = 1
            s.outcome = np.sign(count(s.discs[0]) - count(s.discs[1]))
            return s.outcome
    return GOES_ON


@rule(START)
def start(state, options):
    state[:] = 0
    s = overlay(state, DTYPE)
    middle = CELLS // 2 + SIZE // 2  # the cell right below the board's centre
    flip(s.discs[0], middle - SIZE)
    flip(s.discs[0], middle - 1)
    flip(s.discs[1], middle - SIZE - 1)
    flip(s.discs[1], middle)
    find_moves(s.discs[0], s.discs[1], s.moves)


@rule(LEGAL)
def legal(state, actions_out):
    s = overlay(state, DTYPE)
    if s.over:
        return 0
    if s.must_pass:
        actions_out[0] = PASS
        return 1
    n = 0
    for word in range(WORDS):
        rest = s.moves[word]
        while rest:
            actions_out[n] = 64 * word + trailing_zeros(rest)
            n += 1
            rest &= rest - ONE
    return n


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    own, other = s.discs[s.mover], s.discs[1 - s.mover]
    s.mover = 1 - s.mover
    s.must_pass = 0
    if action == PASS:
        return GOES_ON  # `moves` are the new mover's already
    turn(own, other, action)
    return find_turn(s)


@rule(PLAY)
def recompute(state, mover):
    """What follows from the discs if this side moves: no rule of the game, but `setup` and `resume`
    need it."""
    s = overlay(state, DTYPE)
    s.mover = mover
    s.must_pass = s.over = 0
    s.outcome = 0.0
    return find_turn(s)


@rule(MOVER)
def mover(state):
    return overlay(state, DTYPE).mover


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's discs, the other's."""
    s = overlay(state, DTYPE)
    for cell in range(CELLS):
        planes_out[0, cell] = has(s.discs[s.mover], cell)
        planes_out[1, cell] = has(s.discs[1 - s.mover], cell)


@rule(KEY)
def key(state):
    """A hash of the discs as the mover sees them: with colours exchanged it is the same
    position."""
    s = overlay(state, DTYPE)
    z = np.uint64(0)
    for word in range(WORDS):
        z = mix(mix(z ^ s.discs[s.mover, word]) ^ s.discs[1 - s.mover, word])
    return z


@rule(FINAL)
def final(state, owner_out):
    """The score is the first player's discs less the second's, as they lie: empty cells count for
    nobody, though tournaments give them to the winner."""
    s = overlay(state, DTYPE)
    for cell in range(CELLS):
        owner_out[cell] = np.int8(has(s.discs[0], cell)) - np.int8(has(s.discs[1], cell))
    return count(s.discs[0]) - count(s.discs[1])


_format_cell, _parse_cell = letters_and_numbers(SIZE, SIZE)


def format_action(action: int) -> str:
    return "pass" if action == PASS else _format_cell(action)


def parse(text: str) -> int:
    return PASS if text.strip().lower() == "pass" else _parse_cell(text)


def setup(black: list[int], white: list[int], mover: int) -> Position:
    """These discs and no others, those of the usual start included; who has no move must pass, as
    always."""
    board, position = stones_of(black, white, CELLS), GAME.start()
    discs = position.state.view(DTYPE)[0]["discs"]
    for player, owner in enumerate((1, -1)):
        bits = sum(1 << int(cell) for cell in np.flatnonzero(board == owner))
        discs[player] = [bits >> 64 * word & (1 << 64) - 1 for word in range(WORDS)]
    return recomputed(position, RECOMPUTE, mover)


def force(position: Position, action: int) -> None:
    """A pass of a side that has moves, in place. (Discs that turn nothing have no meaning.)"""
    if action != PASS:
        raise ValueError("the rules forbid it here")
    recomputed(position, RECOMPUTE, 1 - position.mover)


_square = board_symmetries(SIZE, SIZE)
# The four that leave the start as it is: they keep a1's diagonal. The others would exchange the
# colours of the first discs.
_symmetries = _square[np.isin(_square[:, 0], (0, CELLS - 1))]
_width = len(str(SIZE))
RECOMPUTE = Rules(start, legal, recompute, mover, observe, key, final)
_letters = " ".join(_format_cell(column)[0] for column in range(SIZE))

GAME = Game(
    name=f"othello{SIZE}",
    title=f"Othello {SIZE}x{SIZE}",
    dtype=DTYPE,
    rows=SIZE,
    columns=SIZE,
    planes=2,
    actions=CELLS + 1,
    max_plies=2
    # a disc on each cell, of which a set-up board may have none, and no pass follows another
    * CELLS,
    layout=Layout("cells", 1, extra=1),
    rules=Rules(start, legal, play, mover, observe, key, final),
    setup=setup,
    resume=lambda position, mover: recomputed(position, RECOMPUTE, mover),
    force=force,
    format=format_action,
    parse=parse,
    draw=lambda position: draw_cells(
        position, " " * (_width + 1) + _letters, [f"{row + 1:{_width}} " for row in range(SIZE)]
    ),
    cell_maps=_symmetries,
    action_maps=np.hstack([_symmetries, np.full((len(_symmetries), 1), PASS, np.int32)]),
)
