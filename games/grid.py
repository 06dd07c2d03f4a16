"""What Hex and Gomoku share, for one size: the ascending list of free cells, and the hash of the
rows of stones."""

import numpy as np
from numba import njit

from games.game import board_size

SIZE = board_size(__name__, 9)
CELLS = SIZE * SIZE


@njit
def take(free, cell):
    """Remove `cell` from the ascending list: what is not below it moves down. No search and no
    branch, so that vector instructions move 32 cells at a time; both values are loaded first, or
    LLVM takes the choice for a branch."""
    for i in range(CELLS):
        here, after = free[i], free[i + 1]
        free[i] = after if here >= cell else here


@njit
def fold(z, first, second):
    """Multiply a row of both players into the hash `z`, and fold the upper half into the lower."""
    z ^= np.uint64(first) << np.uint64(32) | np.uint64(second)
    z *= np.uint64(0x9E3779B97F4A7C15)
    return z ^ (z >> np.uint64(32))


@njit
def finish(z):
    return z * np.uint64(0xBF58476D1CE4E5B9)
