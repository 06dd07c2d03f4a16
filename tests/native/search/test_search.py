"""The compiled search equals the slow reference, for every kind of search and whatever stands
beside it."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import games
from games.laws import random_positions
from native.search import forest as memory
from native.search import reuse
from native.search.choice import choose
from native.search.mcts import expand_and_backup, select_leaves
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay.searching import reference
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.searcher import Searcher
from tests.conftest import GAMES, played
from tests.native.search.planted import Planted

KINDS = {
    "gumbel without noise": SearchParams(GUMBEL, gumbel_scale=0.0),
    "gumbel": SearchParams(GUMBEL),
    "gumbel, min-max": SearchParams(GUMBEL, c_scale=0.1, min_max=True),
    "gumbel, four considered": SearchParams(GUMBEL, max_considered=4),
    "puct": SearchParams(PUCT),
    "puct with noise": SearchParams(PUCT, dirichlet_fraction=0.25),
    "puct, no virtual loss": SearchParams(PUCT, virtual_loss=0.0, fpu_reduction=0.0),
    "gumbel without noise or proofs": SearchParams(GUMBEL, gumbel_scale=0.0, mcts_solver=False),
    "puct without proofs": SearchParams(PUCT, mcts_solver=False),
    "puct as KataGo's in self-play": SearchParams(
        PUCT,
        dirichlet_fraction=0.25,
        dirichlet_shaped=0.5,
        forced_playouts=2.0,
        root_policy_temperature=1.1,
        cpuct_stdev_scale=0.85,
    ),
    "puct as KataGo's in matches": SearchParams(PUCT, cpuct_stdev_scale=0.85, lcb=5.0),
    "puct, untried moves lose": SearchParams(PUCT, fpu_absolute=True),
}


QUICK = ("tictactoe", "connect4", "go5")  # the others are searched among the slow tests


@pytest.fixture(
    params=[n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in GAMES]
)
def game(request):
    return games.load(request.param)


def search(game, positions, settings, simulations, leaves=1, count=None, cache_entries=0, seed=3):
    """(Searcher after searching, what it found)."""
    network = FakeNetwork(game.actions)
    searcher = Searcher(
        game, network, settings, simulations, count or len(positions), leaves, cache_entries, seed
    )
    return searcher, searcher.search(np.stack([position.state for position in positions]))


def slow_twin(searcher, game, position, index, settings, simulations, leaves):
    """The reference's search of one position, with the noise that the compiled search drew."""
    noise = {int(a): float(searcher.forest.root_noise[index, a]) for a in position.legal}
    priors = searcher.root(index)[3].copy() if settings.dirichlet_fraction else None
    return reference.Search(
        position,
        FakeNetwork(game.actions),
        settings,
        simulations,
        leaves,
        priors,
        noise if settings.kind else {},
    ).run()


@pytest.mark.parametrize("leaves", [1, pytest.param(2, marks=pytest.mark.slow), 8])
@pytest.mark.parametrize("name", KINDS)
def test_the_compiled_search_equals_the_reference(game, name, leaves):
    settings, positions = KINDS[name], random_positions(game, 4, seed=leaves)
    for simulations in (1, 2, 5, 33, 100):
        searcher, found = search(game, positions, settings, simulations, leaves)
        for index, position in enumerate(positions):
            twin = slow_twin(searcher, game, position, index, settings, simulations, leaves)
            actions, visits, values, _, network_value = searcher.root(index)
            assert visits.tolist() == [twin.root.edges[a].visits for a in actions]
            assert visits.sum() == simulations or twin.root.exact is not None
            expected = [
                e.value_sum / e.visits if e.visits else np.nan for e in twin.root.edges.values()
            ]
            np.testing.assert_allclose(values, expected, atol=1e-9)
            assert found.action[index] == twin.action()
            assert found.value[index] == pytest.approx(twin.value(), abs=1e-6)
            np.testing.assert_allclose(
                found.policy[index, actions], list(twin.policy().values()), atol=1e-6
            )
            assert network_value == pytest.approx(twin.root.value)


def avoiding(game, seed: int, share: float) -> np.ndarray:
    """A restriction i32[2, A] of some moves, each to a depth of its own."""
    random = np.random.default_rng(seed)
    return np.where(
        random.random((2, game.actions)) < share, random.integers(1, 5, (2, game.actions)), 0
    ).astype(np.int32)


