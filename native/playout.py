"""Random play and counting: playouts as leaf values, random games for benchmarks, perft for proofs.

Generic over `rules`; all working memory is passed in. Outcomes belong to the first player.
"""

import numpy as np

from native.machine.compile import copy, inline, kernel
from native.machine.random import below
from native.perspective import mover_score


@inline
def rollout(rules, state, random_state, actions):
    """Play uniformly random legal moves from an unfinished position to the end, in place; returns
    the outcome."""
    while True:
        count = rules.legal(state, actions)
        outcome = rules.play(state, actions[below(random_state, count)])
        if not np.isnan(outcome):
            return outcome


@kernel
def playouts(rules, states, random_states, actions, scratch, values_out):
    """One playout from each of the unfinished positions u8[n, S], which stay as they are.

    random_states u64[n, 2] advance; actions i32[A + 1] and scratch u8[S] are working memory;
    values_out f64[n].
    """
    for i in range(len(states)):
        copy(scratch, states[i])
        values_out[i] = rollout(rules, scratch, random_states[i], actions)


@kernel
def rollout_values(rules, states, random_states, actions, scratch, values_out):
    """Evaluate each position by one random rollout, f32[n], for its MOVER."""
    for i in range(len(states)):
        copy(scratch, states[i])
        outcome = rollout(rules, scratch, random_states[i], actions)
        values_out[i] = mover_score(outcome, rules.mover(states[i]))


@kernel
def random_games(rules, options, state, random_state, actions, num_games):
    """Play whole random games; returns the number of positions played through. Modifies state,
    random_state, actions."""
    plies = 0
    for _ in range(num_games):
        rules.start(state, options)
        outcome = np.nan
        while np.isnan(outcome):
            count = rules.legal(state, actions)
            outcome = rules.play(state, actions[below(random_state, count)])
            plies += 1
    return plies


@kernel
def perft(rules, states, actions, counts, depth):
    """Number of positions exactly `depth` plies from states[0] (a finished game has no successors).

    states u8[depth + 1, S], actions i32[depth + 1, A + 1] and counts i32[depth + 1, 2] are a stack;
    counts holds (legal moves, next move to try) of each ply.
    """
    if depth == 0:
        return 1
    total, ply = 0, 0
    counts[0, 0], counts[0, 1] = rules.legal(states[0], actions[0]), 0
    while ply >= 0:
        if ply == depth - 1:
            total += counts[ply, 0]  # the last ply's moves need not be played to be counted
            ply -= 1
            continue
        if counts[ply, 1] == counts[ply, 0]:
            ply -= 1
            continue
        action = actions[ply, counts[ply, 1]]
        counts[ply, 1] += 1
        copy(states[ply + 1], states[ply])
        rules.play(states[ply + 1], action)
        ply += 1
        counts[ply, 0], counts[ply, 1] = rules.legal(states[ply], actions[ply]), 0
    return total


def count_positions(rules, state, max_actions: int, depth: int) -> int:
    """`perft` with its memory allocated: positions `depth` plies from `state` u8[S]."""
    states = np.zeros((depth + 1, len(state)), np.uint8)
    states[0] = state
    actions = np.zeros((depth + 1, max_actions + 1), np.int32)
    return perft(rules, states, actions, np.zeros((depth + 1, 2), np.int32), depth)
