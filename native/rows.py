"""Training rows from game records: positions are played again, never stored.

A record holds moves and what the search said of them; planes, symmetries and targets are computed here when a batch is
drawn, so encodings can change without new games. Axes: R rows, A actions, G games, M moves of all games.
"""

from typing import NamedTuple

import numpy as np

from native.compile import kernel
from native.frame import mover_score


class Moves(NamedTuple):
    """All moves of G games in a row, ragged arrays flattened."""

    first_move: np.ndarray  # i64[G + 1], game g's moves are first_move[g] .. first_move[g + 1] - 1
    outcome: np.ndarray  # f32[G], for the first player
    options: np.ndarray  # f64[G, K]
    action: np.ndarray  # u16[M]
    value: np.ndarray  # f32[M], the search's value for the first player
    first_entry: np.ndarray  # i64[M + 1], move m's policy entries
    policy_action: np.ndarray  # u16[...]
    policy: np.ndarray  # f32[...], probabilities


class Rows(NamedTuple):
    """What the learner trains on; values here are for the MOVER."""

    planes: np.ndarray  # f32[R, P, C]
    scalars: np.ndarray  # f32[R, K]
    legal: np.ndarray  # bool[R, A]
    policy: np.ndarray  # f32[R, A]
    outcome: np.ndarray  # f32[R], the game's outcome
    value: np.ndarray  # f32[R], the search's value


def new_rows(num_rows: int, planes: int, cells: int, scalars: int, actions: int) -> Rows:
    f32 = np.float32
    return Rows(
        planes=np.zeros((num_rows, planes, cells), f32),
        scalars=np.zeros((num_rows, scalars), f32),
        legal=np.zeros((num_rows, actions), np.bool_),
        policy=np.zeros((num_rows, actions), f32),
        outcome=np.zeros(num_rows, f32),
        value=np.zeros(num_rows, f32),
    )


def new_scratch(state_bytes: int, planes: int, cells: int, actions: int) -> tuple:
    """One position, its planes and its actions, for `write_rows` to work in."""
    return np.zeros(state_bytes, np.uint8), np.zeros((planes, cells), np.float32), np.zeros(actions + 1, np.int32)


@kernel
def write_rows(rules, moves, row_game, row_move, symmetry, cell_maps, action_maps, scratch, rows):
    """Write the rows of the moves row_move i64[R] (of games row_game) seen under symmetry[R]. Modifies `rows`."""
    state, planes, actions = scratch
    for row in range(len(row_game)):
        game, move, turn = row_game[row], row_move[row], symmetry[row]
        rules.start(state, moves.options[game])
        for ply in range(moves.first_move[game], move):
            rules.play(state, np.int64(moves.action[ply]))
        rules.observe(state, planes, rows.scalars[row])
        for plane in range(planes.shape[0]):
            for cell in range(planes.shape[1]):
                rows.planes[row, plane, cell_maps[turn, cell]] = planes[plane, cell]
        rows.legal[row] = False
        rows.policy[row] = 0.0
        for i in range(rules.legal(state, actions)):
            rows.legal[row, action_maps[turn, actions[i]]] = True
        for entry in range(moves.first_entry[move], moves.first_entry[move + 1]):
            rows.policy[row, action_maps[turn, moves.policy_action[entry]]] = moves.policy[entry]
        mover = rules.mover(state)
        rows.outcome[row] = mover_score(moves.outcome[game], mover)
        rows.value[row] = mover_score(moves.value[move], mover)
