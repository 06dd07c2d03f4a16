"""What makes a search deep: proofs, kept trees, and KataGo's refinements of PUCT, against exact
truth and numbers worked by hand. (That all of them equal the slow reference is in
tests/native/search/test_search.py.)"""

import numpy as np
import pytest

from games.laws import random_positions
from native import abi
from native.machine.compile import kernel
from native.search import forest as memory
from native.search import reuse
from native.search.forest import ROOT
from native.search.mcts import expand_and_backup, select_leaves
from native.search.params import GUMBEL, PUCT, SearchParams
from native.search.puct import shape_alpha, value_stdev
from native.search.tree_only import search_tree_only
from native.solver import Solver
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.searcher import Searcher
from tests.conftest import played

NO_LOSS = {"fpu_reduction": 0.0, "virtual_loss": 0.0}


class Fixed:
    """A network that gives the same logits and value for the mover at every position."""

    def __init__(self, logits, value=0.0):
        self.logits, self.value = np.array(logits, np.float32), value

    def evaluate(self, batch, rows):
        batch.logits[:rows], batch.value[:rows] = self.logits, self.value


def searched(game, position, network, settings, simulations, seed=0):
    """(Searcher, what it found) after one search."""
    searcher = Searcher(game, network, settings, simulations, 1, seed=seed)
    return searcher, searcher.search(position.state[None])


# Proofs


@pytest.mark.parametrize("kind", [PUCT, GUMBEL])
def test_what_a_search_proves_is_true_and_is_played(connect4, kind):
    """Against the exact solver, on positions near the end of Connect Four."""
    solver = Solver(connect4.rules, connect4.state_bytes, connect4.actions, connect4.max_plies)
    positions = [p for p in random_positions(connect4, 500, seed=8) if p.plies > 24]
    settings = SearchParams(kind, gumbel_scale=0.0)
    searcher = Searcher(connect4, FakeNetwork(7), settings, 600, len(positions))
    found = searcher.search(np.stack([p.state for p in positions]))
    exact = searcher.forest.nodes["exact"][:, ROOT]
    assert np.isfinite(exact).sum() > 10 and np.isnan(exact).sum() < len(exact)
    for index in np.flatnonzero(np.isfinite(exact)):
        position = positions[index]
        actions, values = solver.action_values(position.state)
        sign = 1 if position.mover == 0 else -1
        assert exact[index] == found.value[index] == sign * max(sign * values)
        assert values[list(actions).index(found.action[index])] == exact[index]


def test_an_even_game_is_proven_a_draw(tictactoe):
    searcher, found = searched(
        tictactoe, played(tictactoe, "b2 a1"), Fixed(np.zeros(9)), SearchParams(PUCT), 20000
    )
    assert searcher.forest.nodes["exact"][0, ROOT] == 0.0 == found.value[0]
    assert searcher.forest.num_finished[0] < 20000  # and then it stops


def test_a_win_in_one_ends_the_search_with_a_policy_of_winning_moves(connect4):
    """Three in column 4, and three in a row with both ends open: two moves win, and share the
    target."""
    position = played(connect4, "2736")
    position.play("4").play("7")  # the first player has 2 3 4 on the ground: columns 1 and 5 win
    for kind in (PUCT, GUMBEL):
        settings = SearchParams(kind, gumbel_scale=0.0)
        searcher, found = searched(connect4, position, Fixed(np.zeros(7)), settings, 400)
        assert found.value[0] == 1.0 and searcher.forest.num_finished[0] < 100
        best = np.flatnonzero(found.policy[0])
        assert set(best) <= {0, 4} and found.policy[0, best].tolist() == [1 / len(best)] * len(best)
        assert found.action[0] in best


def test_a_move_that_is_proven_lost_is_not_played_even_if_the_network_wants_it(connect4):
    """The first player threatens column 4; the network would play column 1, whatever comes."""
    position = played(connect4, "41424")
    for kind in (PUCT, GUMBEL):
        _, found = searched(
            connect4,
            position,
            Fixed([2, 0, 0, 0, 0, 0, 0]),
            SearchParams(kind, gumbel_scale=0.0, c_scale=0.0),
            400,
        )
        assert found.action[0] == 3


