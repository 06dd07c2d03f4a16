"""When a search is settled: whatever the simulations do that are left, they cannot change the move it plays.

What Leela Chess Zero calls smart pruning, but only ever stopping: which edges the search visits stays as it is, so a
fixed number of simulations plays the same moves as without. (But for a proof that one of those left out would have found;
and where moves are judged by their bounds nothing is certain before the end, so no search is settled: see `Searcher`.)
"""

import numpy as np

NEVER = np.iinfo(np.int64).max
NO_EDGE = -1


def overtaken_in(visits: np.ndarray) -> np.ndarray:
    """How many simulations it takes at least until another edge is played: i64[B] of root visits i32[B, A], NO_EDGE where
    there is none.

    The edge with the most visits is played, of equals the first: rivals behind it need one visit more than rivals before it.
    NEVER where there is no rival.
    """
    visits = visits.astype(np.int64)
    leader = visits.argmax(1)[:, None]  # the first of equals, as `native.search.choice` has it
    is_behind = np.arange(visits.shape[1]) > leader
    needed = np.take_along_axis(visits, leader, 1) - visits + is_behind
    is_rival = (visits != NO_EDGE) & (np.arange(visits.shape[1]) != leader)
    return np.where(is_rival, needed, NEVER).min(1)
