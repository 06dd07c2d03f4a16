"""Training rows from game records: positions are played again, never stored.

A record holds moves and what the search said of them; planes, symmetries and targets are computed
here when a batch is drawn, so encodings can change without new games. What a game's later course
says of its moves is read once, when the game enters the window. Axes: R rows, A actions, C cells, G
games, M moves of all games.
"""

from typing import NamedTuple

import numpy as np

from native.machine.compile import inline, kernel
from native.perspective import mover_score


class GameBatch(NamedTuple):
    """All moves of G games in a row, ragged arrays flattened."""

    first_move: np.ndarray  # i64[G + 1], game g's moves are first_move[g] .. first_move[g + 1] - 1
    outcome: np.ndarray  # f32[G], for the first player; NaN if the game was not played on
    options: np.ndarray  # f64[G, K]
    action: np.ndarray  # u16[M]
    value: np.ndarray  # f32[M], the search's value for the first player
    first_entry: np.ndarray  # i64[M + 1], move m's policy entries
    policy_action: np.ndarray  # u16[...]
    policy: np.ndarray  # f32[...], probabilities


class Targets(NamedTuple):
    """What was known of G games once they were over; for the FIRST player."""

    value: np.ndarray  # f32[M], what the network's value should be at each move
    # i8[G, C], of each cell at the end: +1 the first player, -1 the second, 0 nobody
    owner: np.ndarray
    score: np.ndarray  # f32[G], of the end, in the game's own points


class TrainingBatch(NamedTuple):
    """What the learner trains on; values here are for the MOVER."""

    planes: np.ndarray  # f32[R, P, C]
    scalars: np.ndarray  # f32[R, K]
    legal: np.ndarray  # bool[R, A]
    policy: np.ndarray  # f32[R, A]
    outcome: np.ndarray  # f32[R], the game's outcome; NaN if nobody knows
    value: np.ndarray  # f32[R], what the network's value should be
    # f32[R, C], of each cell at the game's end: +1 the mover, -1 the other, 0 nobody
    owner: np.ndarray
    score: np.ndarray  # f32[R], of the game's end, in units of sqrt(C) points


def new_training_batch(
    num_rows: int, planes: int, cells: int, scalars: int, actions: int
) -> TrainingBatch:
    f32 = np.float32
    return TrainingBatch(
        planes=np.zeros((num_rows, planes, cells), f32),
        scalars=np.zeros((num_rows, scalars), f32),
        legal=np.zeros((num_rows, actions), np.bool_),
        policy=np.zeros((num_rows, actions), f32),
        outcome=np.zeros(num_rows, f32),
        value=np.zeros(num_rows, f32),
        owner=np.zeros((num_rows, cells), f32),
        score=np.zeros(num_rows, f32),
    )


def new_targets(num_games: int, num_moves: int, cells: int) -> Targets:
    return Targets(
        value=np.zeros(num_moves, np.float32),
        owner=np.zeros((num_games, cells), np.int8),
        score=np.zeros(num_games, np.float32),
    )


def new_scratch(state_bytes: int, planes: int, cells: int, actions: int) -> tuple:
    """One position, its planes and its actions, for `write_rows` to work in."""
    return (
        np.zeros(state_bytes, np.uint8),
        np.zeros((planes, cells), np.float32),
        np.zeros(actions + 1, np.int32),
    )


# what `find_unplayable` answers
PLAYABLE, ILLEGAL, TOO_EARLY, TOO_LATE, WRONG_OUTCOME, BAD_POLICY = range(6)
POLICY_ERROR = 1e-2  # by how much the probabilities of one move may miss 1
OUTCOME_ERROR = 1e-6  # outcomes are stored in single precision