def test_without_proofs_nothing_but_the_ends_is_exact(connect4):
    searcher, _ = searched(
        connect4,
        played(connect4, "414141"),
        FakeNetwork(7),
        SearchParams(PUCT, mcts_solver=False),
        300,
    )
    nodes = searcher.forest.nodes[0, : searcher.forest.num_nodes[0]]
    is_exact = np.isfinite(nodes["exact"])
    assert is_exact.any() and not nodes["is_expanded"][is_exact].any()
    assert searcher.forest.num_finished[0] == 300


# Kept trees


def follow(searcher, action):
    """Play an action of the root, and make the child that it leads to the root."""
    abi.call_play(searcher.game.rules, searcher.forest.root_state[0], action)
    return reuse.reroot(searcher.game.rules, searcher.params, searcher.forest, 0, action)


def edges_of(searcher, node):
    """{action: (visits, total, prior, the same below)} of a tree, as Python sees it."""
    forest, seen = searcher.forest, {}
    n = forest.nodes[0, node]
    for edge in range(n["first_edge"], n["first_edge"] + n["num_edges"]):
        action = int(forest.edge_action[0, edge])
        if edge < n["first_edge"] + n["num_children"]:
            e = forest.children[0, edge]
            assert e["action"] == action
            seen[action] = (
                int(e["visits"]),
                float(e["value_sum"]),
                float(e["prior"]),
                edges_of(searcher, int(e["child"])),
            )
        else:
            seen[action] = (0, 0.0, float(forest.edge_prior[0, edge]), {})
    return seen


@pytest.mark.parametrize("name", ["connect4", "go5", "othello6"])
def test_the_tree_that_is_kept_is_what_was_below_the_move(name):
    import games

    game = games.load(name)
    position, settings = random_positions(game, 1, seed=4)[0], SearchParams(PUCT)
    searcher, found = searched(game, position, FakeNetwork(game.actions), settings, 500)
    actions, _, _, _, children = searcher.node()
    for action in [found.action[0]]:
        below = edges_of(searcher, int(children[list(actions).index(action)]))
        assert follow(searcher, action)
        assert edges_of(searcher, ROOT) == below
        visits = sum(edge[0] for edge in below.values())
        assert searcher.forest.num_started[0] == searcher.forest.num_finished[0] == visits
        assert (
            searcher.forest.num_edges[0]
            == searcher.forest.nodes["num_edges"][0, : searcher.forest.num_nodes[0]].sum()
        )


def test_a_log_that_is_not_put_back_changes_no_search(go5):
    """Where boards repeat: late positions of Go, searched and searched on after a move, with and
    without a log."""
    import dataclasses

    bare = dataclasses.replace(go5, rules=go5.rules._replace(log=abi.NO_LOG))
    late = [position for position in random_positions(go5, 500, seed=2) if position.plies > 25]
    # superko forbids a move here
    repeating = [position for position in late if position.planes()[13].any()]
    assert repeating
    for position in repeating + late[:5]:
        trees = []
        for game in (go5, bare):
            searcher, found = searched(
                game, position, FakeNetwork(game.actions), SearchParams(PUCT), 300
            )
            kept = follow(searcher, found.action[0])
            trees.append((kept, edges_of(searcher, ROOT)))
            if kept:
                go_on(searcher, game, searcher.params, 300)
                trees[-1] += (edges_of(searcher, ROOT),)
        assert trees[0] == trees[1]


def go_on(searcher, game, settings, goal):
    """Search the tree that is there up to `num_simulations` simulations."""
    searcher.forest.num_simulations[0] = goal
    while rows := select_leaves(searcher.search_batch):
        searcher.evaluator.evaluate(searcher.search_batch.batch, rows)
        expand_and_backup(searcher.search_batch, rows)


def test_a_kept_tree_is_searched_on_as_if_it_had_been_searched_from_its_root(connect4):
    """Where the root knows one move alone, every simulation goes through it: keeping the tree of
    101 simulations and going on to 300 is the search of 300 from the child."""
    position = played(connect4, "112233")
    only = np.full(7, -60.0)
    only[4] = 60.0

    class OneMove(FakeNetwork):
        def answer(self, planes, scalars):
            logits, value = super().answer(planes, scalars)
            is_root = planes.sum() == position.planes().sum()
            return (only.astype(np.float32) if is_root else logits), value

    settings = SearchParams(PUCT, mcts_solver=False)
    searcher, found = searched(connect4, position, OneMove(7), settings, 101)
    assert found.action[0] == 4
    searcher = Searcher(connect4, OneMove(7), settings, 300, 1)
    memory.reset_trees(searcher.forest, position.state[None], 101)
    go_on(searcher, connect4, settings, 101)
    assert follow(searcher, 4)
    assert searcher.forest.num_finished[0] == 100  # one of the 101 made the child
    position.play(4)
    searcher.forest.root_state[0] = position.state
    go_on(searcher, connect4, settings, 300)
    fresh, _ = searched(connect4, position, FakeNetwork(7), settings, 300)
    assert searcher.root()[1].tolist() == fresh.root()[1].tolist()
    np.testing.assert_allclose(searcher.root()[2], fresh.root()[2])


