"""The board of Go for one size: chains of stones and their liberties, captures, and what superko
forbids.

Points lie on a board with walls: `point = (row + 1) * STRIDE + column`; the row above, the row
below and one column are walls, so that a neighbour needs no test for the edge, in arrays as in
bitboards. A chain is a ring of stones (`next`) with one of them for its head. Its liberties are
kept as number, sum and sum of squares of its stones' free neighbours, each counted once a stone:
they lie on one single point exactly if number * squares = sum^2 (equality in Cauchy and Schwarz).
With a bitboard of the stones in atari, all points that may be played come out of a few shifts.

The functions take the position as the record `s` of DTYPE and change it in place.
"""

import numpy as np
from numba import njit

from games.game import board_size
from native.machine.bits import trailing_zeros

SIZE = board_size(__name__, 9)
AREA = SIZE * SIZE
PASS = AREA
CAP = 2 * AREA  # plies after which a game is scored as it stands
BLACK, WHITE, EMPTY, WALL = 0, 1, 2, 3

STRIDE = SIZE + 1
POINTS = (SIZE + 2) * STRIDE
WORDS = (POINTS + 63) // 64
STEPS = (1, -1, STRIDE, -STRIDE)
NOWHERE = 0  # a wall, in place of a move that was none
RECENT = 5  # last moves that are kept, for the network
# bits; a game's positions set less than an eighth of them
FILTER = 1 << (AREA * 16 - 1).bit_length()

