"""Whole searches in one compiled call, with answers that need no network: for yardsticks, and to measure the trees alone."""

import numpy as np

from native.compile import copy, inline, kernel
from native.frame import mover_score
from native.playout import play_out
from native.search import absorb, descend

UNIFORM, PLAYOUT = 0, 1  # equal logits; and for the value nothing at all, or the outcome of one random game


@kernel
def search_alone(rules, settings, forest, cache, batch, answer, scratch):
    """Waves until every search is complete. One leaf a game: its scratch position is where the playout begins.

    scratch u8[S] is working memory; a game's playouts draw from its own random state. Modifies all but `rules`, `settings`.
    """
    clear(batch)
    while True:
        rows = descend(rules, settings, forest, cache, batch)
        if rows == 0:
            return
        if answer == PLAYOUT:
            for row in range(rows):
                batch.value[row] = playout_value(rules, forest, batch.game[row], scratch)
        absorb(settings, forest, cache, batch, rows)


@inline
def clear(batch):
    for row in range(len(batch.value)):
        batch.value[row] = 0.0
        for action in range(batch.logits.shape[1]):
            batch.logits[row, action] = 0.0


@inline
def playout_value(rules, forest, game, scratch):
    """Of one random game from the leaf, for the leaf's MOVER."""
    copy(scratch, forest.state[game])
    mover = rules.mover(scratch)
    return np.float32(mover_score(play_out(rules, scratch, forest.random_state[game], forest.actions), mover))
