"""Go on square boards from 5x5 to 19x19, after Tromp and Taylor: area scoring, positional superko, suicide forbidden.

A move may not recreate any earlier arrangement of stones, whoever was to move then (a pass may). Two passes in a row end
the game, and so do 2 * SIZE * SIZE plies; then every stone on the board counts, and every empty point from which only one
player's stones can be reached. Actions are the points, row by row from the top left, and last the pass.

Points lie on a board with walls: `point = (row + 1) * STRIDE + column`; the row above, the row below and one column are
walls, so that a neighbour needs no test for the edge, in arrays as in bitboards. A chain is a ring of stones (`next`) with
one of them for its head. Its liberties are kept as number, sum and sum of squares of its stones' free neighbours, each
counted once a stone: they lie on one single point exactly if number * squares = sum^2 (equality in Cauchy and Schwarz).
With a bitboard of the stones in atari, all points that may be played come out of a few shifts.

What `legal`, `key` and `observe` need beyond the stones is found at the first of their calls and kept in the state.
"""

import numpy as np
from numba import njit

from games.game import Game, Layout, Position, board_size, board_symmetries, vertices
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule
from native.bits import trailing_zeros

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
RECENT = 5  # last moves that the network sees
FILTER = 1 << (AREA * 16 - 1).bit_length()  # bits; a game's positions set less than an eighth of them
RECENT_PLANE, FORBIDDEN_PLANE, PLANES = 8, 8 + RECENT, 9 + RECENT
KOMI_UNIT = 256.0  # komi is kept in steps of 1/256, so that equal keys mean equal komi

