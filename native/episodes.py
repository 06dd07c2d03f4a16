"""Self-play games, in batch steps: every game adds a leaf to every batch.

Where a search is complete, its move is chosen, recorded and played, and the next search begins;
where a game is over, its record is handed out and the next game begins; all inside one call. So
batches stay full, and games are never in step.

A game may also be a single search: of a position after random plies, which is not played on. Its
outcome is NaN, as that of any game that still goes on.

Records are written into slots: a game owns one while it is played, finished slots wait in `done`
until Python has read them (`release`), free ones in `free`. Axes: R slots, T plies, A actions.
"""

from typing import NamedTuple

import numpy as np

from native.machine.compile import copy, inline, kernel
from native.machine.prefetch import prefetch_game
from native.machine.random import below, uniform
from native.machine.struct_argument import by_address
from native.search.choice import choose_edge, root_value
from native.search.forest import ROOT, reset_tree
from native.search.mcts import gather_leaves, is_complete
from native.search.reuse import keep_subtree

NO_SLOT = -1
# How a move was found: at random, to vary the openings; by search (a training row); by a shorter
# search in a game that is as good as decided (a training row of less weight).
OPENING, SEARCHED, DECIDED = 0, 1, 2


@by_address
class SelfPlayParams(NamedTuple):
    """How self-play games are played."""

    simulations: int
    opening_fraction: float  # share of games that begin with uniformly random plies
    # at most so many; uniform in 0..opening_plies, drawn again where the game would be over by then
    opening_plies: int
    temperature_start: float  # PUCT's move choice: visits^(1/T); Gumbel search brings its own noise
    temperature_end: float
    temperature_halflife: float  # plies in which T goes halfway from start to end
    # PUCT: begin a search with what the last one found below the move played
    tree_reuse: bool = False
    # a game is decided where the search's values have been beyond this, for one side,
    decided_value: float = 2.0
    decided_plies: int = 3  # for so many plies in a row (KataGo's soft resignation: 0.9 and 3)
    decided_simulations: int = 1  # simulations per move in a decided game
    # share of the searches that are single, after at most so many random plies (uniform from 0)
    single_share: float = 0.0
    single_plies: int = 0


@by_address
class Records(NamedTuple):
    slot: np.ndarray  # i32[B], the game's slot or NO_SLOT
    free: np.ndarray  # i32[R], a stack
    done: np.ndarray  # i32[R], a stack
    # i64[5]: free slots, done slots, moves searched, simulations made (those kept are counted
    # once), single searches begun
    counts: np.ndarray
    kept: np.ndarray  # i32[B], simulations that the game's present search began with
    length: np.ndarray  # i32[R], plies so far
    seed: np.ndarray  # u64[R, 2], the game's random state before its first draw
    action: np.ndarray  # i32[R, T]
    origin: np.ndarray  # u8[R, T], OPENING, SEARCHED or DECIDED
    value: np.ndarray  # f32[R, T], the search's value for the first player
    network_value: np.ndarray  # f32[R, T], the network's, for the first player
    policy: np.ndarray  # f32[R, T, A], the search's policy
    outcome: np.ndarray  # f32[R], for the first player; NaN after a single search
    is_single: np.ndarray  # bool[R], is it a single search?


FREE, DONE, MOVES, SIMULATIONS, SINGLES = range(5)


def new_records(num_games: int, max_plies: int, max_actions: int) -> Records:
    """Slots for `num_games` games in progress and as many finished ones between two drains."""
    slots = 2 * num_games
    f32 = np.float32
    records = Records(
        slot=np.full(num_games, NO_SLOT, np.int32),
        free=np.arange(slots, dtype=np.int32)[::-1].copy(),
        done=np.zeros(slots, np.int32),
        counts=np.zeros(5, np.int64),
        kept=np.zeros(num_games, np.int32),
        length=np.zeros(slots, np.int32),
        seed=np.zeros((slots, 2), np.uint64),
        action=np.zeros((slots, max_plies), np.int32),
        origin=np.zeros((slots, max_plies), np.uint8),
        value=np.zeros((slots, max_plies), f32),
        network_value=np.zeros((slots, max_plies), f32),
        policy=np.zeros((slots, max_plies, max_actions), f32),
        outcome=np.zeros(slots, f32),
        is_single=np.zeros(slots, np.bool_),
    )
    records.counts[FREE] = slots
    return records


def release(records: Records) -> None:
    """Give all finished slots back after their games have been read."""
    free, done = records.counts[FREE], records.counts[DONE]
    records.free[free : free + done] = records.done[:done]
    records.counts[FREE] += done
    records.counts[DONE] = 0


