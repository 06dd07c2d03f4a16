"""Whole searches in one compiled call, with answers that need no network: the trees alone, to be
measured."""

from native.machine.compile import inline, kernel
from native.search.mcts import expand_and_backup_rows, gather_leaves


@kernel
def search_tree_only(search_batch):
    """Complete one game's search after the other; each answer is equal logits and the value 0.
    Modifies forest, cache and batch."""
    rules, params, forest, cache, batch = search_batch
    clear_answers(batch)
    for game in range(len(forest.num_simulations)):
        while True:
            rows = gather_leaves(rules, params, forest, cache, batch, game, 0)
            if rows == 0:
                break
            expand_and_backup_rows(rules, params, forest, cache, batch, rows)


@inline
def clear_answers(batch):
    for row in range(len(batch.value)):
        batch.value[row] = 0.0
        for action in range(batch.logits.shape[1]):
            batch.logits[row, action] = 0.0