# of the moves; with most of them avoided nodes without a move are common
@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("name", ["puct", "gumbel without noise", "puct as KataGo's in matches"])
def test_a_restricted_search_equals_the_reference_s(game, name, share):
    """KataGo, docs/GTP_Extensions.md: `avoid` prohibits moves until a depth, for one player."""
    settings = KINDS[name]
    for number, position in enumerate(random_positions(game, 3, seed=7)):
        avoid_until = avoiding(game, number, share)
        if np.all(avoid_until[position.mover, position.legal]):
            avoid_until[position.mover, position.legal[0]] = 0
        for simulations, leaves in ((1, 1), (60, 1), (60, 4)):
            searcher = Searcher(
                game, FakeNetwork(game.actions), settings, simulations, 1, leaves, 0
            )
            memory.reset_trees(searcher.forest, position.state[None], simulations)
            memory.restrict(searcher.forest, 0, avoid_until)
            while searcher._step():
                pass
            twin = reference.Search(
                position,
                FakeNetwork(game.actions),
                settings,
                simulations,
                leaves,
                avoid_until=avoid_until,
            ).run()
            actions, visits, _, priors, _ = searcher.root()
            assert list(actions) == sorted(twin.root.edges) and not np.any(
                avoid_until[position.mover, actions]
            )
            assert list(visits) == [twin.root.edges[action].visits for action in actions]
            assert priors.sum() == pytest.approx(1.0, abs=1e-5)


def test_a_restriction_ends_with_its_search_and_no_other_goes_on_from_it(connect4):
    """The next search of the same tree is free; a child of a restricted root is not taken over,
    because depths have changed."""
    searcher = Searcher(connect4, FakeNetwork(7), KINDS["puct"], 50, 1, 1, 0)
    state = connect4.start().state
    free = searcher.search(state[None]).policy
    memory.reset_trees(searcher.forest, state[None], 50)
    memory.restrict(searcher.forest, 0, np.array([[9, 9, 9, 0, 9, 9, 9], [0] * 7], np.int32))
    while searcher._step():
        pass
    assert list(searcher.root()[0]) == [3]
    searcher.forest.root_state[0] = connect4.start().play("4").state
    assert not reuse.reroot(connect4.rules, searcher.params, searcher.forest, 0, 3)
    assert np.array_equal(searcher.search(state[None]).policy, free)


def test_a_whole_tree_equals_the_references_tree(connect4):
    position, settings = played(connect4, "4435"), KINDS["puct"]
    searcher, _ = search(connect4, [position], settings, 500)
    twin = slow_twin(searcher, connect4, position, 0, settings, 500, 1)

    def compare(number, node):
        actions, visits, _, _, children = searcher.node(0, number)
        assert actions.tolist() == (
            list(node.edges) if searcher.forest.nodes["is_expanded"][0, number] else []
        )
        for edge, twin_edge in enumerate(node.edges.values()):
            assert (visits[edge] if len(visits) else 0) == twin_edge.visits
            if twin_edge.child is not None:
                compare(children[edge], twin_edge.child)

    compare(memory.ROOT, twin.root)
    assert twin.depth() > 5


@pytest.mark.parametrize("leaves", [1, 4])
@pytest.mark.parametrize("name", ["gumbel", "puct with noise"])
def test_a_row_never_depends_on_its_neighbours(game, name, leaves):
    positions = random_positions(game, 9, seed=5)
    settings = KINDS[name]
    together, found = search(game, positions, settings, 40, leaves)
    for index in (0, 4, 8):
        other = [positions[0]] * 9
        other[index] = positions[index]
        apart, alone = search(game, other, settings, 40, leaves)
        assert alone.action[index] == found.action[index]
        assert alone.value[index] == found.value[index]
        np.testing.assert_array_equal(alone.policy[index], found.policy[index])
        np.testing.assert_array_equal(apart.root(index)[1], together.root(index)[1])


