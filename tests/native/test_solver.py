"""The exact solver equals plain minimax, the published value of games, and an outside solver's
stored answers."""

import dataclasses

import numpy as np
import pytest

import games
from games.laws import random_positions
from games.tictactoe import DTYPE
from native import abi
from native.abi import KEY, overlay, rule
from native.solver import Solver
from selfplay.matches import exam
from tests.conformance.tiny_go import corner
from tests.conftest import played


def solver(game, **options):
    return Solver(
        game.rules, game.state_bytes, game.actions, game.max_plies, log2_entries=18, **options
    )


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
        assert values.tolist() == [
            minimax(position.copy().play(int(action)), known) for action in actions
        ]


def test_late_connect_four_equals_plain_minimax(connect4):
    ours = solver(connect4)
    late = [p for p in random_positions(connect4, 400, seed=1) if p.plies >= 33][:6]
    assert len(late) == 6
    assert [ours.value(p.state) for p in late] == [minimax(p) for p in late]


@pytest.mark.slow
def test_it_agrees_with_the_outside_solver_from_sixteen_discs_on(connect4):
    whole = exam.load("connect4")
    rows = [row for row in range(len(whole)) if whole.plies[row] >= 16][:40]
    ours = Solver(connect4.rules, connect4.state_bytes, connect4.actions, connect4.max_plies)
    for row in rows:
        actions, values = ours.action_values(whole.states[row])
        sign = 1 - 2 * (whole.plies[row] % 2)
        assert ours.value(whole.states[row]) == whole.value[row]
        assert [
            a for a, v in zip(actions, values) if v * sign == (values * sign).max()
        ] == np.flatnonzero(whole.keeps[row]).tolist()


@pytest.mark.parametrize("entries", [4, 18])
def test_a_tiny_table_changes_no_value(tictactoe, entries):
    small = Solver(
        tictactoe.rules,
        tictactoe.state_bytes,
        tictactoe.actions,
        tictactoe.max_plies,
        log2_entries=entries,
    )
    assert small.value(played(tictactoe, "a1 b2").state) == 0.0
    assert small.value(played(tictactoe, "a1 b1").state) == 1.0
    assert small.value(played(tictactoe, "b2 b1 a3 c1 a1").state) == 1.0


def test_the_node_limit_is_kept_and_said(connect4):
    assert solver(connect4, node_limit=1000).value(connect4.start().state) is None
    _, values = solver(connect4, node_limit=1000).action_values(connect4.start().state)
    assert np.isnan(values).all()


# Go, where a value may depend on the moves left to the cap and on the arrangements that superko
# forbids

LONG_GAME = """A1 B2 C2 A5 E3 B3 A4 D5 C4 B1 D1 D2 D3 C3 E5 B4 E1 C1 B5 A3 C5 A5 E4 E2 E1 D1 A4 E1
D4 C2 D5 A2 A1 E2 B1 A2 A5 C2"""


def children(game, state):
    """(each next state, its outcome or NaN)."""
    actions = np.empty(game.actions + 1, np.int32)
    for action in actions[: abi.call_legal(game.rules, state, actions)].copy():
        child = state.copy()
        yield child, abi.call_play(game.rules, child, action)


def brute_force(game, state, found) -> float:
    """The first player's value by trying everything, and remembering nothing; each state and its
    value go into `found`."""
    values = [
        brute_force(game, child, found) if np.isnan(outcome) else outcome
        for child, outcome in children(game, state)
    ]
    value = max(values) if abi.call_mover(game.rules, state) == 0 else min(values)
    found.append((state, value))
    return value


def wrong_answers(game, found, seed) -> int:
    """Of one solver, asked all of these questions in a random order."""
    ours = solver(game)
    order = np.random.default_rng(seed).permutation(len(found))
    return sum(ours.value(found[index][0]) != found[index][1] for index in order)


def later(game, moves: str):
    position = game.start()
    for move in moves.split():
        position.play(move)
    return position


def test_an_answer_is_not_kept_for_a_position_with_other_moves_left(go5):
    """Both ways lead to the same stones and the same last five moves, but by ten moves in place of
    eight; the cap is at 50."""
    game = go5.with_options(komi=0.5)
    short, long = (
        later(game, f"{LONG_GAME} {end}")
        for end in ("B3 E1 D2 B2 B4 C1 C3 A3", "B3 pass D2 E1 pass B2 B4 C1 C3 A3")
    )
    assert short.key == long.key
    values = [brute_force(game, position.state, []) for position in (short, long)]
    assert values == [-1.0, 1.0]
    for order in ((0, 1), (1, 0)):
        ours = solver(game)
        assert [ours.value((short, long)[index].state) for index in order] == [
            values[index] for index in order
        ]


@pytest.mark.slow
@pytest.mark.parametrize("columns", [2, 3])
def test_every_position_of_a_tiny_board_has_its_value_whatever_was_asked_before(columns):
    """All games on 1x2 and 1x3, a corner of go8 between walls: there superko decides, and the cap
    is never near."""
    game, found = games.load("go8"), []
    start = corner(1, columns).start
    start.view(game.dtype)["komi"] = 0.5
    brute_force(game, start, found)
    assert len(found) == {2: 18, 3: 1814}[columns]
    assert [wrong_answers(game, found, seed) for seed in range(3)] == [0, 0, 0]


def test_a_key_may_leave_out_what_decides(tictactoe):
    """A game's key is of what the network sees. Here it is the number of stones, and values are
    still those of positions."""
    blind = dataclasses.replace(tictactoe, rules=tictactoe.rules._replace(key=count_of_stones))
    ours, known = solver(blind), {}
    for position in random_positions(tictactoe, 60, seed=4):
        assert ours.value(position.state) == minimax(position, known)


@rule(KEY)
def count_of_stones(state):
    return np.uint64(overlay(state, DTYPE).ply)
