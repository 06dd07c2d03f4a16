"""Whole searches in one call are those that waves make."""

import numpy as np
import pytest

import games
from native.search.cache import new_cache
from native.search.forest import new_batch, new_forest, reset_trees
from native.search.mcts import SearchBatch, expand_and_backup, select_leaves
from native.search.params import GUMBEL, PUCT, SearchParams
from native.search.tree_only import search_tree_only


@pytest.mark.slow
@pytest.mark.parametrize("kind", [PUCT, GUMBEL])
@pytest.mark.parametrize("name", ["connect4", "go5", "othello6"])
def test_alone_equals_waves(name, kind):
    game, settings = games.load(name), SearchParams(kind=kind)
    cache, batch = (
        new_cache(0, game.actions),
        new_batch(3, game.planes, game.cells, game.scalars, game.actions),
    )
    states = np.repeat(game.start_state()[None], 3, 0)
    forests = [
        new_forest(3, 90, game.state_bytes, game.actions, game.max_plies, seed=4) for _ in range(2)
    ]
    for forest in forests:
        reset_trees(forest, states, 90)
    search_batch, alone = forests
    in_waves, in_one_call = (
        SearchBatch(game.rules, settings, forest, cache, batch) for forest in forests
    )
    while rows := select_leaves(in_waves):
        batch.logits[:], batch.value[:] = 0.0, 0.0
        expand_and_backup(in_waves, rows)
    search_tree_only(in_one_call)
    assert alone.num_finished.tolist() == [90] * 3
    for field in (
        "num_nodes",
        "num_edges",
        "nodes",
        "expanded",
        "edge_action",
        "children",
        "random_state",
    ):
        assert np.array_equal(
            getattr(search_batch, field).view(np.uint8), getattr(alone, field).view(np.uint8)
        ), field
    if kind == GUMBEL:  # a stream of noise each
        assert len({alone.children[row].tobytes() for row in range(3)}) > 1
