"""Counting Go's games as paths: from the empty board through arrangements of stones, none met
twice.

Under positional superko games and such paths are the same (Tromp and Farneback, "Combinatorics of
Go"): who moved is seen from the stone, between two moves of one player lies exactly one pass of the
other, and after any move two passes may end the game.

From an arrangement as many ways lead on as the arrangements that can still be reached decide, so a
count has a name: these as bits, and above them the number of the arrangement. Fewer than 58
arrangements, as on boards of at most four points, fit a word.

`twin_games` draws the graph in plain Python, with suicide or without: an independent way to the
numbers of tiny_go.py.
"""

import numpy as np
from numba import njit

from native.machine.bits import trailing_zeros

SLOTS = 1 << 24  # of a table of counts: an entry gives way to the next that falls on its slot
ONE = np.uint64(1)


def new_table() -> tuple[np.ndarray, np.ndarray]:
    """(names, counts)."""
    return np.zeros(SLOTS, np.uint64), np.zeros(SLOTS, np.int64)


def twin_games(rows: int, columns: int, suicide: bool) -> int:
    """As many games as there are paths from the empty board that meet no arrangement twice."""
    arrangements, successors = ["." * (rows * columns)], []
    for stones in arrangements:  # which grows
        after = twin_moves(stones, rows, columns, suicide) - {stones}
        arrangements += sorted(after.difference(arrangements))
        successors.append(sum(1 << arrangements.index(other) for other in after))
    keys, counts = new_table()
    return count_paths(np.array(successors, np.uint64), keys, counts)


def twin_moves(stones: str, rows: int, columns: int, suicide: bool) -> set[str]:
    """The arrangements after all moves of both players."""
    found = set()
    for colour, other in ("XO", "OX"):
        for cell in (cell for cell, stone in enumerate(stones) if stone == "."):
            after = list(stones)
            after[cell] = colour
            lift(after, rows, columns, other)
            if "".join(after) != lift(after.copy(), rows, columns, colour) and not suicide:
                continue
            found.add(lift(after, rows, columns, colour))
    return found


def lift(stones: list[str], rows: int, columns: int, colour: str) -> str:
    """Take the colour's stones without liberties off, in place; the board as text."""

    def around(cell: int) -> list[int]:
        row, column = divmod(cell, columns)
        near = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        return [r * columns + c for r, c in near if 0 <= r < rows and 0 <= c < columns]

    own = [cell for cell, stone in enumerate(stones) if stone == colour]
    free = {cell for cell in own if any(stones[near] == "." for near in around(cell))}
    for _ in own:
        free |= {n for cell in free for n in around(cell) if stones[n] == colour}
    for cell in set(own) - free:
        stones[cell] = "."
    return "".join(stones)


@njit
def count_paths(successors, keys, counts):
    """Paths from arrangement 0 that meet none twice, the one of no step included."""
    left, here, names = np.zeros(65, np.uint64), np.zeros(65, np.int64), np.zeros(65, np.uint64)
    totals, seen, depth = np.ones(65, np.int64), ONE, 0
    left[0] = successors[0] & ~seen
    while True:
        if left[depth]:
            number = trailing_zeros(left[depth])
            left[depth] &= left[depth] - ONE
            seen |= ONE << np.uint64(number)
            name = name_of(successors, seen, number)
            if keys[slot_of(name)] == name:
                totals[depth] += counts[slot_of(name)]
                seen ^= ONE << np.uint64(number)
                continue
            depth += 1
            here[depth], names[depth], totals[depth] = number, name, 1
            left[depth] = successors[number] & ~seen
        elif depth == 0:
            return totals[0]
        else:
            keys[slot_of(names[depth])], counts[slot_of(names[depth])] = names[depth], totals[depth]
            seen ^= ONE << np.uint64(here[depth])
            depth -= 1
            totals[depth] += totals[depth + 1]


@njit
def name_of(successors, seen, number):
    """Of the count from this arrangement on, after those in `seen`; never 0, which marks an empty
    slot."""
    return reachable(successors, ~seen, number) | np.uint64(number) << np.uint64(58)


@njit
def reachable(successors, free, number):
    """Bits of the arrangements among `free` that can be reached from one through none but such."""
    reached = frontier = successors[number] & free
    while frontier:
        further = np.uint64(0)
        while frontier:
            further |= successors[trailing_zeros(frontier)]
            frontier &= frontier - ONE
        frontier = further & free & ~reached
        reached |= frontier
    return reached


@njit
def slot_of(name):
    mixed = name * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed ^ mixed >> np.uint64(32)) & np.uint64(SLOTS - 1))
