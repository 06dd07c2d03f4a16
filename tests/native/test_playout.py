"""Random playouts have the known distribution of outcomes, leave their positions alone, and repeat
from their seed."""

import numpy as np

from native.machine.random import seeds
from native.perspective import mover_score, stored_value
from native.playout import playouts


def outcomes(game, position, count, seed=1):
    states = np.repeat(position.state[None], count, 0)
    before, values = states.copy(), np.zeros(count)
    actions, scratch = np.zeros(game.actions + 1, np.int32), np.zeros(game.state_bytes, np.uint8)
    playouts(game.rules, states, seeds(seed, count), actions, scratch, values)
    np.testing.assert_array_equal(before, states)
    return values


def test_random_tic_tac_toe_ends_as_published(tictactoe):
    """Uniformly random play: the first player wins 58.49 %, the second 28.81 %, 12.70 % are
    drawn."""
    values = outcomes(tictactoe, tictactoe.start(), 100_000)
    shares = [(values == outcome).mean() for outcome in (1, -1, 0)]
    np.testing.assert_allclose(shares, [0.5849, 0.2881, 0.1270], atol=0.006)


def test_a_playout_repeats_from_its_seed_and_ignores_its_neighbours(connect4):
    many, few = outcomes(connect4, connect4.start(), 50), outcomes(connect4, connect4.start(), 10)
    np.testing.assert_array_equal(outcomes(connect4, connect4.start(), 50), many)
    states = np.repeat(connect4.start().state[None], 10, 0)
    values = np.zeros(10)
    playouts(
        connect4.rules,
        states,
        seeds(1, 50)[:10].copy(),
        np.zeros(8, np.int32),
        states[0].copy(),
        values,
    )
    np.testing.assert_array_equal(values, many[:10])
    assert set(few) <= {1.0, 0.0, -1.0}


def test_values_change_sides_for_the_second_player_alone():
    assert [stored_value(0.25, mover) for mover in (0, 1)] == [0.25, -0.25]
    assert [mover_score(0.25, mover) for mover in (0, 1)] == [0.25, -0.25]
