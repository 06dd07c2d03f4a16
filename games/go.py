"""Go on square boards from 5x5 to 19x19, after Tromp and Taylor: area scoring, positional superko,
suicide forbidden.

A move may not recreate any earlier arrangement of stones, whoever was to move then (a pass may).
Two passes in a row end the game, and so do 2 * SIZE * SIZE plies; then every stone on the board
counts, and every empty point from which only one player's stones can be reached. Actions are the
points, row by row from the top left, and last the pass.

Here are the rules, the end and what the network sees; stones and chains are `go_board.py`, the
people's side `go_face.py`. What `legal`, `key` and `observe` need beyond the stones is found at the
first of their calls and kept in the state.
"""

import numpy as np
from numba import njit

from games.game import Game, Layout, board_size, board_symmetries, part
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, Rules, overlay, rule
from native.machine.bits import trailing_zeros

SIZE = board_size(__name__, 9)
board, life, ladders, face = (
    part(name, SIZE) for name in ("go_board", "go_life", "go_ladders", "go_face")
)

# Planes that the network may be given besides. They are constants of the file: to compare, train on
# a copy of it, with the board's size as the default above.
PASS_ALIVE = False  # two: what the mover keeps even if they pass for ever, and the other likewise
LADDERS = False  # two: stones of chains caught in a ladder, and the moves that catch one
RECENT_PLANE, FORBIDDEN_PLANE, ALIVE_PLANE = 8, 8 + board.RECENT, 9 + board.RECENT
LADDER_PLANE = ALIVE_PLANE + 2 * PASS_ALIVE
PLANES = LADDER_PLANE + 2 * LADDERS
KOMI_UNIT = 256.0  # komi is kept in steps of 1/256, so that equal keys mean equal komi
# What network and key see of a komi, at most, for either side: nobody can win against more, so all
# beyond it is one game.
KOMI_LIMIT = board.AREA + 1.0
RECENT_KEYS = np.random.default_rng(SIZE + 100).integers(
    1, 2**64, (board.RECENT, board.POINTS), np.uint64
)
FORBIDDEN_KEYS = np.random.default_rng(SIZE + 200).integers(1, 2**64, board.POINTS, np.uint64)
# White to move, after a pass, komi
STATE_KEYS = np.random.default_rng(300).integers(1, 2**64, 3, np.uint64)


def handicap_points() -> np.ndarray:
    """int64[n + 1, 9]: row k holds the k points of the fixed handicap as the Go Text Protocol
    (section 4.1.1) places them."""
    near, middle, far = (2 if SIZE < 13 else 3), SIZE // 2, SIZE - (3 if SIZE < 13 else 4)
    corners = [(far, near), (near, far), (near, near), (far, far)]
    sides = [(middle, near), (middle, far), (far, middle), (near, middle)]
    most = 0 if SIZE < 7 else 9 if SIZE % 2 and SIZE > 7 else 4
    table = np.zeros((most + 1, 9), np.int64)
    for stones in range(2, most + 1):
        places = (corners + sides)[: stones if stones < 5 else stones & ~1]
        if stones > 4 and stones % 2:
            places = [*places, (middle, middle)]
        table[stones, :stones] = [board.POINT[row * SIZE + column] for row, column in places]
    return table


HANDICAP = handicap_points()


# The end


@njit
def find_areas(s):
    """reach[colour]: that player's stones, and the empty points from which they can be reached."""
    for colour in range(2):
        for word in range(board.WORDS):
            s.reach[colour, word] = s.stones[colour, word]
        grows = True
        while grows:
            grows = False
            for word in range(board.WORDS):
                more = s.reach[colour, word] | (board.beside(s.reach[colour], word) & s.empty[word])
                grows |= more != s.reach[colour, word]
                s.reach[colour, word] = more


@njit
def owner(s, point):
    """+1 Black's, -1 White's, 0 nobody's, after `find_areas`."""
    return np.int8(board.has(s.reach[board.BLACK], point)) - np.int8(
        board.has(s.reach[board.WHITE], point)
    )


@njit
def score(s):
    """Black's area less White's less komi."""
    find_areas(s)
    points = -s.komi
    for cell in range(board.AREA):
        points += owner(s, board.POINT[cell])
    return points


@njit
def mark_liberties(s, head, planes_out, side):
    """Write the plane of a chain's liberties."""
    number, _, _ = board.liberties(s, head)
    stone = head
    while True:
        planes_out[side + number, board.CELL[stone]] = 1.0
        stone = np.int64(s.next[stone])
        if stone == head:
            break


@njit
def seen_komi(s):
    return min(max(s.komi, -KOMI_LIMIT), KOMI_LIMIT)


# The rules


@rule(START)
def start(state, options):
    """Options: komi, and the number of handicap stones (0, or 2 to 9 where the board has the places
    for them)."""
    state[:] = 0
    s = overlay(state, board.DTYPE)
    s.komi = options[0]
    if abs(s.komi) <= KOMI_LIMIT:
        s.komi = np.floor(s.komi * KOMI_UNIT + 0.5) / KOMI_UNIT
    for point in range(board.POINTS):
        s.colour[point] = board.WALL
    for cell in range(board.AREA):
        s.colour[board.POINT[cell]] = board.EMPTY
    for word in range(board.WORDS):
        s.empty[word] = board.BOARD[word]
    for i in range(board.RECENT):
        s.recent[i] = board.NOWHERE
    stones = min(np.int64(options[1]), len(HANDICAP) - 1)
    if stones > 1:
        for i in range(stones):
            board.place(s, np.int64(HANDICAP[stones, i]))
        s.mover = board.WHITE
    board.remember(s)


