"""The memory of B searches: trees in flat arrays, all allocated here, once.

Axes: B games, N nodes of a game's tree, E edges of a game's tree, L leaves in flight, D plies of
depth, A actions, S bytes of a position. Nodes are numbered in order of birth; the root is 0. A node
is expanded by the second simulation that reaches it (`native.search.edges`): it gets one contiguous
run of edges, one for each legal action. Until then it has the network's logits of all actions.
Nodes keep no positions: a simulation copies the root's bytes and plays the path again, which is
cheap and keeps histories (superko) exact. Every value belongs to the first player.

Most edges are never visited, so an edge is its action and its prior: 6 bytes. The first simulation
that takes an edge adds a record to `children`. The edges of a node stand in this order: its
children, by first visit; the best unvisited edge, once it has been promoted; the others, by action.
So a selection among a hundred moves reads the few children and one more edge.
"""

from typing import NamedTuple

import numpy as np

from native.machine.compile import copy, kernel
from native.machine.host import memory
from native.machine.random import seeds
from native.machine.simd import BLOCK, SINGLE_BLOCK
from native.machine.struct_argument import by_address

ROOT = 0
WAITING = np.nan  # a node's value while the network's answer is still out
UNKNOWN = np.nan  # a node's exact value until it is proven

# 64 bytes: a cache line
NODE = np.dtype(
    [
        # the game's outcome or the network's value; WAITING until it is known
        ("value", np.float64),
        # the game's outcome or, once proven, that of perfect play from here; else UNKNOWN
        ("exact", np.float64),
        ("value_sum", np.float64),  # values of the finished simulations that went on from here
        ("value_square_sum", np.float64),  # squares of these values
        ("visited_prior_mass", np.float64),  # sum of the children's priors
        ("visits", np.int32),  # simulations that went on from here, including those in flight
        ("num_finished", np.int32),  # simulations that went on from here and are backed up
        ("first_edge", np.int32),
        ("num_edges", np.int16),  # 0 until the node is expanded
        ("num_children", np.int16),  # edges that a simulation has taken
        ("num_proven", np.int16),  # children whose outcome is proven
        ("mover", np.int8),
        ("is_expanded", np.int8),  # does the node have edges? The end of a game never does
        ("has_promoted", np.int8),  # does the best unvisited edge stand behind the children?
    ],
    align=True,
)

# 24 bytes
EDGE = np.dtype(
    [
        # values of its finished simulations; in f32 it would drift after some 10^5 visits
        ("value_sum", np.float64),
        ("prior", np.float32),
        ("visits", np.int32),  # finished simulations
        ("child", np.int32),  # node number
        ("action", np.int16),
        ("in_flight", np.int8),  # simulations that are not backed up yet
        # is the child proven? Then `value_sum` is visits times its exact value
        ("is_proven", np.int8),
    ],
    align=True,
)

MOST_LEAVES = 127  # leaves of one tree in flight: what `in_flight` holds
MOST_ACTIONS = (1 << 15) - 1  # what `action` holds
MOST_EDGES = (1 << 31) - 1  # edges of one tree: what `first_edge` and `num_edges` hold


@by_address
class Forest(NamedTuple):
    # Set by `reset_tree`, fixed during a search.
    root_state: np.ndarray  # u8[B, S]
    num_simulations: np.ndarray  # i32[B], the budget; the root's evaluation is not one of them
    root_noise: np.ndarray  # f64[B, A], Gumbel of each root action (Dirichlet goes into edge_prior)
    root_score: np.ndarray  # f64[B, A], Gumbel + logit of each root action
    is_restricted: np.ndarray  # i8[B], does the next row bind the search?
    # i32[B, 2, A], plies below the root before which a player may not take an action
    avoid_until: np.ndarray

    # Grow while a search runs.
    num_nodes: np.ndarray  # i32[B]
    num_edges: np.ndarray  # i32[B]
    num_expanded: np.ndarray  # i32[B]
    nodes: np.ndarray  # NODE[B, N]
    logits: np.ndarray  # f32[B, N, A], the network's, of nodes not expanded yet
    expanded: np.ndarray  # i32[B, N], the expanded nodes, in the order of their edges
    edge_action: np.ndarray  # i16[B, E and a block more], see native.machine.simd
    edge_prior: np.ndarray  # f32[B, E and a block more]
    children: np.ndarray  # EDGE[B, E], one for each of a node's first num_children edges

    # Change with every simulation.
    num_started: np.ndarray  # i32[B], simulations begun, including those in flight
    num_finished: np.ndarray  # i32[B]

    # In flight between `select_leaves` and `expand_and_backup`.
    num_leaves: np.ndarray  # i32[B]
    leaf_node: np.ndarray  # i32[B, L]
    leaf_key: np.ndarray  # u64[B, L]
    path_length: np.ndarray  # i32[B, L]
    path_node: np.ndarray  # i32[B, L, D]
    path_edge: np.ndarray  # i32[B, L, D]

    # Noise, a stream a game so that games never share; and scratch, which holds nothing between two
    # calls.
    random_state: np.ndarray  # u64[B, 2]
    state: np.ndarray  # u8[B, S], with one leaf a game: that leaf's position
    actions: np.ndarray  # i32[A + 1]
    score: np.ndarray  # f64[A + 1 and a block more], see native.machine.simd
    policy: np.ndarray  # f64[A], by edge of the root
    new_number: np.ndarray  # i32[N]


