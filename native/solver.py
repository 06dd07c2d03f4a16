"""Exact values: alpha-beta with a transposition table, for any game through its rules alone.

Works on first-player values throughout: player 0 raises the lower bound, player 1 lowers the upper
one, so a player may move twice in a row. Depth-first with an explicit stack. Moves are tried in the
order: an immediate win; the table's move; by history (how often the move cut off, for its mover).
Table entries keep the bounds that a search proved.

A bound holds for one position, and a position is all of its bytes. A game's own key is a hash of
what the network sees: Go's leaves out the plies to the cap and most of the arrangements that
superko forbids, so two positions of one key can differ in value (the graph history interaction
problem; Kishimoto and Mueller 2004, "A general solution to the graph history interaction problem").
The key therefore only finds an entry and its move, which is tried first; its bounds are used where
a digest of the bytes agrees too. Where bytes hold no history, as in most games, that loses nothing.
"""

from typing import NamedTuple

import numpy as np

from native.machine.bits import word_of
from native.machine.compile import copy, inline, kernel
from native.machine.random import GOLDEN_GAMMA, mix
from native.perspective import FIRST

UNSOLVED = np.nan  # the node limit was reached
NO_ACTION = -1
MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9)  # the first of SplitMix64's finaliser

# 32 bytes
ENTRY = np.dtype(
    [
        ("key", np.uint64),  # the game's, and who moves
        ("bytes_digest", np.uint64),
        ("low", np.float32),  # proved bounds of the first player's value
        ("high", np.float32),
        ("best", np.int16),  # the move that decided it
    ],
    align=True,
)


class Memory(NamedTuple):
    """Table (T entries, a power of two) and stack (D plies of at most A actions)."""

    table: np.ndarray  # ENTRY[T]
    history: np.ndarray  # i64[2, A], cut-offs by mover and action
    state: np.ndarray  # u8[D, S]
    position_key: np.ndarray  # u64[D]
    bytes_digest: np.ndarray  # u64[D]
    mover: np.ndarray  # i64[D]
    actions: np.ndarray  # i32[D, A + 1], in the order they are tried
    count: np.ndarray  # i32[D]
    children: np.ndarray  # i32[D]
    alpha: np.ndarray  # f64[D], window as it was entered, narrowed while moves are tried
    beta: np.ndarray  # f64[D]
    entered_alpha: np.ndarray  # f64[D]
    entered_beta: np.ndarray  # f64[D]
    value: np.ndarray  # f64[D], best for the mover so far
    choice: np.ndarray  # i32[D]


def new_memory(state_bytes: int, max_actions: int, max_plies: int, log2_entries: int) -> Memory:
    entries, depth = 1 << log2_entries, max_plies + 2
    i32, i64, f64 = np.int32, np.int64, np.float64
    table = np.zeros(entries, ENTRY)
    # what was never written proves nothing, whatever its key
    table["low"], table["high"], table["best"] = (
        -1,
        1,
        NO_ACTION,
    )
    return Memory(
        table=table,
        history=np.zeros((2, max_actions), i64),
        state=np.zeros((depth, state_bytes), np.uint8),
        position_key=np.zeros(depth, np.uint64),
        bytes_digest=np.zeros(depth, np.uint64),
        mover=np.zeros(depth, i64),
        actions=np.zeros((depth, max_actions + 1), i32),
        count=np.zeros(depth, i32),
        children=np.zeros(depth, i32),
        alpha=np.zeros(depth, f64),
        beta=np.zeros(depth, f64),
        entered_alpha=np.zeros(depth, f64),
        entered_beta=np.zeros(depth, f64),
        value=np.zeros(depth, f64),
        choice=np.zeros(depth, i32),
    )


@kernel
def solve(rules, memory, alpha, beta, node_limit):
    """Value for the first player of the unfinished position memory.state[0], exact if inside
    (alpha, beta), else a bound.

    Returns UNSOLVED once `node_limit` positions have been entered. Modifies `memory`.
    """
    nodes = 1
    is_done, value = enter(rules, memory, 0, alpha, beta)
    ply = 0
    if is_done:
        return value
    while True:
        if memory.children[ply] == memory.count[ply] or memory.alpha[ply] >= memory.beta[ply]:
            value = memory.value[ply]
            leave(memory, ply)
            if ply == 0:
                return value
            ply -= 1
            improve(memory, ply, value)
            continue
        action = memory.actions[ply, memory.children[ply]]
        copy(memory.state[ply + 1], memory.state[ply])
        outcome = rules.play(memory.state[ply + 1], action)
        if not np.isnan(outcome):
            improve(memory, ply, outcome)
            continue
        nodes += 1
        if nodes > node_limit:
            return UNSOLVED
        is_done, value = enter(rules, memory, ply + 1, memory.alpha[ply], memory.beta[ply])
        if is_done:
            improve(memory, ply, value)
        else:
            ply += 1