POINT = np.array([(cell // SIZE + 1) * STRIDE + cell % SIZE for cell in range(AREA)])  # of a cell
CELL = np.zeros(POINTS, np.int32)  # of a point
CELL[POINT] = np.arange(AREA)
BOARD = np.array([sum(1 << int(p) % 64 for p in POINT if p // 64 == word) for word in range(WORDS)], np.uint64)
ZOBRIST = np.random.default_rng(SIZE).integers(1, 2**64, (2, POINTS), np.uint64)
RECENT_KEYS = np.random.default_rng(SIZE + 100).integers(1, 2**64, (RECENT, POINTS), np.uint64)
FORBIDDEN_KEYS = np.random.default_rng(SIZE + 200).integers(1, 2**64, POINTS, np.uint64)
STATE_KEYS = np.random.default_rng(300).integers(1, 2**64, 3, np.uint64)  # White to move, after a pass, komi
ONE = np.uint64(1)

DTYPE = np.dtype(
    [
        ("komi", np.float64),
        ("outcome", np.float64),
        ("hash", np.uint64),  # of the stones alone: what superko compares
        ("history", np.uint64, CAP + 1),  # of every arrangement so far, the present one included
        ("filter", np.uint64, FILTER // 64),  # a bit for each of them, so that most questions need no search
        ("empty", np.uint64, WORDS),
        ("stones", np.uint64, (2, WORDS)),
        ("atari", np.uint64, (2, WORDS)),  # stones whose chain has one liberty
        ("taken", np.uint64, (2, WORDS)),  # points where such a stone was ever captured: only there can a move repeat
        ("open", np.uint64, WORDS),  # legal points, once found
        ("forbidden", np.uint64, WORDS),  # points that superko alone forbids, once found
        ("reach", np.uint64, (2, WORDS)),  # scratch
        ("sum", np.int32, POINTS),  # of a chain's pseudo-liberties, at its head
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
    ],
    align=True,
)


def handicap_points() -> np.ndarray:
    """int64[n + 1, 9]: row k holds the k points of the fixed handicap as the Go Text Protocol (section 4.1.1) places them."""
    near, middle, far = (2 if SIZE < 13 else 3), SIZE // 2, SIZE - (3 if SIZE < 13 else 4)
    corners = [(far, near), (near, far), (near, near), (far, far)]
    sides = [(middle, near), (middle, far), (far, middle), (near, middle)]
    most = 0 if SIZE < 7 else 9 if SIZE % 2 and SIZE > 7 else 4
    table = np.zeros((most + 1, 9), np.int64)
    for stones in range(2, most + 1):
        places = (corners + sides)[: stones if stones < 5 else stones & ~1]
        if stones > 4 and stones % 2:
            places = [*places, (middle, middle)]
        table[stones, :stones] = [POINT[row * SIZE + column] for row, column in places]
    return table


HANDICAP = handicap_points()


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
    """Make two chains one, headed by the longer one's head, without atari bits; returns the head."""
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
    """Put the mover's stone on a point: join its own chains, capture the other's that have no liberty left."""
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


# What may be played


@njit
def find(s):
    """Find the legal points: those beside an empty one, an own chain not in atari or another's chain in atari, less those
    where the stones would lie as they once lay."""
    if s.found:
        return
    s.found = 1
    mover, other = s.mover, 1 - s.mover
    for word in range(WORDS):
        s.reach[0, word] = s.empty[word] | (s.stones[mover, word] & ~s.atari[mover, word]) | s.atari[other, word]
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
    """Of the stones of `colour` that a move at `point` would capture."""
    changed = np.uint64(0)
    for i in range(4):
        near = point + STEPS[i]
        if s.colour[near] != colour or not has(s.atari[colour], near):
            continue
        is_new = True
        for j in range(i):
            earlier = point + STEPS[j]
            if s.colour[earlier] == colour and s.head[earlier] == s.head[near]:
                is_new = False
        if is_new:
            stone = near
            while True:
                changed ^= ZOBRIST[colour, stone]
                stone = np.int64(s.next[stone])
                if stone == near:
                    break
    return changed


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


# The end


@njit
def find_areas(s):
    """reach[colour]: that player's stones, and the empty points from which they can be reached."""
    for colour in range(2):
        for word in range(WORDS):
            s.reach[colour, word] = s.stones[colour, word]
        grows = True
        while grows:
            grows = False
            for word in range(WORDS):
                more = s.reach[colour, word] | (beside(s.reach[colour], word) & s.empty[word])
                grows |= more != s.reach[colour, word]
                s.reach[colour, word] = more


@njit
def owner(s, point):
    """+1 Black's, -1 White's, 0 nobody's, after `find_areas`."""
    return np.int8(has(s.reach[BLACK], point)) - np.int8(has(s.reach[WHITE], point))


@njit
def score(s):
    """Black's area less White's less komi."""
    find_areas(s)
    points = -s.komi
    for cell in range(AREA):
        points += owner(s, POINT[cell])
    return points


@njit
def mark_liberties(s, head, planes_out, side):
    """Write the plane of a chain's liberties."""
    first = second = np.int64(NOWHERE)
    liberties, stone = 0, head
    while liberties < 3:
        for step in STEPS:
            near = stone + step
            if s.colour[near] == EMPTY and near != first and near != second:
                first, second = near, first
                liberties += 1
        stone = np.int64(s.next[stone])
        if stone == head:
            break
    liberties, stone = min(liberties, 3), head
    while True:
        planes_out[side + liberties, CELL[stone]] = 1.0
        stone = np.int64(s.next[stone])
        if stone == head:
            break


# The rules


@rule(START)
def start(state, options):
    """Options: komi, and the number of handicap stones (0, or 2 to 9 where the board has the places for them)."""
    state[:] = 0
    s = overlay(state, DTYPE)
    s.komi = np.floor(options[0] * KOMI_UNIT + 0.5) / KOMI_UNIT
    for point in range(POINTS):
        s.colour[point] = WALL
    for cell in range(AREA):
        s.colour[POINT[cell]] = EMPTY
    for word in range(WORDS):
        s.empty[word] = BOARD[word]
    for i in range(RECENT):
        s.recent[i] = NOWHERE
    stones = min(np.int64(options[1]), len(HANDICAP) - 1)
    if stones > 1:
        for i in range(stones):
            place(s, np.int64(HANDICAP[stones, i]))
        s.mover = WHITE
    remember(s)


@rule(LEGAL)
def legal(state, actions_out):
    s = overlay(state, DTYPE)
    if s.over:
        return 0
    find(s)
    n = 0
    for word in range(WORDS):
        bits = s.open[word]
        while bits:
            actions_out[n] = CELL[64 * word + trailing_zeros(bits)]
            n += 1
            bits &= bits - ONE
    actions_out[n] = PASS
    return n + 1


@rule(PLAY)
def play(state, action):
    s = overlay(state, DTYPE)
    if s.over:
        return s.outcome
    point = np.int64(NOWHERE)
    if action == PASS:
        s.passes += 1
    else:
        s.passes = 0
        point = np.int64(POINT[action])
        place(s, point)
        remember(s)
    for i in range(RECENT - 1, 0, -1):
        s.recent[i] = s.recent[i - 1]
    s.recent[0] = point
    s.mover = 1 - s.mover
    s.ply += 1
    s.found = 0
    if s.passes < 2 and s.ply < CAP:
        return GOES_ON
    s.over = 1
    s.outcome = np.sign(score(s))
    return s.outcome


@rule(MOVER)
def mover(state):
    return np.int64(overlay(state, DTYPE).mover)


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's stones, with 1, 2, 3 or more liberties, the other's likewise, the last five moves, newest first,
    and the points that superko forbids. Scalars: komi in favour of the mover, in units of 15 points; was there a pass."""
    s = overlay(state, DTYPE)
    find(s)
    for plane in range(PLANES):
        for cell in range(AREA):
            planes_out[plane, cell] = 0.0
    for cell in range(AREA):
        point = np.int64(POINT[cell])
        if s.colour[point] != EMPTY:
            side = 0 if s.colour[point] == s.mover else 4
            planes_out[side, cell] = 1.0
            if s.head[point] == point:
                mark_liberties(s, point, planes_out, side)
        elif has(s.forbidden, point):
            planes_out[FORBIDDEN_PLANE, cell] = 1.0
    for i in range(RECENT):
        if s.recent[i] != NOWHERE:
            planes_out[RECENT_PLANE + i, CELL[s.recent[i]]] = 1.0
    scalars_out[0] = (s.komi if s.mover == WHITE else -s.komi) / 15.0
    scalars_out[1] = s.passes


@rule(KEY)
def key(state):
    s = overlay(state, DTYPE)
    find(s)
    mixed = s.hash
    if s.mover == WHITE:
        mixed ^= STATE_KEYS[0]
    if s.passes:
        mixed ^= STATE_KEYS[1]
    for i in range(RECENT):
        mixed ^= RECENT_KEYS[i, s.recent[i]]
    for word in range(WORDS):
        bits = s.forbidden[word]
        while bits:
            mixed ^= FORBIDDEN_KEYS[64 * word + trailing_zeros(bits)]
            bits &= bits - ONE
    return mixed ^ (np.uint64(np.int64(s.komi * KOMI_UNIT)) * STATE_KEYS[2])


@rule(FINAL)
def final(state, owner_out):
    """Owners as if the game ended here, and Black's area less White's less komi."""
    s = overlay(state, DTYPE)
    points = score(s)
    for cell in range(AREA):
        owner_out[cell] = owner(s, POINT[cell])
    return points


# How people see it

_format_point, _parse_point = vertices(SIZE)


def format_action(action: int) -> str:
    return "pass" if action == PASS else _format_point(action)


def parse(text: str) -> int:
    return PASS if text.strip().lower() == "pass" else _parse_point(text)


def draw(position: Position) -> str:
    colours = position.state.view(DTYPE)[0]["colour"][POINT].reshape(SIZE, SIZE)
    width = len(str(SIZE))
    heading = " " * (width + 1) + " ".join(_format_point(column)[0] for column in range(SIZE))
    rows = [f"{SIZE - row:>{width}} " + " ".join("XO."[colour] for colour in colours[row]) for row in range(SIZE)]
    return "\n".join([heading, *rows])


def setup(black: list[int], white: list[int], mover: int, **options: float) -> Position:
    """The position with these cells' stones and no history. ValueError if a chain would have no liberty.

    The stones are played one by one. On the way no chain can be without a liberty: what is missing of it is one.
    """
    position = GAME.start(**options)
    record = position.state.view(DTYPE)[0]
    for colour, cells in ((BLACK, black), (WHITE, white)):
        for cell in cells:
            record["mover"] = colour
            record["found"] = 0
            if cell not in position.legal or cell == PASS:
                raise ValueError(f"a stone on {format_action(cell)} cannot be set up: it would have no liberty")
            position.play(cell)
            record["ply"] = 0
    if np.count_nonzero(record["colour"][POINT] != EMPTY) < len(black) + len(white):
        raise ValueError("these stones cannot be set up: some of them would have no liberty")
    record["recent"] = NOWHERE
    record["mover"], record["found"] = mover, 0
    record["history"], record["filter"], record["taken"], record["arrangements"] = 0, 0, 0, 1
    record["history"][0] = record["hash"]
    index = int(record["hash"]) & (FILTER - 1)
    record["filter"][index >> 6] = np.uint64(1 << (index & 63))
    position.plies = 0
    return position


_cells = board_symmetries(SIZE, SIZE)

GAME = Game(
    name=f"go{SIZE}",
    title=f"Go {SIZE}x{SIZE}",
    dtype=DTYPE,
    rows=SIZE,
    columns=SIZE,
    planes=PLANES,
    scalars=2,
    actions=AREA + 1,
    max_plies=CAP,
    layout=Layout("cells", extra=1),
    rules=Rules(start, legal, play, mover, observe, key, final),
    format=format_action,
    parse=parse,
    draw=draw,
    cell_maps=_cells,
    action_maps=np.concatenate([_cells, np.full((len(_cells), 1), PASS, np.int32)], 1),
    options={"komi": 7.5, "handicap": 0.0},
    setup=setup,
)
