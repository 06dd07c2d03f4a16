"""What a search has found, as one record: its choice, its values' side, its moves in order."""

import numpy as np

from selfplay.config import MatchConfig
from selfplay.matches.players import SearchPlayer
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.result import MoveInfo, SearchResult


def player_of(game, simulations: int) -> SearchPlayer:
    return SearchPlayer.of("x", game, FakeNetwork(game.actions), MatchConfig(), simulations)


def test_before_a_simulation_the_choice_is_the_network_s(tictactoe):
    found = player_of(tictactoe, 0).analyse(tictactoe.start().state)
    assert found.simulations == 0 and found.ranked() == [] and len(found.ranked(3)) == 3
    assert found.choice == found.network_choice == found.ranked(1)[0].action
    assert found.value == found.mean_value == found.network_value


def test_a_search_that_may_take_no_move_has_no_choice(tictactoe):
    player = player_of(tictactoe, 10)
    search = player.endless_search()
    search.set_position(tictactoe.start().state, np.ones((2, tictactoe.actions), np.int32))
    search.run(3)
    found = player.result_of(search)
    assert found.choice is None and found.network_choice is None and found.moves == ()
    assert found.value == found.mean_value and search.choice() == (None, found.value)


def test_the_choice_of_one_tree_leaves_the_others_alone(connect4):
    player = player_of(connect4, 40)
    states = np.stack([connect4.start().state, connect4.start().play("4").state])
    searcher = player._searcher(2)
    together = searcher.search(states)
    goals = searcher.forest.num_simulations.copy()
    for index, state in enumerate(states):
        choice, value = searcher.choice(index)
        assert (choice, value) == (together.action[index], together.value[index])
        alone = player.analyse(state)
        assert (alone.choice, alone.value, alone.mover) == (choice, value, index)
    assert np.array_equal(goals, searcher.forest.num_simulations)


def test_moves_are_ranked_by_visits_then_by_the_mover_s_value_then_by_prior():
    """Values are for the first player: the second wants the lower one. What no simulation took has
    the mean value."""
    unknown = float("nan")
    moves = (
        MoveInfo(0, 0, unknown, 0.1),
        MoveInfo(1, 5, 0.5, 0.2),
        MoveInfo(2, 5, -0.5, 0.2),
        MoveInfo(3, 9, 0.9, 0.2),
        MoveInfo(4, 0, unknown, 0.3),
    )
    for mover, order in ((0, [3, 1, 2, 4, 0]), (1, [3, 2, 1, 4, 0])):
        found = SearchResult(mover, 3, 0.9, 0.25, 19, None, None, moves)
        assert [move.action for move in found.ranked(5)] == order
        assert [move.action for move in found.ranked()] == order[:3]
        assert [move.value for move in found.ranked(5)[3:]] == [0.25, 0.25]
