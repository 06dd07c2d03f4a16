"""Stop a search early when no simulation left can change its move.

This is Leela Chess Zero's smart pruning, but it only stops the search; it never redirects visits.
So a fixed number of simulations plays the same moves as without it. There are two exceptions: (1) a
simulation that was left out could have proven an outcome; (2) a search that judges moves by their
lower bounds is never stopped, see `Searcher`.
"""

import numpy as np

from native.search.choice import NO_EDGE

NO_RIVAL = np.iinfo(np.int64).max


def overtaken_in(visits: np.ndarray) -> np.ndarray:
    """How many simulations it takes at least until another edge is played: i64[B] of root visits
    i32[B, A], NO_EDGE where there is none.

    The edge with the most visits is played, of equals the first: rivals behind it need one visit
    more than rivals before it. NO_RIVAL where there is no rival.
    """
    visits = visits.astype(np.int64)
    leader = visits.argmax(1)[:, None]  # the first of equals, as `native.search.choice` has it
    is_behind = np.arange(visits.shape[1]) > leader
    needed = np.take_along_axis(visits, leader, 1) - visits + is_behind
    is_rival = (visits != NO_EDGE) & (np.arange(visits.shape[1]) != leader)
    return np.where(is_rival, needed, NO_RIVAL).min(1)