# the point of a cell
POINT = np.array([(cell // SIZE + 1) * STRIDE + cell % SIZE for cell in range(AREA)])
CELL = np.zeros(POINTS, np.int32)  # the cell of a point
CELL[POINT] = np.arange(AREA)
BOARD = np.array(
    [sum(1 << int(p) % 64 for p in POINT if p // 64 == word) for word in range(WORDS)], np.uint64
)
ZOBRIST = np.random.default_rng(SIZE).integers(1, 2**64, (2, POINTS), np.uint64)
ONE = np.uint64(1)

DTYPE = np.dtype(
    [
        ("komi", np.float64),
        ("outcome", np.float64),
        ("hash", np.uint64),  # hash of the stones alone: what superko compares
        # a bit for each arrangement so far, so that most questions need no search
        ("filter", np.uint64, FILTER // 64),
        ("empty", np.uint64, WORDS),
        ("stones", np.uint64, (2, WORDS)),
        ("atari", np.uint64, (2, WORDS)),  # stones whose chain has one liberty
        # points where such a stone was ever captured: only there can a move repeat
        ("taken", np.uint64, (2, WORDS)),
        ("open", np.uint64, WORDS),  # legal points, once found
        ("forbidden", np.uint64, WORDS),  # points that superko alone forbids, once found
        ("reach", np.uint64, (2, WORDS)),  # scratch
        ("sum", np.int32, POINTS),  # a chain's pseudo-liberties, summed at its head
        ("squares", np.int32, POINTS),
        ("number", np.int16, POINTS),
        ("length", np.int16, POINTS),  # stones, at the head
        ("head", np.int16, POINTS),
        ("next", np.int16, POINTS),
        ("colour", np.int8, POINTS),
        ("recent", np.int16, RECENT),  # points, newest first
        ("arrangements", np.int32),  # in history
        ("ply", np.int32),
        ("passes", np.int32),
        ("mover", np.int32),
        ("over", np.int32),
        ("found", np.int32),  # are `open` and `forbidden` those of this position?
        # hashes of every arrangement so far, the present one included: the log
        ("history", np.uint64, CAP + 1),
    ],
    align=True,
)


# Bitboards


@njit
def has(bits, point):
    return bits[point >> 6] >> np.uint64(point & 63) & ONE


@njit
def put(bits, point):
    bits[point >> 6] |= ONE << np.uint64(point & 63)


@njit
def drop(bits, point):
    bits[point >> 6] &= ~(ONE << np.uint64(point & 63))


@njit
def lowest(bits):
    """The first point among them, NOWHERE if there is none."""
    for word in range(WORDS):
        if bits[word]:
            return 64 * word + trailing_zeros(bits[word])
    return np.int64(NOWHERE)


@njit
def beside(bits, word):
    """One word of the points that have a neighbour among `bits` (walls included)."""
    here = bits[word]
    below = bits[word - 1] if word > 0 else np.uint64(0)
    above = bits[word + 1] if word + 1 < WORDS else np.uint64(0)
    side = here << ONE | below >> np.uint64(63) | here >> ONE | above << np.uint64(63)
    up, rest = np.uint64(STRIDE), np.uint64(64 - STRIDE)
    return side | here << up | below >> rest | here >> up | above << rest


# Chains


@njit
def add_liberty(s, head, point):
    s.number[head] += 1
    s.sum[head] += point
    s.squares[head] += point * point


@njit
def remove_liberty(s, head, point):
    s.number[head] -= 1
    s.sum[head] -= point
    s.squares[head] -= point * point


@njit
def flag_atari(s, head, colour):
    """Bring the atari bits of a chain up to date; all its stones had the same before."""
    total = np.int64(s.sum[head])
    in_atari = s.number[head] > 0 and np.int64(s.number[head]) * s.squares[head] == total * total
    if in_atari != (has(s.atari[colour], head) != 0):
        toggle_atari(s, head, colour)


@njit
def toggle_atari(s, head, colour):
    stone = head
    while True:
        s.atari[colour, stone >> 6] ^= ONE << np.uint64(stone & 63)
        stone = s.next[stone]
        if stone == head:
            return


@njit
def join(s, a, b, colour):
    """Make two chains one, headed by the longer one's head, without atari bits; returns the
    head."""
    if has(s.atari[colour], a):
        toggle_atari(s, a, colour)
    if has(s.atari[colour], b):
        toggle_atari(s, b, colour)
    if s.length[a] < s.length[b]:
        a, b = b, a
    stone = b
    while True:
        s.head[stone] = a
        stone = s.next[stone]
        if stone == b:
            break
    s.next[a], s.next[b] = s.next[b], s.next[a]
    s.length[a] += s.length[b]
    s.number[a] += s.number[b]
    s.sum[a] += s.sum[b]
    s.squares[a] += s.squares[b]
    return a


@njit
def capture(s, head, colour):
    """Take a chain of `colour` off the board; the chains around it gain liberties."""
    stone = head
    while True:
        s.colour[stone] = EMPTY
        s.hash ^= ZOBRIST[colour, stone]
        put(s.empty, stone)
        put(s.taken[colour], stone)
        drop(s.stones[colour], stone)
        drop(s.atari[colour], stone)
        stone = s.next[stone]
        if stone == head:
            break
    while True:
        for step in STEPS:
            beside_stone = stone + step
            if s.colour[beside_stone] == 1 - colour:
                add_liberty(s, s.head[beside_stone], stone)
                flag_atari(s, s.head[beside_stone], 1 - colour)
        stone = s.next[stone]
        if stone == head:
            break


@njit
def place(s, point):
    """Put the mover's stone on a point: join its own chains, capture the other's that have no
    liberty left."""
    mover = s.mover
    s.colour[point] = mover
    s.hash ^= ZOBRIST[mover, point]
    drop(s.empty, point)
    put(s.stones[mover], point)
    s.head[point] = s.next[point] = point
    s.length[point] = 1
    s.number[point] = s.sum[point] = s.squares[point] = 0
    head = np.int64(point)
    for step in STEPS:
        colour = s.colour[point + step]
        if colour == EMPTY:
            add_liberty(s, head, point + step)
        elif colour != WALL:
            near = np.int64(s.head[point + step])
            remove_liberty(s, near, point)
            if colour == mover and near != head:
                head = join(s, head, near, mover)
    for step in STEPS:
        if s.colour[point + step] == 1 - mover:
            near = np.int64(s.head[point + step])
            if s.number[near] == 0:
                capture(s, near, 1 - mover)
            else:
                flag_atari(s, near, 1 - mover)
    flag_atari(s, head, mover)


@njit(forceinline=True)  # by itself it is not, and `observe` takes a quarter longer
def liberties(s, head):
    """(number of a chain's liberties, at most 3, and the last two of them that were found)."""
    first = second = np.int64(NOWHERE)
    number, stone = 0, np.int64(head)
    while number < 3:
        for step in STEPS:
            near = stone + step
            if s.colour[near] == EMPTY and near != first and near != second:
                first, second = near, first
                number += 1
        stone = np.int64(s.next[stone])
        if stone == head:
            break
    return min(number, 3), first, second


# What may be played


@njit
def find(s):
    """Find the legal points: those beside an empty one, an own chain not in atari or another's
    chain in atari, less those where the stones would lie as they once lay."""
    if s.found:
        return
    s.found = 1
    mover, other = s.mover, 1 - s.mover
    for word in range(WORDS):
        s.reach[0, word] = (
            s.empty[word] | (s.stones[mover, word] & ~s.atari[mover, word]) | s.atari[other, word]
        )
    for word in range(WORDS):
        s.open[word] = s.empty[word] & beside(s.reach[0], word)
        s.forbidden[word] = 0
    for word in range(WORDS):
        doubtful = s.open[word] & s.taken[mover, word]
        captures = beside(s.atari[other], word) if doubtful else np.uint64(0)
        while doubtful:
            bit = doubtful & (~doubtful + ONE)
            doubtful ^= bit
            point = 64 * word + trailing_zeros(bit)
            after = s.hash ^ ZOBRIST[mover, point]
            if captures & bit:
                after ^= captured_hash(s, point, other)
            if has(s.filter, np.int64(after & np.uint64(FILTER - 1))) and stood_before(s, after):
                s.open[word] ^= bit
                s.forbidden[word] |= bit


@njit
def captured_hash(s, point, colour):
    """The hash of the stones of `colour` that a move at `point` would capture."""
    changed = np.uint64(0)
    for i in range(4):
        near = point + STEPS[i]
        if s.colour[near] == colour and has(s.atari[colour], near) and is_new_chain(s, point, i):
            stone = near
            while True:
                changed ^= ZOBRIST[colour, stone]
                stone = np.int64(s.next[stone])
                if stone == near:
                    break
    return changed


@njit
def is_new_chain(s, point, side):
    """Is the chain on that side of a point, one of four, on none of the sides before?"""
    near = point + STEPS[side]
    for i in range(side):
        earlier = point + STEPS[i]
        if s.colour[earlier] == s.colour[near] and s.head[earlier] == s.head[near]:
            return False
    return True


@njit
def stood_before(s, arrangement):
    for i in range(s.arrangements):
        if s.history[i] == arrangement:
            return True
    return False


@njit
def remember(s):
    """Note the present arrangement of stones."""
    s.history[s.arrangements] = s.hash
    s.arrangements += 1
    put(s.filter, np.int64(s.hash & np.uint64(FILTER - 1)))