@kernel
def play_step(search_batch, plan, options, records):
    """Bring every game to its next leaf; returns the number of rows. `expand_and_backup` completes
    the batch step."""
    rules, params, forest, cache, batch = search_batch
    rows = 0
    for game in range(len(forest.num_simulations)):
        prefetch_game(forest, game + 1)
        before = rows
        while rows == before:
            if records.slot[game] == NO_SLOT and not begin_game(
                rules, plan, options, forest, records, game
            ):
                break
            rows = gather_leaves(rules, params, forest, cache, batch, game, rows)
            if rows > before:
                break
            if not is_complete(forest, game):
                # it waits for an answer that never came; better an empty batch than an endless loop
                break
            advance(rules, params, plan, forest, records, game)
    return rows


@inline
def begin_game(rules, plan, options, forest, records, game):
    """Start the next game of a tree; False if no slot is free."""
    if records.counts[FREE] == 0:
        return False
    records.counts[FREE] -= 1
    slot = records.free[records.counts[FREE]]
    records.slot[game] = slot
    copy(records.seed[slot], forest.random_state[game])
    records.is_single[slot] = is_single_wanted(plan, records)
    while not open_game(rules, plan, options, forest, records, game, slot):
        pass
    reset_tree(forest, game, plan.simulations)
    records.kept[game] = 0
    return True


@inline
def is_single_wanted(plan, records):
    """Are single searches fewer than their share? If so, one more is counted."""
    is_wanted = records.counts[SINGLES] < plan.single_share * records.counts[MOVES]
    records.counts[SINGLES] += is_wanted
    return is_wanted


@inline
def open_game(rules, plan, options, forest, records, game, slot):
    """Play the random plies of an opening; False if they ended the game."""
    state, random_state = forest.root_state[game], forest.random_state[game]
    rules.start(state, options)
    records.length[slot] = 0
    plies = 0
    if records.is_single[slot]:
        plies = below(random_state, plan.single_plies + 1)
    elif uniform(random_state) < plan.opening_fraction:
        plies = below(random_state, plan.opening_plies + 1)
    for _ply in range(plies):
        count = rules.legal(state, forest.actions)
        action = np.int64(forest.actions[below(random_state, count)])
        record_move(records, slot, action, OPENING, 0.0, 0.0)
        if not np.isnan(rules.play(state, action)):
            return False
    return True


@inline
def record_move(records, slot, action, origin, value, network_value):
    ply = records.length[slot]
    records.action[slot, ply] = action
    records.origin[slot, ply] = origin
    records.value[slot, ply] = value
    records.network_value[slot, ply] = network_value
    records.length[slot] = ply + 1
    return ply


@inline
def is_decided(plan, records, slot):
    """Have the values of the last searches all been beyond `decided_value`, for the same side?"""
    last = records.length[slot] - 1
    if last + 1 < plan.decided_plies or plan.decided_value > 1.0:
        return False
    for ply in range(last, last - plan.decided_plies, -1):
        value = records.value[slot, ply]
        if records.origin[slot, ply] == OPENING or abs(value) <= plan.decided_value:
            return False
        if value * records.value[slot, last] < 0.0:
            return False
    return True


@inline
def advance(rules, params, plan, forest, records, game):
    """Choose, record and play the move of a complete search; begin the next search or end the
    game."""
    slot = records.slot[game]
    ply = records.length[slot]
    half_lives = ply / plan.temperature_halflife
    temperature = (
        plan.temperature_end + (plan.temperature_start - plan.temperature_end) * 0.5**half_lives
    )
    edge = choose_edge(params, forest, game, temperature)
    action = np.int64(forest.edge_action[game, edge])
    origin = DECIDED if is_decided(plan, records, slot) else SEARCHED
    record_move(
        records,
        slot,
        action,
        origin,
        root_value(params, forest, game),
        forest.nodes[game, ROOT].value,
    )
    records.policy[slot, ply] = 0.0
    for i in range(forest.nodes[game, ROOT].num_edges):
        records.policy[slot, ply, forest.edge_action[game, i]] = forest.policy[i]
    records.counts[MOVES] += 1
    records.counts[SIMULATIONS] += forest.num_finished[game] - records.kept[game]
    outcome = rules.play(forest.root_state[game], action)
    if records.is_single[slot]:
        end_game(forest, records, game, outcome)
        return
    if np.isnan(outcome) and ply + 1 < records.action.shape[1]:
        num_simulations = (
            plan.decided_simulations if is_decided(plan, records, slot) else plan.simulations
        )
        if plan.tree_reuse and keep_subtree(rules, params, forest, game, action):
            forest.num_simulations[game] = num_simulations
            records.kept[game] = forest.num_finished[game]
        else:
            reset_tree(forest, game, num_simulations)
            records.kept[game] = 0
        return
    if np.isnan(outcome):
        # longer than the game says it can be: a law is broken, and no memory for it; called a draw
        outcome = 0.0
    end_game(forest, records, game, outcome)


@inline
def end_game(forest, records, game, outcome):
    """Hand out the game's record; its tree waits for the next game."""
    slot = records.slot[game]
    records.outcome[slot] = outcome
    records.done[records.counts[DONE]] = slot
    records.counts[DONE] += 1
    records.slot[game] = NO_SLOT
    reset_tree(forest, game, 0)
