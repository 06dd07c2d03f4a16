"""Where a search's time goes: what its rules cost, measured by doing a finished tree's share of
them once more.

A clock inside the search would cost as much as what it measures. A tree of n nodes, though, tells
exactly what was played: each node but the root was made by one simulation that played the path to
it and encoded it, and those that were opened listed their moves.
"""

import numpy as np

from native.machine.compile import copy, inline, kernel
from native.search.forest import ROOT
from native.search.proven import is_end

WALK, PLAY, ENCODE = 0, 1, 2


@kernel
def replay_trees(rules, forest, batch, part, parent, action, path):
    """Play the way to every node of every tree again; with ENCODE, also list moves, take the key
    and observe, as the search did; with WALK, only look up who is whose parent, which is no part of
    the search. Returns the plies played. parent, action and path i32[N] are working memory;
    modifies them, the forest's scratch and batch row 0."""
    plies = 0
    for game in range(len(forest.num_simulations)):
        find_parents(forest, game, parent, action)
        for node in range(1, forest.num_nodes[game] if part != WALK else 1):
            plies += play_to(rules, forest, game, node, parent, action, path)
            if part == ENCODE and forest.nodes[game, node].is_expanded:
                rules.legal(forest.state[game], forest.actions)
            if part == ENCODE and not is_end(forest.nodes[game, node]):
                rules.key(forest.state[game])
                rules.observe(forest.state[game], batch.planes[0], batch.scalars[0])
    return plies


@inline
def find_parents(forest, game, parent, action):
    for node in range(forest.num_nodes[game]):
        n = forest.nodes[game, node]
        for edge in range(n.first_edge, n.first_edge + n.num_children):
            e = forest.children[game, edge]
            parent[e.child], action[e.child] = node, e.action


@inline
def play_to(rules, forest, game, node, parent, action, path):
    depth = 0
    while node != ROOT:
        path[depth] = action[node]
        depth += 1
        node = np.int64(parent[node])
    state = forest.state[game]
    copy(state, forest.root_state[game])
    for i in range(depth - 1, -1, -1):
        rules.play(state, np.int64(path[i]))
    return depth
