"""Go's published numbers on tiny boards, counted by our rules:
`python tests/conformance/tiny_go.py`, six minutes on one core.

John Tromp and Gunnar Farneback, "Combinatorics of Go" (2016), count legal positions, and games:
sequences of moves and passes from the empty board to two passes in a row, with positional superko.
They allow suicide, we forbid it. Up to 1x3 and on 2x2 that is the same, because a suicide there
leads back to the board before or to the empty one. On 1x4 it is not, and a slow twin in plain
Python, which can do both, connects our number with theirs.

A board of m x n points is a corner of go8 whose other points are walls. go8, because its cap of 128
plies is never reached: 2x2 has 57 arrangements, so no more than 56 moves, each after at most one
pass, and two passes at the end.

No count can be plain: 2x2 has 386,356,909,593 games. Counts are kept by the arrangements that can
still be reached (see tiny_go_paths.py), and these follow from the moves that our rules allow
without a history. But what is played are our rules with all of it, and a position where they allow
other moves than those to arrangements not seen before counts as a disagreement.
"""

import sys
import time
from typing import NamedTuple

import numpy as np
from numba import njit

import games
from games.game import Game, run_file
from native.machine.compile import copy
from tests.conformance.tiny_go_paths import ONE, name_of, new_table, slot_of, twin_games

POSITIONS = {2: 57, 3: 12675, 4: 24318165}  # size -> published number
# (rows, columns) -> published number
GAMES = {(1, 1): 1, (1, 2): 9, (1, 3): 907, (1, 4): 2098407841, (2, 2): 386356909593}


# Legal positions


def legal_positions(size: int) -> int:
    """How many arrangements of stones can be played on that board, stone by stone, without a
    capture."""
    game = run_file(f"games.go{size}", games.FOLDER / "go.py").GAME
    states = np.zeros((game.cells + 1, game.state_bytes), np.uint8)
    states[0] = game.start_state()
    return count_positions(
        game.rules, states, states.view(game.dtype)[:, 0], colours_at(game, range(game.cells))
    )