def test_nothing_is_kept_of_a_move_never_tried_or_of_a_gumbel_search(connect4):
    settings = SearchParams(PUCT)
    searcher, _ = searched(connect4, connect4.start(), Fixed([9, 0, 0, 0, 0, 0, 0]), settings, 3)
    assert not follow(searcher, 6)
    assert searcher.root()[1].sum() == 3  # and the tree is as it was
    settings = SearchParams(GUMBEL)
    searcher, found = searched(connect4, connect4.start(), FakeNetwork(7), settings, 50)
    assert not follow(searcher, found.action[0])


def test_a_new_root_gets_its_noise(connect4):
    settings = SearchParams(PUCT, dirichlet_fraction=0.25)
    searcher, found = searched(connect4, connect4.start(), Fixed(np.zeros(7)), settings, 400)
    assert follow(searcher, found.action[0])
    priors = searcher.root()[3]
    assert priors.sum() == pytest.approx(1, abs=1e-5) and priors.std() > 0.001
    forest = searcher.forest
    children = forest.nodes["num_children"][0, ROOT]
    np.testing.assert_array_equal(
        forest.children["prior"][0, :children], forest.edge_prior[0, :children]
    )
    assert forest.nodes["visited_prior_mass"][0, ROOT] == pytest.approx(
        forest.edge_prior[0, :children].sum()
    )


# KataGo's refinements, by hand


@kernel
def spread_of(nodes):
    return value_stdev(nodes[0])


def test_the_spread_of_values_worked_by_hand():
    """Values +1, -1, 0 (one evaluation, two simulations): mean 0, mean square 2/3. With two
    observations of 0.4 before: (2 * 0.16 + 3 * 2/3) / (2 + 3 - 1) = 2.32 / 4 = 0.58, and its root
    is 0.7616."""
    nodes = np.zeros(1, memory.NODE)
    (
        nodes[0]["value"],
        nodes[0]["value_sum"],
        nodes[0]["value_square_sum"],
        nodes[0]["num_finished"],
    ) = 1.0, -1.0, 1.0, 2
    assert spread_of(nodes) == pytest.approx(0.58**0.5)
    # no value_stdev: (2 * 0.16) / 4 = 0.08
    nodes[0]["value"], nodes[0]["value_sum"], nodes[0]["value_square_sum"] = (
        0.0,
        0.0,
        0.0,
    )
    assert spread_of(nodes) == pytest.approx(0.08**0.5)


@kernel
def alpha_of(settings, prior, out):
    shape_alpha(settings, prior, len(prior), out)


def test_shaped_noise_worked_by_hand():
    """Priors 0.5, 0.49, 0.01, 0.0001: capped at 0.01 their logs are three times -4.605 and -9.210,
    mean -5.756. Above it lie three, by 1.151 each: a third of the shaped half each, and an eighth
    of alpha uniformly: 0.125 + 0.16667 and 0.125."""
    out = np.zeros(4)
    alpha_of(
        SearchParams(dirichlet_shaped=0.5), np.array([0.5, 0.49, 0.01, 0.0001], np.float32), out
    )
    np.testing.assert_allclose(out, [0.29167, 0.29167, 0.29167, 0.125], atol=1e-4)
    # nothing above the mean: uniform
    alpha_of(SearchParams(dirichlet_shaped=0.5), np.full(4, 0.25, np.float32), out)
    np.testing.assert_allclose(out, 0.25)
    alpha_of(SearchParams(), np.array([0.97, 0.01, 0.01, 0.01], np.float32), out)
    np.testing.assert_allclose(out, 0.25)


