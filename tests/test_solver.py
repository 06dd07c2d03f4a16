"""The exact solver equals plain minimax, the published value of games, and an outside solver's stored answers."""

import numpy as np
import pytest

from games.laws import random_positions
from native.solver import Solver
from selfplay import exam
from tests.conftest import played


def solver(game, **options):
    return Solver(game.rules, game.state_bytes, game.actions, game.max_plies, log2_entries=18, **options)


def minimax(position, known=None) -> float:
    """For the first player, by trying everything; positions met again are remembered."""
    known = {} if known is None else known
    if position.outcome is not None:
        return position.outcome
    if position.key not in known:
        values = [minimax(position.copy().play(int(action)), known) for action in position.legal]
        known[position.key] = max(values) if position.mover == 0 else min(values)
    return known[position.key]


def test_tic_tac_toe_is_a_draw(tictactoe):
    assert solver(tictactoe).value(tictactoe.start().state) == 0.0


def test_it_equals_plain_minimax(tictactoe):
    ours, known = solver(tictactoe), {}
    for position in random_positions(tictactoe, 150, seed=3):
        assert ours.value(position.state) == minimax(position, known)
        actions, values = ours.action_values(position.state)
        assert actions.tolist() == position.legal.tolist()
        assert values.tolist() == [minimax(position.copy().play(int(action)), known) for action in actions]


def test_late_connect_four_equals_plain_minimax(connect4):
    ours = solver(connect4)
    late = [p for p in random_positions(connect4, 400, seed=1) if p.plies >= 33][:6]
    assert len(late) == 6
    assert [ours.value(p.state) for p in late] == [minimax(p) for p in late]


def test_it_agrees_with_the_outside_solver_from_sixteen_discs_on(connect4):
    whole = exam.load("connect4")
    rows = [row for row in range(len(whole)) if whole.plies[row] >= 16][:40]
    ours = Solver(connect4.rules, connect4.state_bytes, connect4.actions, connect4.max_plies)
    for row in rows:
        actions, values = ours.action_values(whole.states[row])
        sign = 1 - 2 * (whole.plies[row] % 2)
        assert ours.value(whole.states[row]) == whole.value[row]
        assert [a for a, v in zip(actions, values) if v * sign == (values * sign).max()] == np.flatnonzero(
            whole.keeps[row]
        ).tolist()


@pytest.mark.parametrize("entries", [4, 18])
def test_a_tiny_table_changes_no_value(tictactoe, entries):
    small = Solver(tictactoe.rules, tictactoe.state_bytes, tictactoe.actions, tictactoe.max_plies, log2_entries=entries)
    assert small.value(played(tictactoe, "a1 b2").state) == 0.0
    assert small.value(played(tictactoe, "a1 b1").state) == 1.0
    assert small.value(played(tictactoe, "b2 b1 a3 c1 a1").state) == 1.0


def test_the_node_limit_is_kept_and_said(connect4):
    assert solver(connect4, node_limit=1000).value(connect4.start().state) is None
    _, values = solver(connect4, node_limit=1000).action_values(connect4.start().state)
    assert np.isnan(values).all()