@inline
def enter(rules, memory, ply, alpha, beta):
    """Set up a position of the stack; (True, value) if the table or an immediate win settles it
    within the window."""
    state = memory.state[ply]
    mover = rules.mover(state)
    # A game's key may leave out who moves; these values may not.
    memory.position_key[ply] = rules.key(state) ^ (np.uint64(mover) * GOLDEN_GAMMA)
    count = rules.legal(state, memory.actions[ply])
    memory.bytes_digest[ply] = digest(state)
    memory.mover[ply] = mover
    memory.count[ply] = count
    memory.children[ply] = 0
    entry, best = memory.table[slot_of(memory, ply)], NO_ACTION
    if entry.key == memory.position_key[ply]:
        best = np.int64(entry.best)
        if entry.bytes_digest == memory.bytes_digest[ply]:
            if entry.low == entry.high or entry.low >= beta:
                return True, np.float64(entry.low)
            if entry.high <= alpha:
                return True, np.float64(entry.high)
    most = 1.0 if mover == FIRST else -1.0
    scratch = memory.state[ply + 1]
    for i in range(count):
        copy(scratch, state)
        if rules.play(scratch, memory.actions[ply, i]) == most:
            return True, most
    order(memory, ply, mover, count, best)
    memory.alpha[ply] = alpha
    memory.beta[ply] = beta
    memory.entered_alpha[ply] = alpha
    memory.entered_beta[ply] = beta
    memory.value[ply] = -np.inf if mover == FIRST else np.inf
    memory.choice[ply] = NO_ACTION
    return False, 0.0


@inline
def slot_of(memory, ply):
    return np.int64(mix(memory.position_key[ply]) & np.uint64(len(memory.table) - 1))


@inline
def digest(state):
    """u64: a hash of all bytes of a position."""
    whole, bits = len(state) // 8, np.uint64(len(state))
    for i in range(whole):
        bits = (bits ^ word_of(state, i)) * MULTIPLIER
        bits ^= bits >> np.uint64(32)
    for i in range(8 * whole, len(state)):
        bits = (bits ^ np.uint64(state[i])) * MULTIPLIER
        bits ^= bits >> np.uint64(32)
    return bits


@inline
def order(memory, ply, mover, count, best):
    """Insertion sort by history, the table's move in front; equal ones keep the lowest action
    first."""
    actions, history = memory.actions[ply], memory.history[mover]
    for i in range(1, count):
        action = actions[i]
        rank = np.int64(1) << 62 if action == best else history[action]
        j = i
        while j > 0 and actions[j - 1] != best and history[actions[j - 1]] < rank:
            actions[j] = actions[j - 1]
            j -= 1
        actions[j] = action


@inline
def improve(memory, ply, value):
    """Take the value of the move just tried."""
    action = memory.actions[ply, memory.children[ply]]
    memory.children[ply] += 1
    if memory.mover[ply] == FIRST:
        if value > memory.value[ply]:
            memory.value[ply] = value
            memory.choice[ply] = action
        memory.alpha[ply] = max(memory.alpha[ply], value)
    else:
        if value < memory.value[ply]:
            memory.value[ply] = value
            memory.choice[ply] = action
        memory.beta[ply] = min(memory.beta[ply], value)
    if memory.alpha[ply] >= memory.beta[ply]:
        left = memory.count[ply] - memory.children[ply] + 1
        memory.history[memory.mover[ply], action] += left * left


@inline
def leave(memory, ply):
    """Remember what was proved: a value outside the window it was sought in is a bound."""
    value, entry = memory.value[ply], memory.table[slot_of(memory, ply)]
    low = value if value > memory.entered_alpha[ply] else -1.0
    high = value if value < memory.entered_beta[ply] else 1.0
    if entry.key == memory.position_key[ply] and entry.bytes_digest == memory.bytes_digest[ply]:
        low, high = max(low, entry.low), min(high, entry.high)
    entry.key = memory.position_key[ply]
    entry.bytes_digest = memory.bytes_digest[ply]
    entry.low = low
    entry.high = high
    entry.best = memory.choice[ply]


class Solver:
    """Exact values of positions; keeps its table from one question to the next."""

    def __init__(
        self,
        rules,
        state_bytes: int,
        max_actions: int,
        max_plies: int,
        log2_entries: int = 22,
        node_limit: int = 1 << 62,
    ):
        self.rules, self.max_actions, self.node_limit = rules, max_actions, node_limit
        self.memory = new_memory(state_bytes, max_actions, max_plies, log2_entries)

    def value(self, state: np.ndarray) -> float | None:
        """The first player's value of an unfinished position u8[S]; None if the node limit was
        reached."""
        for alpha, beta in ((-0.01, 0.01), (-1.0, 1.0)):
            # A narrow window around the draw first: it is cheap, and a draw or a proved +-1 needs
            # no more.
            self.memory.state[0] = state
            value = float(solve(self.rules, self.memory, alpha, beta, self.node_limit))
            if np.isnan(value):
                return None
            if alpha < value < beta or abs(value) == 1.0:
                return value
        return value

    def action_values(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(legal actions i32[n], f64[n] the first player's value after each; NaN from where the
        limit was reached on)."""
        from native import abi

        actions = np.zeros(self.max_actions + 1, np.int32)
        actions = actions[: abi.call_legal(self.rules, state, actions)].copy()
        values = np.full(len(actions), np.nan)
        for i, action in enumerate(actions):
            child = state.copy()
            outcome = abi.call_play(self.rules, child, action)
            value = self.value(child) if np.isnan(outcome) else outcome
            if value is None:
                break
            values[i] = value
        return actions, values