def colours_at(game: Game, cells) -> np.ndarray:
    """The cells' indices in a position's field `colour`."""
    stride = game.columns + 1
    return np.array([(cell // game.columns + 1) * stride + cell % game.columns for cell in cells])


@njit
def count_positions(rules, states, records, points):
    """Cell by cell, empty, black or white; who is not to move passes first. `states` is a stack,
    its first the empty board."""
    cells = len(points)
    choice = np.zeros(cells + 1, np.int64)  # of each cell: what is tried next
    # of each cell: where in `states` the board before it stands
    below = np.zeros(cells + 1, np.int64)
    actions, cell, total = np.zeros(cells + 1, np.int32), 0, 0
    while cell >= 0:
        if cell == cells or choice[cell] == 3:
            total += cell == cells
            cell -= 1
            continue
        stone = choice[cell] - 1
        choice[cell] += 1
        if stone < 0:
            below[cell + 1] = below[cell]
        elif put(rules, states, records, points, below[cell], cell, stone, actions):
            below[cell + 1] = cell + 1
        else:
            continue
        cell += 1
        if cell < cells:
            choice[cell] = 0
    return total


@njit
def put(rules, states, records, points, below, cell, stone, actions):
    """Play a stone in a copy, states[cell + 1], of states[below]; false if it is not legal or
    captures."""
    state = states[cell + 1]
    copy(state, states[below])
    if rules.mover(state) != stone:
        rules.play(state, len(points))
    stones = 1 + count_stones(records[below], points)
    if not is_listed(actions, rules.legal(state, actions), cell):
        return False
    rules.play(state, cell)
    return count_stones(records[cell + 1], points) == stones


@njit
def is_listed(actions, count, action):
    for i in range(count):
        if actions[i] == action:
            return True
    return False


@njit
def count_stones(record, points):
    stones = 0
    for point in points:
        stones += record.colour[point] < 2
    return stones


# Games


class Board(NamedTuple):
    """A tiny board in a corner of go8. Arrangements are numbered in the order of their discovery,
    the empty one is 0."""

    start: np.ndarray  # u8[S]
    points: np.ndarray  # i64[cells]: where `colour` has its points
    number_of: np.ndarray  # i64[4 ** cells]: an arrangement's number by its code
    # u64[arrangements]: bits of those that one move, of either player, leads to
    successors: np.ndarray


def corner(rows: int, columns: int) -> Board:
    game = games.load("go8")
    cells = [row * 8 + column for row in range(rows) for column in range(columns)]
    start, points = game.start_state(), colours_at(game, cells)
    record = start.view(game.dtype)[0]
    for point in set(colours_at(game, range(game.cells)).tolist()) - set(points.tolist()):
        record["colour"][point] = 3
        record["empty"][point >> 6] &= ~np.uint64(1 << (point & 63))
    return Board(start, points, *arrangements(game, start, points))


def arrangements(
    game: Game, start: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(numbers by code, successors): all that can be reached when no history forbids anything."""
    found, states, successors = {code(game, start, points): 0}, [start], []
    for state in states:  # which grows
        successors.append(0)
        for colour in range(2):
            for after in moves_without_history(game, state, colour):
                number = found.setdefault(code(game, after, points), len(found))
                if number == len(states):
                    states.append(after)
                successors[-1] |= 1 << number
    number_of = np.full(4 ** len(points), -1, np.int64)
    number_of[list(found)] = list(found.values())
    return number_of, np.array(successors, np.uint64)


def code(game: Game, state: np.ndarray, points: np.ndarray) -> int:
    """Of the arrangement: a digit to the base of 4 a point."""
    return sum(
        int(colour) << 2 * i for i, colour in enumerate(state.view(game.dtype)[0]["colour"][points])
    )


def moves_without_history(game: Game, state: np.ndarray, colour: int):
    """The states after each of a player's moves from these stones."""
    position = games.Position(game, state.copy())
    record = position.state.view(game.dtype)[0]
    record["arrangements"], record["filter"], record["mover"] = 0, 0, colour
    for field in ("found", "passes", "ply"):
        record[field] = 0
    return [position.copy().play(int(action)).state for action in position.legal[:-1]]


class Count(NamedTuple):
    games: int
    positions: int  # that were played
    disagreements: int


def count_games(rows: int, columns: int) -> Count:
    """All games. On 2x2 the eight first moves, four points of two colours, are mirror images: one
    is played."""
    game, board = games.load("go8"), corner(rows, columns)
    depth = len(board.successors) + 1
    states = np.zeros((2 * depth + 1, game.state_bytes), np.uint8)
    states[0] = board.start
    images, seen = 1, 1
    if (rows, columns) == (2, 2):
        states[0] = games.Position(game, board.start.copy()).play(0).state
        images, seen = 8, 1 | 1 << int(board.number_of[code(game, states[0], board.points)])
    keys, counts = new_table()
    total, positions, disagreements = walk(
        game.rules,
        states,
        states.view(game.dtype)[:, 0],
        *board[1:],
        np.uint64(seen),
        game.actions,
        keys,
        counts,
    )
    # and the game of two passes
    return Count(images * total + (images > 1), positions, disagreements)


@njit
def walk(rules, states, records, points, number_of, successors, seen, num_actions, keys, counts):
    """Depth first from states[0], whose arrangement is the newest of `seen`. Moves made without
    passes between them lie in even places of the stack; an odd one is the state before it after a
    pass. Returns a Count."""
    depths = len(states) // 2
    actions, num_moves = (
        np.zeros((len(states), num_actions), np.int32),
        np.zeros((depths, 2), np.int64),
    )
    moves_made, here = np.zeros(depths, np.int64), np.zeros(depths, np.int64)
    totals, names = np.zeros(depths, np.int64), np.zeros(depths, np.uint64)
    depth, positions, disagreements = 0, 1, 0
    here[0] = number_of[encode(records[0], points)]
    totals[0] = enter(rules, states, actions, num_moves, 0, num_actions)
    while True:
        move = moves_made[depth]
        if move < num_moves[depth].sum():
            moves_made[depth] += 1
            passed = move >= num_moves[depth, 0]
            action = actions[2 * depth + passed, move - passed * num_moves[depth, 0]]
            copy(states[2 * depth + 2], states[2 * depth + passed])
            rules.play(states[2 * depth + 2], action)
            positions += 1
            number = number_of[encode(records[2 * depth + 2], points)]
            bit = ONE << np.uint64(number)
            disagreements += (seen & bit) != 0
            seen |= bit
            name = name_of(successors, seen, number)
            slot = slot_of(name)
            if keys[slot] == name:
                totals[depth] += counts[slot]
                seen ^= bit
                continue
            depth += 1
            here[depth], names[depth], moves_made[depth] = number, name, 0
            totals[depth] = enter(rules, states, actions, num_moves, depth, num_actions)
            disagreements += num_moves[depth].sum() != count_bits(successors[number] & ~seen)
        elif depth == 0:
            return totals[0], positions, disagreements
        else:
            slot = slot_of(names[depth])
            keys[slot], counts[slot] = names[depth], totals[depth]
            seen ^= ONE << np.uint64(here[depth])
            depth -= 1
            totals[depth] += totals[depth + 1]


@njit
def enter(rules, states, actions, num_moves, depth, num_actions):
    """List both players' moves, the second's after a pass; 1 if another pass ends the game, as it
    should."""
    pass_action, state, passed, over = (
        num_actions - 1,
        states[2 * depth],
        states[2 * depth + 1],
        states[2 * depth + 2],
    )
    num_moves[depth, 0] = rules.legal(state, actions[2 * depth]) - 1
    copy(passed, state)
    rules.play(passed, pass_action)
    num_moves[depth, 1] = rules.legal(passed, actions[2 * depth + 1]) - 1
    copy(over, passed)
    return np.int64(not np.isnan(rules.play(over, pass_action)))


@njit
def encode(record, points):
    """As `code`."""
    total = 0
    for i in range(len(points)):
        total |= np.int64(record.colour[points[i]]) << 2 * i
    return total


@njit
def count_bits(bits):
    count = 0
    while bits:
        bits &= bits - ONE
        count += 1
    return count


def main() -> None:
    lines = {}

    def show(name: str, count: int, published: int, begin: float, more: str = "") -> None:
        verdict = "as published" if count == published else f"{published:,} published"
        lines[name] = f"{count:,}: {verdict}{more}; {time.perf_counter() - begin:.1f} s"
        print(f"  {name}: {lines[name]}", file=sys.stderr, flush=True)

    for size, published in POSITIONS.items():
        begin = time.perf_counter()
        show(f"legal positions {size}x{size}", legal_positions(size), published, begin)
    for (rows, columns), published in GAMES.items():
        begin, count = time.perf_counter(), count_games(rows, columns)
        more = f" ({count.positions:,} positions played, {count.disagreements} disagreements)"
        show(f"games {rows}x{columns}", count.games, published, begin, more)
        for suicide, said in ((False, "forbidden"), (True, "allowed")):
            begin = time.perf_counter()
            show(
                f"twin {rows}x{columns}, suicide {said}",
                twin_games(rows, columns, suicide),
                published,
                begin,
            )
    for name, value in lines.items():
        print(f"{name:<42} {value}")


if __name__ == "__main__":
    main()