def test_root_temperature_flattens_the_roots_priors_alone(connect4):
    """T = 2: priors 0.64 and 0.36 become 0.8 and 0.6 over their sum; below the root they stay."""
    logits = np.full(7, -40.0)
    logits[:2] = np.log([0.64, 0.36])
    searcher, _ = searched(
        connect4,
        connect4.start(),
        Fixed(logits),
        SearchParams(PUCT, root_policy_temperature=2.0),
        30,
    )
    np.testing.assert_allclose(searcher.root()[3][:2], [0.8 / 1.4, 0.6 / 1.4], atol=1e-5)
    child = searcher.node()[4][0]
    np.testing.assert_allclose(searcher.node(node=int(child))[3][:2], [0.64, 0.36], atol=1e-5)


def test_forced_playouts_are_given_and_taken_off_the_target_again(connect4):
    """Two moves count, 0.8 and 0.2. With k = 2 a move that has a visit is owed sqrt(2 * 0.2 * N):
    6.3 of 100. It is so bad that it would have earned one or two of them by itself, and that is
    what the target says."""
    logits = np.full(7, -40.0)
    logits[:2] = np.log([0.8, 0.2])

    class SecondColumnLoses(Fixed):
        def evaluate(self, batch, rows):
            super().evaluate(batch, rows)
            stones = batch.planes[:rows].reshape(rows, 2, 6, 7)
            # of the mover, so a position after its reply
            mine_in_second = stones[:, 0, :, 1].sum(1) > 0
            others_in_second = stones[:, 1, :, 1].sum(1) > 0
            batch.value[:rows] = np.where(
                others_in_second, 0.9, np.where(mine_in_second, -0.9, 0.0)
            )

    visits, policies = {}, {}
    for k in (0.0, 2.0):
        settings = SearchParams(PUCT, forced_playouts=k, mcts_solver=False, **NO_LOSS)
        searcher, found = searched(
            connect4, connect4.start(), SecondColumnLoses(logits), settings, 100
        )
        visits[k], policies[k] = int(searcher.root()[1][1]), found.policy[0]
    assert 1 <= visits[0.0] <= 2 and 6 <= visits[2.0] <= 7
    assert policies[2.0][1] < 2 / 100 + 0.005 and policies[2.0].sum() == pytest.approx(1)


def test_the_bound_prefers_a_sure_move_to_one_with_a_few_visits_more(connect4):
    """Both moves are worth about the same; the values behind the more visited one differ widely."""
    logits = np.full(7, -40.0)
    logits[:2] = np.log([0.56, 0.44])

    class FirstColumnIsWild(Fixed):
        def evaluate(self, batch, rows):
            super().evaluate(batch, rows)
            in_first = batch.planes[:rows].reshape(rows, 2, 6, 7)[:, :, :, 0].sum((1, 2)) > 0
            parity = batch.planes[:rows].sum((1, 2)) % 4 >= 2
            batch.value[:rows] = np.where(in_first, np.where(parity, 0.8, -0.8), 0.0)

    settings = SearchParams(PUCT, mcts_solver=False, **NO_LOSS)
    searcher, by_visits = searched(
        connect4, connect4.start(), FirstColumnIsWild(logits), settings, 60
    )
    _, visits, values, _, _ = searcher.root()
    _, by_bound = searched(
        connect4, connect4.start(), FirstColumnIsWild(logits), settings._replace(lcb=5.0), 60
    )
    assert by_visits.action[0] == int(np.argmax(visits))
    spreads = [
        spread_of(searcher.forest.nodes[0, child : child + 1]) for child in searcher.node()[4][:2]
    ]
    bounds = [values[i] - 5 * spreads[i] / visits[i] ** 0.5 for i in (0, 1)]
    assert by_bound.action[0] == int(np.argmax(bounds))
    assert spreads[0] > 1.2 * spreads[1]


# Searches in one call


@pytest.mark.slow  # a kernel of its own, which `bench` alone uses
@pytest.mark.parametrize(
    "settings", [SearchParams(GUMBEL, gumbel_scale=0.0), SearchParams(PUCT)], ids=["gumbel", "puct"]
)
def test_a_search_in_one_call_is_the_search_in_waves(game, settings):
    positions = random_positions(game, 6, seed=3)
    states = np.stack([p.state for p in positions])
    search_batch = Searcher(game, Fixed(np.zeros(game.actions)), settings, 80, 6)
    search_batch.search(states)
    alone = Searcher(game, None, settings, 80, 6)
    memory.reset_trees(alone.forest, states, 80)
    search_tree_only(alone.search_batch)
    for index in range(6):
        assert search_batch.root(index)[1].tolist() == alone.root(index)[1].tolist()