@rule(LEGAL)
def legal(state, actions_out):
    s = overlay(state, board.DTYPE)
    if s.over:
        return 0
    board.find(s)
    n = 0
    for word in range(board.WORDS):
        bits = s.open[word]
        while bits:
            actions_out[n] = board.CELL[64 * word + trailing_zeros(bits)]
            n += 1
            bits &= bits - board.ONE
    actions_out[n] = board.PASS
    return n + 1


@rule(PLAY)
def play(state, action):
    s = overlay(state, board.DTYPE)
    if s.over:
        return s.outcome
    point = np.int64(board.NOWHERE)
    if action == board.PASS:
        s.passes += 1
    else:
        s.passes = 0
        point = np.int64(board.POINT[action])
        board.place(s, point)
        board.remember(s)
    for i in range(board.RECENT - 1, 0, -1):
        s.recent[i] = s.recent[i - 1]
    s.recent[0] = point
    s.mover = 1 - s.mover
    s.ply += 1
    s.found = 0
    if s.passes < 2 and s.ply < board.CAP:
        return GOES_ON
    s.over = 1
    s.outcome = np.sign(score(s))
    return s.outcome


@rule(MOVER)
def mover(state):
    return np.int64(overlay(state, board.DTYPE).mover)


@rule(OBSERVE)
def observe(state, planes_out, scalars_out):
    """Planes: the mover's stones, with 1, 2, 3 or more liberties, the other's likewise, the last
    five moves, newest first, and the points that superko forbids; then those of PASS_ALIVE and of
    LADDERS. Scalars: komi in favour of the mover, up to KOMI_LIMIT, in units of 15 points; was
    there a pass."""
    s = overlay(state, board.DTYPE)
    board.find(s)
    for plane in range(PLANES):
        for cell in range(board.AREA):
            planes_out[plane, cell] = 0.0
    for colour in range(2):
        side = 0 if colour == s.mover else 4
        for word in range(board.WORDS):
            bits = s.stones[colour, word]
            while bits:
                point = 64 * word + trailing_zeros(bits)
                bits &= bits - board.ONE
                planes_out[side, board.CELL[point]] = 1.0
                if s.head[point] == point:
                    mark_liberties(s, point, planes_out, side)
    for word in range(board.WORDS):
        bits = s.forbidden[word]
        while bits:
            planes_out[FORBIDDEN_PLANE, board.CELL[64 * word + trailing_zeros(bits)]] = 1.0
            bits &= bits - board.ONE
    for i in range(board.RECENT):
        if s.recent[i] != board.NOWHERE:
            planes_out[RECENT_PLANE + i, board.CELL[s.recent[i]]] = 1.0
    if PASS_ALIVE:
        life.mark_alive(s, planes_out, ALIVE_PLANE)
    if LADDERS:
        ladders.mark_ladders(s, planes_out, LADDER_PLANE)
    scalars_out[0] = (seen_komi(s) if s.mover == board.WHITE else -seen_komi(s)) / 15.0
    scalars_out[1] = s.passes


@rule(KEY)
def key(state):
    s = overlay(state, board.DTYPE)
    board.find(s)
    mixed = s.hash
    if s.mover == board.WHITE:
        mixed ^= STATE_KEYS[0]
    if s.passes:
        mixed ^= STATE_KEYS[1]
    for i in range(board.RECENT):
        mixed ^= RECENT_KEYS[i, s.recent[i]]
    for word in range(board.WORDS):
        bits = s.forbidden[word]
        while bits:
            mixed ^= FORBIDDEN_KEYS[64 * word + trailing_zeros(bits)]
            bits &= bits - board.ONE
    return mixed ^ (np.uint64(np.int64(seen_komi(s) * KOMI_UNIT)) * STATE_KEYS[2])


@rule(FINAL)
def final(state, owner_out):
    """Owners as if the game ended here, and Black's area less White's less komi."""
    s = overlay(state, board.DTYPE)
    points = score(s)
    for cell in range(board.AREA):
        owner_out[cell] = owner(s, board.POINT[cell])
    return points


_cells = board_symmetries(SIZE, SIZE)

GAME = Game(
    name=f"go{SIZE}",
    title=f"Go {SIZE}x{SIZE}",
    dtype=board.DTYPE,
    rows=SIZE,
    columns=SIZE,
    planes=PLANES,
    scalars=2,
    actions=board.AREA + 1,
    max_plies=board.CAP,
    layout=Layout("cells", extra=1),
    rules=Rules(
        start, legal, play, mover, observe, key, final, log=board.DTYPE.fields["history"][1]
    ),
    format=face.format_action,
    parse=face.parse,
    draw=face.draw,
    stones=face.stones,
    cell_maps=_cells,
    action_maps=np.concatenate([_cells, np.full((len(_cells), 1), board.PASS, np.int32)], 1),
    options={"komi": 7.5, "handicap": 0.0},
    setup=lambda black, white, mover, **options: face.setup(
        GAME.start(**options), black, white, mover
    ),
    resume=face.resume,
    force=face.force,
)
