"""Keeping what a search found below the move that was played: the child becomes the root, the rest
is forgotten.

For PUCT alone. Gumbel's halving is planned for a whole number of simulations from an empty root.
"""

import numpy as np

from native.machine.compile import copy, inline, kernel
from native.search.forest import ROOT
from native.search.mcts import prepare_root
from native.search.params import PUCT
from native.search.proven import is_end, is_known

DROPPED, KEPT = -1, 0


@kernel
def reroot(rules, params, forest, game, action):
    """Make the child that `action` leads to the root; the caller has played the action in
    root_state[game] and sets the goal.

    False, and nothing is changed, if there is nothing to keep: the action was never visited or ends
    the game, or the search is a Gumbel search, is restricted (by depth, which changes) or waits for
    answers. The simulations that went on from the child count as started and finished.
    """
    return keep_subtree(rules, params, forest, game, action)


@inline
def keep_subtree(rules, params, forest, game, action):
    child = child_of(forest, game, action)
    if (
        params.kind != PUCT
        or child < 0
        or forest.num_leaves[game] > 0
        or forest.is_restricted[game]
    ):
        return False
    if is_end(forest.nodes[game, child]) or not is_known(forest.nodes[game, child].value):
        return False
    compact(forest, game, child)
    copy(forest.state[game], forest.root_state[game])
    forest.num_started[game] = forest.num_finished[game] = forest.nodes[game, ROOT].num_finished
    prepare_root(rules, params, forest, game)
    take_new_priors(forest, game)
    return True


@inline
def child_of(forest, game, action):
    if forest.num_nodes[game] > 0:
        for edge in range(forest.nodes[game, ROOT].num_children):
            if forest.children[game, edge].action == action:
                return forest.children[game, edge].child
    return -1


@inline
def compact(forest, game, new_root):
    """Move what hangs below `new_root` to the front: its edges in the order in which nodes were
    opened, its nodes in order of birth; so nothing is written over that is still to be read."""
    number_kept(forest, game, new_root)
    move_edges(forest, game)
    move_nodes(forest, game)


@inline
def number_kept(forest, game, new_root):
    """Write the new numbers of the nodes that are kept to forest.new_number. (A child is younger
    than its parent.)"""
    nodes, number, kept = forest.nodes[game], forest.new_number, 0
    for node in range(forest.num_nodes[game]):
        number[node] = DROPPED
    number[new_root] = KEPT
    for node in range(new_root, forest.num_nodes[game]):
        if number[node] == DROPPED:
            continue
        number[node] = kept
        kept += 1
        first = nodes[node].first_edge
        for edge in range(first, first + nodes[node].num_children):
            number[forest.children[game, edge].child] = KEPT


@inline
def move_edges(forest, game):
    expanded, children, number = forest.expanded[game], forest.children[game], forest.new_number
    num_expanded, num_edges = 0, 0
    for i in range(forest.num_expanded[game]):
        n, new = forest.nodes[game, expanded[i]], number[expanded[i]]
        if new == DROPPED:
            continue
        first = np.int64(n.first_edge)
        for k in range(n.num_children):
            children[num_edges + k] = children[first + k]
            children[num_edges + k].child = number[children[first + k].child]
        for k in range(n.num_edges):
            forest.edge_action[game, num_edges + k] = forest.edge_action[game, first + k]
            forest.edge_prior[game, num_edges + k] = forest.edge_prior[game, first + k]
        n.first_edge = num_edges
        expanded[num_expanded] = new
        num_expanded += 1
        num_edges += n.num_edges
    forest.num_expanded[game], forest.num_edges[game] = num_expanded, num_edges


@inline
def move_nodes(forest, game):
    nodes, num_nodes = forest.nodes[game], 0
    for node in range(forest.num_nodes[game]):
        if forest.new_number[node] != DROPPED:
            nodes[num_nodes] = nodes[node]
            if not nodes[node].is_expanded:
                copy(forest.logits[game, num_nodes], forest.logits[game, node])
            num_nodes += 1
    forest.num_nodes[game] = num_nodes


@inline
def take_new_priors(forest, game):
    """A root's noise and temperature reach the edges that were visited before it was a root."""
    root = forest.nodes[game, ROOT]
    root.visited_prior_mass, root.has_promoted = 0.0, 0
    for edge in range(root.num_children):
        forest.children[game, edge].prior = forest.edge_prior[game, edge]
        root.visited_prior_mass += forest.edge_prior[game, edge]
