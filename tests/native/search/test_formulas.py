"""The formulas of the search against the papers' numbers, worked by hand."""

import numpy as np
import pytest

from native.search import forest as memory
from native.search.cache import new_cache
from native.search.choice import choose
from native.search.gumbel import considered_visits
from native.search.mcts import SearchBatch, expand_and_backup, select_leaves
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay.searching import reference
from selfplay.searching.searcher import Searcher
from tests.native.search.planted import Planted


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 32, 50, 200])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 9, 16])
def test_considered_visits_follow_the_published_table(m, n):
    m = min(m, n)
    assert [considered_visits(m, n, t) for t in range(n)] == reference.considered_visits(m, n)


def test_sequential_halving_worked_by_hand():
    """16 simulations, 4 actions: two phases of 8; first 2 rounds of 4, then 4 rounds of 2."""
    table = [considered_visits(4, 16, t) for t in range(16)]
    assert table == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


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