def test_threads_with_a_forest_each_find_what_they_find_one_after_the_other(game):
    """Three searches of different kinds, twice over on six threads; no kernel holds the
    interpreter's lock."""
    names, positions = (
        ("gumbel", "puct with noise", "puct, no virtual loss"),
        random_positions(game, 5, seed=8),
    )
    tasks = [
        partial(search, game, positions, KINDS[name], 60, leaves)
        for name, leaves in zip(names, (1, 4, 2))
    ]
    serial = [task() for task in tasks]
    with ThreadPoolExecutor(6) as pool:
        threaded = list(pool.map(lambda task: task(), tasks * 2))
    for (searcher, found), (twin, expected) in zip(threaded, serial * 2):
        for array in ("action", "value", "policy"):
            np.testing.assert_array_equal(getattr(found, array), getattr(expected, array))
        for index in range(len(positions)):
            assert searcher.root(index)[1].tolist() == twin.root(index)[1].tolist()
    assert all(
        kernel.targetoptions["nogil"]
        for kernel in (select_leaves, expand_and_backup, choose, memory.reset_trees)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_the_position_cache_changes_nothing(game, name):
    positions = random_positions(game, 8, seed=2)
    _, without = search(game, positions, KINDS[name], 60)
    searcher, cached = search(game, positions, KINDS[name], 60, cache_entries=1 << 12)
    np.testing.assert_array_equal(without.action, cached.action)
    np.testing.assert_array_equal(without.value, cached.value)
    np.testing.assert_array_equal(without.policy, cached.policy)
    again = searcher.search(np.stack([p.state for p in positions]))
    assert searcher.search_batch.cache.counts[1] > 0
    if KINDS[name].gumbel_scale == 0.0 or name == "puct":
        np.testing.assert_array_equal(again.action, cached.action)


def test_a_position_whose_key_is_zero_is_not_taken_for_an_empty_entry(tictactoe):
    """The empty board's key is 0, as is that of an empty cache entry: it must be asked about, not
    found."""
    start = tictactoe.start()
    assert start.key == 0
    searcher, found = search(tictactoe, [start], KINDS["puct"], 30, cache_entries=1 << 10)
    _, without = search(tictactoe, [start], KINDS["puct"], 30)
    np.testing.assert_array_equal(found.policy, without.policy)
    assert searcher.root()[4] != 0.0


def test_more_positions_than_games_are_taken_in_turns(connect4):
    positions = random_positions(connect4, 11)
    settings = KINDS["gumbel without noise"]
    _, at_once = search(connect4, positions, settings, 20)
    _, in_turns = search(connect4, positions, settings, 20, count=4)
    np.testing.assert_array_equal(at_once.action, in_turns.action)
    np.testing.assert_array_equal(at_once.policy, in_turns.policy)


def test_an_immediate_win_is_played_and_an_immediate_loss_is_stopped(connect4):
    wins = played(connect4, "414141")  # the first player has three in column 4
    threat = played(connect4, "41424")  # the second player must answer in column 4
    states = np.stack([wins.state, threat.state])
    for settings in KINDS.values():
        settings = settings._replace(gumbel_scale=0.0, dirichlet_fraction=0.0)
        found = Searcher(connect4, Planted(np.zeros(7), 0.0), settings, 400, 2).search(states)
        assert found.action.tolist() == [3, 3]
        assert found.value[0] > 0.5


def test_values_belong_to_the_first_player_whoever_moves(connect4):
    """The same winning shape for the mover, once as the first player and once as the second."""
    as_first, as_second = played(connect4, "414141"), played(connect4, "7414141")
    states = np.stack([as_first.state, as_second.state])
    found = Searcher(connect4, Planted(np.zeros(7), 0.0), KINDS["puct"], 200, 2).search(states)
    assert found.action.tolist() == [3, 3]
    assert found.value[0] > 0.5 and found.value[1] < -0.5


def test_a_search_of_a_tactic_finds_the_exact_value(tictactoe):
    """With priors and values that mean nothing, 3000 simulations of PUCT still find the only
    drawing move."""
    position = played(tictactoe, "a1 b2 c3")  # the second player must take an edge, not a corner
    _, found = search(tictactoe, [position], KINDS["puct"], 3000)
    assert tictactoe.format(found.action[0]) in ("b1", "a2", "c2", "b3")


SIGNATURE = {
    "gumbel without noise": "3 3 3 21 21 10 3 / 21 3 3 10 21 3 3 / 23 22 3 3 3 10 / 1 0 0 1 0 0 1",
    "gumbel without noise or proofs": "3 3 3 21 21 10 3 / 21 3 3 10 21 3 3 / 22 10 3 3 3 "
    "23 / 21 21 3 10 3 3 3",
    "puct": "0 1 14 0 49 0 0 / 0 2 1 0 46 15 0 / 17 0 2 0 7 38 / 1 0 0 4 0 0 1",
    "puct without proofs": "0 1 14 0 49 0 0 / 0 2 1 0 46 15 0 / 17 0 2 0 7 38 / 57 0 1 4 0 0 2",
}


@pytest.mark.parametrize("name", SIGNATURE)
def test_the_search_signature_is_what_it_was(connect4, name):
    """Visits of fixed searches. A change of this line is a change of the search, and its commit
    says why."""
    positions = [played(connect4, moves) for moves in ("", "4", "444444", "443526")]
    searcher, _ = search(connect4, positions, KINDS[name], 64)
    assert " / ".join(" ".join(map(str, searcher.root(i)[1])) for i in range(4)) == SIGNATURE[name]