@kernel
def find_unplayable(rules, moves, is_opening, max_plies, state, actions, where):
    """Play every game by the rules and stop at the first that they do not allow; returns what is
    wrong, or PLAYABLE.

    The arrays' shapes and ranges must have been checked: indices are used as they are. Every move
    must be legal, the last one must end the game with the recorded outcome (a game cut at
    `max_plies` is a draw, one that was not played on has NaN), and each move but those of the
    opening (is_opening bool[M]) needs a policy: probabilities of legal actions that add up to 1.
    Modifies `where` i64[2], the game's index and the ply, and state u8[S] and actions i32[A + 1],
    its scratch.
    """
    for game in range(len(moves.outcome)):
        where[0] = game
        first, end = moves.first_move[game], moves.first_move[game + 1]
        rules.start(state, moves.options[game])
        for move in range(first, end):
            where[1] = move - first
            count = rules.legal(state, actions)
            action = np.int64(moves.action[move])
            if not is_listed(actions, count, action):
                return ILLEGAL
            if not is_policy(moves, move, is_opening[move], actions, count):
                return BAD_POLICY
            outcome = rules.play(state, action)
            is_last = move == end - 1
            if not np.isnan(outcome) and not is_last:
                return TOO_EARLY
            if np.isnan(outcome) and is_last:
                if np.isnan(moves.outcome[game]):
                    continue
                if end - first < max_plies:
                    return TOO_LATE
                outcome = 0.0
            if is_last and not abs(outcome - moves.outcome[game]) <= OUTCOME_ERROR:
                return WRONG_OUTCOME
    return PLAYABLE


@inline
def is_listed(actions, count, action):
    for i in range(count):
        if actions[i] == action:
            return True
    return False


@inline
def is_policy(moves, move, is_opening, actions, count):
    """Are the move's entries probabilities of legal actions, both ascending, that add up to 1 (none
    for an opening move)?"""
    total, i = 0.0, 0
    for entry in range(moves.first_entry[move], moves.first_entry[move + 1]):
        action = np.int64(moves.policy_action[entry])
        while i < count and actions[i] < action:
            i += 1
        probability = np.float64(moves.policy[entry])
        if i == count or actions[i] != action or not probability >= 0.0:
            return False
        total += probability
        i += 1
    return abs(total - (0.0 if is_opening else 1.0)) <= POLICY_ERROR


@kernel
def position_keys(rules, moves, state, keys):
    """The key of the position before each move. Modifies keys u64[M], and `state` u8[S], its
    scratch."""
    for game in range(len(moves.outcome)):
        rules.start(state, moves.options[game])
        for move in range(moves.first_move[game], moves.first_move[game + 1]):
            keys[move] = rules.key(state)
            rules.play(state, np.int64(moves.action[move]))


@kernel
def compute_targets(rules, moves, value_lambda, state, targets):
    """Play every game to its end and look back from there. Modifies `targets`, and `state` u8[S],
    its scratch.

    The value's target is T_t = f V_t + (1 - f) T_{t+1} with the search's V and, at the end, the
    outcome (if it is not known, the last V): an average over the moves to come, the next 1 / f of
    them most of all (TD(lambda), Sutton 1988, with lambda = 1 - f). f = 1 is the search's own
    value, f = 0 the outcome.
    """
    for game in range(len(moves.outcome)):
        first, end = moves.first_move[game], moves.first_move[game + 1]
        rules.start(state, moves.options[game])
        for move in range(first, end):
            rules.play(state, np.int64(moves.action[move]))
        targets.score[game] = rules.final(state, targets.owner[game])
        target = np.float64(moves.outcome[game])
        if np.isnan(target):
            target = np.float64(moves.value[end - 1])
        for move in range(end - 1, first - 1, -1):
            target = value_lambda * moves.value[move] + (1.0 - value_lambda) * target
            targets.value[move] = target


@kernel
def write_rows(
    rules, moves, targets, row_game, row_move, symmetry, cell_maps, action_maps, scratch, rows
):
    """Write the rows of the moves row_move i64[R] (of games row_game) seen under symmetry[R].
    Modifies `rows`.

    Scores are counted in sqrt(C) points, by which a sum over C cells of independent owners would
    differ.
    """
    state, planes, actions = scratch
    unit = np.sqrt(np.float64(planes.shape[1]))
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
        rows.value[row] = mover_score(targets.value[move], mover)
        rows.score[row] = mover_score(targets.score[game], mover) / unit
        for cell in range(planes.shape[1]):
            rows.owner[row, cell_maps[turn, cell]] = mover_score(targets.owner[game, cell], mover)
