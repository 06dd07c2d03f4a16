"""The compiled search equals the slow reference and the papers' numbers worked by hand."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from games.laws import random_positions
from native.search import forest as memory
from native.search import reuse
from native.search.cache import new_cache
from native.search.choice import choose
from native.search.gumbel import considered_visits
from native.search.mcts import SearchBatch, expand_and_backup, select_leaves
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay.searching import reference
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.searcher import Searcher
from tests.conftest import played

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


def search(game, positions, settings, simulations, leaves=1, games=None, cache_entries=0, seed=3):
    """(Searcher after searching, what it found)."""
    network = FakeNetwork(game.actions)
    searcher = Searcher(
        game, network, settings, simulations, games or len(positions), leaves, cache_entries, seed
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


@pytest.mark.parametrize("leaves", [1, 2, 8])
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
    _, in_turns = search(connect4, positions, settings, 20, games=4)
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


# Formulas, by hand


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 32, 50, 200])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 9, 16])
def test_considered_visits_follow_the_published_table(m, n):
    m = min(m, n)
    assert [considered_visits(m, n, t) for t in range(n)] == reference.considered_visits(m, n)


def test_sequential_halving_worked_by_hand():
    """16 simulations, 4 actions: two phases of 8; first 2 rounds of 4, then 4 rounds of 2."""
    table = [considered_visits(4, 16, t) for t in range(16)]
    assert table == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


class Planted:
    """A network that gives fixed logits and a fixed value for the mover at every position."""

    def __init__(self, logits, value):
        self.logits, self.value = np.array(logits, np.float32), value

    def evaluate(self, batch, rows):
        batch.logits[:rows], batch.value[:rows] = self.logits, self.value


def test_puct_worked_by_hand(connect4):
    """Two columns that count, priors 0.75 and 0.25, every value 0, c = 1.25 (+ log, below 1e-3), no
    FPU reduction.

    Simulation 1: N = 1: scores 1.25 * (0.75, 0.25) = (0.94, 0.31): the first. Simulation 2: N = 2:
    1.25 * sqrt 2 * (0.75 / 2, 0.25) = (0.663, 0.442): the first. Simulation 3: N = 3: 1.25 * sqrt 3
    * (0.75 / 3, 0.25): a tie in the numbers, and the first is the lower action. Simulation 4: N =
    4: 1.25 * 2 * (0.75 / 4, 0.25) = (0.469, 0.625): the second. Simulation 5: N = 5: 1.25 * sqrt 5
    * (0.75 / 4, 0.25 / 2) = (0.524, 0.349): the first.
    """
    logits = np.full(7, -40.0)
    logits[:2] = np.log([0.75, 0.25])
    settings = SearchParams(PUCT, fpu_reduction=0.0, c_base=1e9)
    visits = []
    # after the third, rounding of the priors may break the tie either way
    for simulations in (
        1,
        2,
        4,
        5,
    ):
        searcher = Searcher(connect4, Planted(logits, 0.0), settings, simulations, 1)
        searcher.search(connect4.start().state[None])
        visits.append(searcher.root()[1][:2].tolist())
    assert visits == [[1, 0], [2, 0], [3, 1], [4, 1]]


def visits_of_two_columns(connect4, value, simulations, leaves=1, **settings):
    """Visits of two columns with priors 0.75 and 0.25, every mover believing in `value`; c =
    1.25."""
    logits = np.full(7, -40.0)
    logits[:2] = np.log([0.75, 0.25])
    chosen = SearchParams(PUCT, c_base=1e9, **settings)
    searcher = Searcher(connect4, Planted(logits, value), chosen, simulations, 1, leaves)
    searcher.search(connect4.start().state[None])
    return searcher.root()[1][:2].tolist()


def test_first_play_urgency_worked_by_hand(connect4):
    """Every mover believes in +0.2, so the root has 0.2, the first column's child -0.2 and its
    grandchild 0.2.

    Simulation 3: N = 3, Q = (0.2 - 0.2 + 0.2) / 3 = 0.0667; the first column has 2 visits and Q =
    0. first: 0 + 1.25 * sqrt 3 * 0.75 / 3 = 0.5413; second: 0.0667 - r * sqrt 0.75 + 1.25 * sqrt 3
    * 0.25 = 0.6080 - 0.866 r. So it is tried with r = 0 and r = 0.07 (0.5474), and not with r =
    0.08 (0.5387). At a root with noise r counts as 0.
    """
    for reduction, visits in ((0.0, [2, 1]), (0.07, [2, 1]), (0.08, [3, 0]), (0.2, [3, 0])):
        assert visits_of_two_columns(connect4, 0.2, 3, fpu_reduction=reduction) == visits
    assert visits_of_two_columns(connect4, 0.2, 3, fpu_reduction=0.2, dirichlet_fraction=1e-6) == [
        2,
        1,
    ]


def test_virtual_loss_worked_by_hand(connect4):
    """Two leaves a wave, all values 0. While the first column's leaf waits it counts as one visit
    that lost v:

    first: -v + 1.25 * sqrt 2 * 0.75 / 2 = 0.663 - v; second: 1.25 * sqrt 2 * 0.25 = 0.442: tried
    from v = 0.221 on. With less the second simulation waits for the first one's answer and then
    follows it, 0.663 against 0.442.
    """
    for loss, visits in ((0.0, [2, 0]), (0.215, [2, 0]), (0.225, [1, 1]), (1.0, [1, 1])):
        assert (
            visits_of_two_columns(connect4, 0.0, 2, leaves=2, fpu_reduction=0.0, virtual_loss=loss)
            == visits
        )


def test_ties_go_to_the_lowest_action(connect4):
    for settings in (SearchParams(PUCT), SearchParams(GUMBEL, gumbel_scale=0.0)):
        searcher = Searcher(connect4, Planted(np.zeros(7), 0.0), settings, 1, 1)
        searcher.search(connect4.start().state[None])
        assert searcher.root()[1].tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_every_search_draws_its_own_gumbels(connect4):
    """Mean 0.577 and variance pi^2 / 6 in self-play, scaled as asked, and zero in matches."""
    states = np.repeat(connect4.start().state[None], 300, 0)
    drawn = []
    for scale in (1.0, 2.0, 0.0):
        searcher = Searcher(
            connect4, Planted(np.zeros(7), 0.0), SearchParams(GUMBEL, gumbel_scale=scale), 2, 300
        )
        searcher.search(states)
        drawn.append(searcher.forest.root_noise.copy())
        searcher.search(states)
        assert scale == 0.0 or not (searcher.forest.root_noise == drawn[-1]).any()
    assert drawn[0].mean() == pytest.approx(0.5772, abs=0.12) and drawn[0].var() == pytest.approx(
        1.645, rel=0.15
    )
    np.testing.assert_allclose(drawn[1], 2 * drawn[0], rtol=1e-6)
    assert not drawn[2].any()


def test_moves_are_drawn_by_visits_to_the_power_of_the_inverse_temperature(connect4):
    """With T = 0.5 shares are visits squared over their sum."""
    settings, count = SearchParams(PUCT, fpu_reduction=0.0), 4000
    logits = np.log([0.5, 0.3, 0.2, 1e-9, 1e-9, 1e-9, 1e-9])
    searcher = Searcher(connect4, Planted(logits, 0.0), settings, 10, count)
    searcher.search(np.repeat(connect4.start().state[None], count, 0))
    visits = searcher.root()[1]
    action, value, policy = np.zeros(count, np.int32), np.zeros(count), np.zeros((count, 7))
    choose(settings, searcher.forest, 0.5, action, value, policy)
    np.testing.assert_allclose(
        np.bincount(action, minlength=7) / count, visits**2 / (visits**2).sum(), atol=0.03
    )
    np.testing.assert_allclose(policy[0], visits / visits.sum(), atol=1e-6)


def test_gumbels_improved_policy_worked_by_hand(tictactoe):
    """Nine equal logits, value 0 for every mover, 2 simulations, no noise: the two lowest actions
    get one visit each, all Q and v_mix are (0 + 1) / 2, so the improved policy stays uniform."""
    searcher = Searcher(
        tictactoe, Planted(np.zeros(9), 0.0), SearchParams(GUMBEL, gumbel_scale=0.0), 2, 1
    )
    found = searcher.search(tictactoe.start().state[None])
    assert searcher.root()[1].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(found.policy[0], 1 / 9, atol=1e-6)


def test_completed_q_worked_by_hand(tictactoe):
    """As above, but every mover believes in +0.2: each visited child is worth -0.2 to the root's
    mover, q = 0.4.

    v_mix = (0.6 + 2 * 0.4) / 3 = 0.4667; sigma = (50 + 1) * q = 20.4 or 23.8; so each visited
    action has exp(20.4 - 23.8) = 0.03337 times the weight of an unvisited one: 0.03337 / (7 + 2 *
    0.03337) = 0.004722.
    """
    searcher = Searcher(
        tictactoe, Planted(np.zeros(9), 0.2), SearchParams(GUMBEL, gumbel_scale=0.0), 2, 1
    )
    found = searcher.search(tictactoe.start().state[None])
    np.testing.assert_allclose(found.policy[0, :2], 0.004722, atol=2e-6)
    np.testing.assert_allclose(found.policy[0, 2:], 0.14151, atol=2e-5)
    mixed = 2 * 0.46667 - 1  # v_mix as a value in [-1, 1]
    assert found.value[0] == pytest.approx(2 * 0.004722 * -0.2 + 7 * 0.14151 * mixed, abs=1e-5)


def test_below_the_root_visits_follow_the_improved_policy(tictactoe):
    """With equal values the improved policy is the prior, so visits approach prior shares: never
    more than one visit off."""
    prior = np.array([0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03])
    searcher = Searcher(
        tictactoe,
        Planted(np.log(prior), 0.0),
        SearchParams(GUMBEL, gumbel_scale=0.0, c_scale=0.0),
        400,
        1,
    )
    searcher.search(tictactoe.start().state[None])
    _, visits, _, _, _ = searcher.node(0, searcher.node()[4][0])
    shares = prior[1:] / prior[1:].sum()
    assert np.abs(visits - visits.sum() * shares).max() <= 1.5


def test_virtual_loss_spreads_the_leaves_of_one_wave(connect4):
    batch = memory.new_batch(8, connect4.planes, connect4.cells, connect4.scalars, connect4.actions)
    # all simulations want column 4
    cache, network = (
        new_cache(0, connect4.actions),
        Planted([0, 0, 0, 5, 0, 0, 0], 0.0),
    )
    chosen = {}
    for loss in (0.0, 1.0):
        forest = memory.new_forest(
            1, 8, connect4.state_bytes, connect4.actions, connect4.max_plies, leaves_per_game=8
        )
        settings = SearchParams(PUCT, virtual_loss=loss, fpu_reduction=0.0)
        memory.reset_trees(forest, connect4.start().state[None], 8)
        search_batch = SearchBatch(connect4.rules, settings, forest, cache, batch)
        network.evaluate(batch, select_leaves(search_batch))
        expand_and_backup(search_batch, 1)
        chosen[loss] = select_leaves(search_batch)
    assert chosen[0.0] == 1 and chosen[1.0] >= 2


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


def test_dirichlet_noise_has_the_stated_share_and_sum(connect4):
    settings = SearchParams(PUCT, dirichlet_fraction=0.25)
    searcher = Searcher(connect4, Planted(np.zeros(7), 0.0), settings, 1, 400)
    searcher.search(np.repeat(connect4.start().state[None], 400, 0))
    priors = np.array([searcher.root(i)[3] for i in range(400)])
    np.testing.assert_allclose(priors.sum(1), 1, atol=1e-5)
    assert priors.min() >= 0.75 / 7 - 1e-6
    np.testing.assert_allclose(priors.mean(0), 1 / 7, atol=0.01)
    # Dir(10/7 each): variance a (A - a) / (A^2 (A + 1)) with a = 10/7, A = 10
    share = (priors - 0.75 / 7) / 0.25
    np.testing.assert_allclose(share.var(0), (10 / 7) * (10 - 10 / 7) / (100 * 11), rtol=0.35)


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
