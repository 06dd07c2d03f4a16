"""A search whose move is certain may stop: proved by hand, against a slow twin that tries all
futures, and against full searches."""

import itertools

import numpy as np
import pytest

import games
from games.game import Position
from games.laws import random_positions
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay.searching.early_stop import NO_EDGE, NO_RIVAL, overtaken_in
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.searcher import Searcher

# A proof may come with any simulation, so with proofs the same move is likely and not certain.
PLAIN = SearchParams(PUCT, mcts_solver=False)


def chosen(visits) -> int:
    """The most visited edge, of equals the first, as the search's own choice."""
    best = 0
    for edge, n in enumerate(visits):
        if n > visits[best]:
            best = edge
    return best


def shortest_upset(visits) -> int | None:
    """The slow twin: the fewest further visits, however spread, after which another edge is
    chosen."""
    edges = [edge for edge, n in enumerate(visits) if n != NO_EDGE]
    for count in range(30):
        for spread in itertools.combinations_with_replacement(edges, count):
            future = list(visits)
            for edge in spread:
                future[edge] += 1
            if chosen(future) != chosen(visits):
                return count
    return None


@pytest.mark.parametrize(
    ("visits", "needed"),
    [
        ([10, 4, 0], 7),  # the second needs 11
        ([4, 10, 0], 6),  # the first is chosen at 10 already
        ([5, 5], 1),
        ([7], NO_RIVAL),
        ([7, NO_EDGE, NO_EDGE], NO_RIVAL),
        ([0, 0, 0], 1),
    ],
)
def test_a_lead_is_what_the_nearest_rival_lacks(visits, needed):
    assert overtaken_in(np.array([visits], np.int32)) == [needed]


def test_no_spread_of_further_visits_upsets_a_lead_sooner():
    random = np.random.default_rng(1)
    for _ in range(100):
        visits = random.integers(0, 7, 3).tolist()
        assert overtaken_in(np.array([visits], np.int32))[0] == shortest_upset(visits)


def test_searches_side_by_side_are_settled_each_for_itself():
    visits = np.array([[10, 4, NO_EDGE], [5, 5, 0], [3, NO_EDGE, NO_EDGE]], np.int32)
    assert overtaken_in(visits).tolist() == [7, 1, NO_RIVAL]


def searched(game, states, simulations, leaves, **options):
    searcher = Searcher(
        game, FakeNetwork(game.actions), options.pop("settings"), simulations, 8, leaves, **options
    )
    found = searcher.search(states)
    return found, searcher


@pytest.mark.parametrize("simulations", [1, 2, 7, 40, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["tictactoe", "connect4", "go5", "othello6", "breakthrough5"])
def test_stopping_a_settled_puct_search_never_changes_its_move(name, simulations):
    game = games.load(name)
    states = np.stack([position.state for position in random_positions(game, 24, seed=simulations)])
    # Where several leaves of a tree are in flight, what is in the cache decides which edges the
    # next one takes: without it.
    for leaves, entries in ((1, 1 << 12), (4, 0)):
        options = {"settings": PLAIN, "cache_entries": entries}
        full, _ = searched(game, states, simulations, leaves, **options)
        short, _ = searched(game, states, simulations, leaves, **options, stops_early=True)
        assert short.action.tolist() == full.action.tolist()


def test_it_saves_simulations_and_never_all(connect4):
    states = np.stack([position.state for position in random_positions(connect4, 8, seed=3)])
    _, full = searched(connect4, states, 200, 1, settings=PLAIN)
    _, short = searched(connect4, states, 200, 1, settings=PLAIN, stops_early=True)
    assert (full.forest.num_finished == 200).all()
    assert (
        short.forest.num_finished >= 1
    ).all() and short.forest.num_finished.sum() < 0.9 * 8 * 200


def goes_on(game, state) -> bool:
    """Is the position behind the only move unfinished? (Ends settle without a network, all in one
    wave.)"""
    position = Position(game, state.copy())
    return position.play(position.legal[0]).outcome is None


def test_gumbel_stops_where_one_action_is_left_and_nowhere_else(connect4):
    settings = SearchParams(GUMBEL, mcts_solver=False, gumbel_scale=0.0)
    states = np.stack(
        [
            position.state
            for position in random_positions(connect4, 8, seed=3)
            if len(position.legal) > 1
        ]
    )
    full, _ = searched(connect4, states, 50, 1, settings=settings)
    short, searcher = searched(connect4, states, 50, 1, settings=settings, stops_early=True)
    assert (
        searcher.forest.num_finished[: len(states)] == 50
    ).all() and short.action.tolist() == full.action.tolist()
    othello = games.load("othello6")
    forced = [
        position.state
        for position in random_positions(othello, 300, seed=1)
        if len(position.legal) == 1
    ]
    going_on = np.stack([state for state in forced if goes_on(othello, state)])[:8]
    for kind in (settings, PLAIN):
        full, _ = searched(othello, going_on, 50, 1, settings=kind)
        short, searcher = searched(othello, going_on, 50, 1, settings=kind, stops_early=True)
        assert (
            short.action.tolist() == full.action.tolist()
            and (searcher.forest.num_finished[: len(going_on)] == 1).all()
        )
