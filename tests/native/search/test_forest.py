"""Trees in flat arrays: sizes that cannot be had are refused with what would fit."""

import numpy as np
import pytest

from native.search import forest as memory
from native.search.choice import choose
from native.search.params import SearchParams


def test_a_resting_game_is_marked(connect4):
    forest = memory.new_forest(2, 4, connect4.state_bytes, connect4.actions, connect4.max_plies)
    memory.reset_trees(forest, connect4.start().state[None], 4)
    action, value, policy = np.zeros(2, np.int32), np.zeros(2), np.zeros((2, 7))
    choose(SearchParams(), forest, 0.0, action, value, policy)
    assert action.tolist() == [-1, -1]  # neither has been searched


def test_impossible_sizes_are_refused():
    for sizes in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            memory.new_forest(*sizes, 8, 7, 42)


def test_trees_whose_edges_could_not_be_numbered_are_refused_with_what_would_fit():
    """Edges are numbered in 32 bits, on however large a machine: 10 million simulations of 19x19
    could pass 2^31."""
    with pytest.raises(
        ValueError,
        match="3,620,000,362 edges, of at most 2,147,483,647; 5,932,274 simulations would fit",
    ):
        memory.new_forest(1, 10_000_000, 15000, 362, 722)


def test_searches_beyond_this_machines_memory_are_refused_with_what_would_fit():
    with pytest.raises(
        MemoryError,
        match=r"GB that this process may use; [\d,]+ simulations would fit, or \d+ games",
    ):
        memory.new_forest(100, 100_000, 15000, 362, 722)
    fit = memory.forest_bytes(64, 800, 15000, 362, 722)
    assert fit < 1 << 30  # 19x19, 800 simulations, 64 games