def new_forest(
    num_games: int,
    max_simulations: int,
    state_bytes: int,
    max_actions: int,
    max_plies: int,
    leaves_per_game: int = 1,
    seed: int = 0,
) -> Forest:
    """Memory for `num_games` searches of up to `max_simulations` simulations each.

    ValueError if a size is below 1 or beyond what a record holds; MemoryError, with what would fit,
    if grown trees would not fit into this machine.
    """
    for name, size, most in (
        ("num_games", num_games, None),
        ("max_simulations", max_simulations, None),
        ("leaves", leaves_per_game, MOST_LEAVES),
        ("max_actions", max_actions, MOST_ACTIONS),
    ):
        if size < 1 or (most and size > most):
            raise ValueError(
                f"{name} must be at least 1{f' and at most {most}' if most else ''}, not {size}"
            )
    if (needed := (max_simulations + 1) * max_actions) > MOST_EDGES:
        raise ValueError(
            f"a tree of {max_simulations:,} simulations with {max_actions:,} actions each can have "
            f"{needed:,} edges, of at most {MOST_EDGES:,}; {MOST_EDGES // max_actions - 1:,} "
            "simulations would fit"
        )
    refuse_what_cannot_fit(
        num_games, max_simulations, state_bytes, max_actions, max_plies, leaves_per_game
    )
    games, nodes = num_games, max_simulations + 1
    edges, depth, leaves = nodes * max_actions, min(max_plies, max_simulations) + 1, leaves_per_game
    i32, f64 = np.int32, np.float64
    return Forest(
        root_state=np.zeros((games, state_bytes), np.uint8),
        num_simulations=np.zeros(games, i32),
        root_noise=np.zeros((games, max_actions), f64),
        root_score=np.zeros((games, max_actions), f64),
        is_restricted=np.zeros(games, np.int8),
        avoid_until=np.zeros((games, 2, max_actions), i32),
        num_nodes=np.zeros(games, i32),
        num_edges=np.zeros(games, i32),
        num_expanded=np.zeros(games, i32),
        nodes=np.zeros((games, nodes), NODE),
        logits=np.zeros((games, nodes, max_actions), np.float32),
        expanded=np.zeros((games, nodes), i32),
        edge_action=np.zeros((games, edges + SINGLE_BLOCK), np.int16),
        edge_prior=np.zeros((games, edges + SINGLE_BLOCK), np.float32),
        children=np.zeros((games, edges), EDGE),
        num_started=np.zeros(games, i32),
        num_finished=np.zeros(games, i32),
        num_leaves=np.zeros(games, i32),
        leaf_node=np.zeros((games, leaves), i32),
        leaf_key=np.zeros((games, leaves), np.uint64),
        path_length=np.zeros((games, leaves), i32),
        path_node=np.zeros((games, leaves, depth), i32),
        path_edge=np.zeros((games, leaves, depth), i32),
        random_state=seeds(seed, games),
        state=np.zeros((games, state_bytes), np.uint8),
        actions=np.zeros(max_actions + 1, i32),
        score=np.zeros(max_actions + 1 + BLOCK, f64),
        policy=np.zeros(max_actions, f64),
        new_number=np.zeros(nodes, i32),
    )


