"""The search against mctx, the published implementation, on a few positions;
tests/conformance/proof.py takes every game."""

from functools import partial

import pytest

pytest.importorskip("mctx", reason="mctx is not installed: pip install mctx")

import mctx
from mctx._src.seq_halving import get_table_of_considered_visits

import games
from games.laws import random_positions
from native.search.gumbel import considered_visits
from tests.conformance import published
from tests.conformance.proof import KINDS, compare
from tests.conformance.published import Table, use_float64

pytestmark = pytest.mark.slow

# A board of every family that has one with fewer than 100 actions.
GAMES = ["tictactoe", "connect4", "go5", "othello6", "gomoku9", "hex5"]
CASES = [
    ("gumbel", 2),
    ("gumbel", 16),
    ("gumbel", 200),
    ("gumbel without noise", 50),
    ("gumbel, four considered", 7),
    ("puct", 100),
    ("puct with noise, no FPU", 32),
]


@pytest.fixture(scope="module")
def table():
    use_float64()
    return Table(max(games.load(name).actions for name in GAMES))


def some_positions(names=GAMES, seed=0):
    return {name: random_positions(games.load(name), 4, seed) for name in names}


@pytest.mark.parametrize(("kind", "simulations"), CASES)
def test_the_search_is_the_published_one(table, kind, simulations):
    """Visits and action are equal; Q, improved policy and completed Q agree to 1e-5."""
    found = compare(some_positions(seed=simulations), KINDS[kind], simulations, table, seed=1)
    assert {name: result for name, result in found.items() if not result.agree()} == {}


@pytest.mark.parametrize("name", ["tictactoe", "othello4"])
def test_min_max_is_the_rescaling_of_mctx(name):
    """qtransform_completed_by_mix_value(rescale_values=True), unchanged: illegal actions are
    completed by v_mix there, and where all the legal ones have visits v_mix may lie beyond them
    all."""
    game = games.load(name)
    few_moves = [
        position
        for position in random_positions(game, 2000, seed=5)
        if 2 <= len(position.legal) <= 4
    ][:64]
    found = compare({name: few_moves}, KINDS["gumbel, min-max"], 6, Table(game.actions), seed=1)
    assert found[name].searches == 64 and found[name].agree(), found[name]


def test_sequential_halving_has_the_published_visits_for_every_number_of_simulations():
    for simulations in range(2, 201):
        published_visits = get_table_of_considered_visits(16, simulations)
        for considered in range(1, min(16, simulations) + 1):
            ours = tuple(considered_visits(considered, simulations, t) for t in range(simulations))
            assert ours == published_visits[considered]


def test_considering_more_actions_than_simulations_changes_nothing():
    """mctx considers 16 however few simulations there are; ours never more than simulations."""
    for simulations in range(2, 16):
        published_visits = get_table_of_considered_visits(16, simulations)
        assert len(set(published_visits[simulations:])) == 1


def test_another_formula_is_found_out(table, monkeypatch):
    """Completing Q by the network's value alone, in place of v_mix, does not go unseen."""
    raw = partial(mctx.qtransform_completed_by_mix_value, use_mixed_value=False)
    monkeypatch.setattr(mctx, "qtransform_completed_by_mix_value", raw)
    published.published_search.cache_clear()
    found = compare(some_positions(["connect4"]), KINDS["gumbel"], 16, table, seed=1)
    published.published_search.cache_clear()
    assert found["connect4"].completed > 1e-3 and not found["connect4"].agree()
