"""Whole searches in one compiled call, with answers that need no network: the trees alone, to be measured."""

from native.machine.compile import inline, kernel
from native.search.mcts import gather, take_answers


@kernel
def search_alone(waves):
    """Complete one game's search after the other; each answer is equal logits and the value 0. Modifies forest, cache and
    batch."""
    rules, settings, forest, cache, batch = waves
    clear(batch)
    for game in range(len(forest.goal)):
        while True:
            rows = gather(rules, settings, forest, cache, batch, game, 0)
            if rows == 0:
                break
            take_answers(rules, settings, forest, cache, batch, rows)


@inline
def clear(batch):
    for row in range(len(batch.value)):
        batch.value[row] = 0.0
        for action in range(batch.logits.shape[1]):
            batch.logits[row, action] = 0.0