def forest_bytes(
    num_games: int,
    max_simulations: int,
    state_bytes: int,
    max_actions: int,
    max_plies: int,
    leaves_per_game: int = 1,
) -> int:
    """The most that a forest can take. (Pages are touched where edges are visited, so large boards
    come close to it.)"""
    nodes, depth = max_simulations + 1, min(max_plies, max_simulations) + 1
    edges, path = max_actions * (EDGE.itemsize + 2 + 4 + 4), 8 * leaves_per_game * depth
    return num_games * (
        nodes * (NODE.itemsize + 4 + edges) + path + 2 * state_bytes + 24 * max_actions
    )


def refuse_what_cannot_fit(num_games: int, max_simulations: int, *sizes: int) -> None:
    there = memory()
    needed = forest_bytes(num_games, max_simulations, *sizes)
    if needed > there:
        fit = max(0, int(max_simulations * there / needed) - 1)
        fitting = max(0, int(num_games * there / needed))
        raise MemoryError(
            f"{num_games} searches of {max_simulations:,} simulations can take {needed / 1e9:,.1f} "
            f"GB of the {there / 1e9:,.1f} GB that this process may use; {fit:,} simulations would "
            "fit" + (f", or {fitting} games" if fitting else "")
        )


@kernel
def reset_tree(forest, game, num_simulations):
    """Forget the tree of `game`; its next search starts from root_state[game]. Modifies `forest` in
    place.

    `num_simulations` simulations, at most as many as there is memory for.
    """
    forest.num_simulations[game] = min(num_simulations, forest.nodes.shape[1] - 1)
    forest.num_nodes[game] = 0
    forest.num_edges[game] = 0
    forest.num_expanded[game] = 0
    forest.num_started[game] = 0
    forest.num_finished[game] = 0
    forest.num_leaves[game] = 0
    forest.is_restricted[game] = 0


@kernel
def restrict(forest, game, avoid_until):
    """Bind the search that `reset_tree` has just begun, until the next `reset_tree`: at d plies
    below the root player p may take action a only if avoid_until[p, a] <= d. `avoid_until` is
    i32[2, A]; KataGo's avoidMoveUntilByLoc."""
    for player in range(2):
        copy(forest.avoid_until[game, player], avoid_until[player])
    forest.is_restricted[game] = 1


@kernel
def reset_trees(forest, states, num_simulations):
    """Begin searches of the positions `states` u8[n, S] in the first n games; the other games rest
    (goal 0)."""
    for game in range(len(forest.num_simulations)):
        if game < len(states):
            copy(forest.root_state[game], states[game])
            reset_tree(forest, game, num_simulations)
        else:
            reset_tree(forest, game, 0)


@by_address
class Batch(NamedTuple):
    """The leaves of a batch step on their way to the evaluator and back. Rows 0..n-1 are in use; R
    = games * leaves."""

    planes: np.ndarray  # f32[R, P, C], from the mover's side
    scalars: np.ndarray  # f32[R, K]
    game: np.ndarray  # i32[R]
    slot: np.ndarray  # i32[R], which of the game's leaves
    position: np.ndarray  # u8[B, S], the forest's scratch: the position of a game's last leaf
    random_state: (
        np.ndarray
    )  # u64[B, 2], a stream a game for evaluators that draw, such as rollouts
    logits: np.ndarray  # f32[R, A], the network's policy, illegal actions not masked
    value: np.ndarray  # f32[R], the network's value for the MOVER, in [-1, 1]


def new_batch(
    rows: int,
    planes: int,
    cells: int,
    scalars: int,
    max_actions: int,
    forest: Forest | None = None,
    seed: int = 0,
) -> Batch:
    """`forest`, whose leaves it takes, is needed by evaluators that look at positions or draw:
    `position` shares its memory, and every one of its games has a stream of `seed`."""
    return Batch(
        planes=np.zeros((rows, planes, cells), np.float32),
        scalars=np.zeros((rows, scalars), np.float32),
        game=np.zeros(rows, np.int32),
        slot=np.zeros(rows, np.int32),
        position=np.zeros((1, 1), np.uint8) if forest is None else forest.state,
        random_state=seeds(seed, 1 if forest is None else len(forest.state)),
        logits=np.zeros((rows, max_actions), np.float32),
        value=np.zeros(rows, np.float32),
    )
