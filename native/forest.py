"""The memory of B searches: trees in flat arrays, all allocated here, once.

Axes: B games, N nodes of a game's tree, E edges of a game's tree, L leaves in flight, D plies of depth, A actions,
S bytes of a position. Nodes are numbered in order of birth, the root is 0. A node's edges are one contiguous run that
holds its legal actions alone, ascending. Positions are not kept in nodes: a simulation copies the root's bytes and plays
the path again, which is cheap and keeps histories (superko) exact. Every value belongs to the first player.
"""

from typing import NamedTuple

import numpy as np

from native.compile import copy, kernel

ROOT = 0
UNVISITED = -1  # edge_child of an edge that no simulation has taken
WAITING = np.nan  # node_value of a node whose network answer is still out


class Forest(NamedTuple):
    # Set by `plant`, fixed during a search.
    root_state: np.ndarray  # u8[B, S]
    goal: np.ndarray  # i32[B], simulations wanted; the root's own evaluation is not one of them
    root_noise: np.ndarray  # f32[B, A], Gumbel of each root edge (Dirichlet goes into edge_prior)

    # Grow while a search runs.
    num_nodes: np.ndarray  # i32[B]
    num_edges: np.ndarray  # i32[B]
    node_first_edge: np.ndarray  # i32[B, N]
    node_num_edges: np.ndarray  # i32[B, N], 0 at the end of a game
    node_mover: np.ndarray  # i8[B, N]
    node_value: np.ndarray  # f64[B, N], outcome or the network's value, WAITING until it is known
    edge_action: np.ndarray  # i32[B, E]
    edge_prior: np.ndarray  # f32[B, E]
    edge_child: np.ndarray  # i32[B, E]

    # Change with every simulation.
    node_visits: np.ndarray  # i32[B, N], simulations that went on from here, those in flight included
    edge_visits: np.ndarray  # i32[B, E], finished simulations through the edge
    edge_pending: np.ndarray  # i32[B, E], simulations through the edge still in flight
    edge_value: np.ndarray  # f64[B, E], sum over finished simulations: f32 would drift after some 10^5 visits
    started: np.ndarray  # i32[B], simulations begun, those in flight included
    finished: np.ndarray  # i32[B]

    # In flight between `descend` and `absorb`.
    num_leaves: np.ndarray  # i32[B]
    leaf_node: np.ndarray  # i32[B, L]
    leaf_key: np.ndarray  # u64[B, L]
    path_length: np.ndarray  # i32[B, L]
    path_node: np.ndarray  # i32[B, L, D]
    path_edge: np.ndarray  # i32[B, L, D]

    # Scratch and noise, a row a game so that games never share.
    random_state: np.ndarray  # u64[B, 2]
    state: np.ndarray  # u8[B, S]
    actions: np.ndarray  # i32[B, A]
    score: np.ndarray  # f64[B, A]
    policy: np.ndarray  # f64[B, A]


def new_forest(
    num_games: int,
    max_simulations: int,
    state_bytes: int,
    max_actions: int,
    max_plies: int,
    leaves_per_game: int = 1,
    seed: int = 0,
) -> Forest:
    """Memory for `num_games` searches of up to `max_simulations` simulations each. ValueError if a size is below 1."""
    from native.random import seeds

    for name, size in (("num_games", num_games), ("max_simulations", max_simulations), ("leaves", leaves_per_game)):
        if size < 1:
            raise ValueError(f"{name} must be at least 1, not {size}")
    games, nodes = num_games, max_simulations + 1
    edges, depth, leaves = nodes * max_actions, min(max_plies, max_simulations) + 1, leaves_per_game
    i32, f64 = np.int32, np.float64
    return Forest(
        root_state=np.zeros((games, state_bytes), np.uint8),
        goal=np.zeros(games, i32),
        root_noise=np.zeros((games, max_actions), np.float32),
        num_nodes=np.zeros(games, i32),
        num_edges=np.zeros(games, i32),
        node_first_edge=np.zeros((games, nodes), i32),
        node_num_edges=np.zeros((games, nodes), i32),
        node_mover=np.zeros((games, nodes), np.int8),
        node_value=np.zeros((games, nodes), f64),
        edge_action=np.zeros((games, edges), i32),
        edge_prior=np.zeros((games, edges), np.float32),
        edge_child=np.zeros((games, edges), i32),
        node_visits=np.zeros((games, nodes), i32),
        edge_visits=np.zeros((games, edges), i32),
        edge_pending=np.zeros((games, edges), i32),
        edge_value=np.zeros((games, edges), f64),
        started=np.zeros(games, i32),
        finished=np.zeros(games, i32),
        num_leaves=np.zeros(games, i32),
        leaf_node=np.zeros((games, leaves), i32),
        leaf_key=np.zeros((games, leaves), np.uint64),
        path_length=np.zeros((games, leaves), i32),
        path_node=np.zeros((games, leaves, depth), i32),
        path_edge=np.zeros((games, leaves, depth), i32),
        random_state=seeds(seed, games),
        state=np.zeros((games, state_bytes), np.uint8),
        actions=np.zeros((games, max_actions + 1), i32),
        score=np.zeros((games, max_actions), f64),
        policy=np.zeros((games, max_actions), f64),
    )


@kernel
def plant(forest, game, goal):
    """Forget the tree of `game`; its next search starts from root_state[game]. Modifies `forest` in place.

    `goal` simulations, at most as many as there is memory for.
    """
    forest.goal[game] = min(goal, forest.node_value.shape[1] - 1)
    forest.num_nodes[game] = 0
    forest.num_edges[game] = 0
    forest.started[game] = 0
    forest.finished[game] = 0
    forest.num_leaves[game] = 0


@kernel
def plant_all(forest, states, goal):
    """Begin searches of the positions `states` u8[n, S] in the first n games; the other games rest (goal 0)."""
    for game in range(len(forest.goal)):
        if game < len(states):
            copy(forest.root_state[game], states[game])
            plant(forest, game, goal)
        else:
            plant(forest, game, 0)


class Batch(NamedTuple):
    """One wave's leaves on their way to the network and back. Rows 0..n-1 are in use; R = games * leaves."""

    planes: np.ndarray  # f32[R, P, C], from the mover's side
    scalars: np.ndarray  # f32[R, K]
    game: np.ndarray  # i32[R]
    slot: np.ndarray  # i32[R], which of the game's leaves
    logits: np.ndarray  # f32[R, A], the network's policy, illegal actions not masked
    value: np.ndarray  # f32[R], the network's value for the MOVER, in [-1, 1]


def new_batch(rows: int, planes: int, cells: int, scalars: int, max_actions: int) -> Batch:
    return Batch(
        planes=np.zeros((rows, planes, cells), np.float32),
        scalars=np.zeros((rows, scalars), np.float32),
        game=np.zeros(rows, np.int32),
        slot=np.zeros(rows, np.int32),
        logits=np.zeros((rows, max_actions), np.float32),
        value=np.zeros(rows, np.float32),
    )
