"""A node's edges: the legal actions and their priors, and which unvisited edge comes next.

A node is expanded when a simulation selects at it. Most nodes are leaves that no second simulation
reaches, and never have edges.
"""

import numpy as np

from native.machine.compile import inline
from native.machine.softmax import highest_of, softmax_of


@inline
def expand(rules, forest, game, node, depth, state):
    """Give a node `depth` plies below the root its edges, if it has none yet: one for every legal
    action of `state`, its position, and of the network's logits those actions' priors. The one
    place that masks and normalises. A restricted search may leave it without an edge."""
    n = forest.nodes[game, node]
    if n.is_expanded:
        return
    first, count = forest.num_edges[game], rules.legal(state, forest.actions)
    if forest.is_restricted[game]:
        count = keep_allowed(forest, game, n.mover, depth, count)
    logits = forest.logits[game, node]
    softmax_of(
        logits,
        forest.actions,
        count,
        forest.edge_action[game],
        forest.edge_prior[game],
        np.int64(first),
    )
    n.first_edge, n.num_edges, n.is_expanded = first, count, 1
    forest.expanded[game, forest.num_expanded[game]] = node
    forest.num_expanded[game] += 1
    forest.num_edges[game] = first + count


@inline
def keep_allowed(forest, game, mover, depth, count):
    """Leave those of the first `count` of forest.actions that the mover may take so deep; return
    their number."""
    kept = np.int64(0)
    for i in range(count):
        action = forest.actions[i]
        if forest.avoid_until[game, mover, action] <= depth:
            forest.actions[kept] = action
            kept += 1
    return kept


@inline
def promote_best_unvisited(forest, game, node, by_root_score):
    """Put the best unvisited edge behind those visited: the one with the highest prior, or with the
    highest Gumbel + logit at the root of a Gumbel search. The others stay ascending, so the first
    of equals is the lowest action."""
    n = forest.nodes[game, node]
    if n.has_promoted or n.num_children == n.num_edges:
        return
    place, end = n.first_edge + n.num_children, n.first_edge + n.num_edges
    best = (
        best_root_score(forest, game, place, end)
        if by_root_score
        else best_prior(forest, game, place, end)
    )
    move_to(forest.edge_action[game], best, place)
    move_to(forest.edge_prior[game], best, place)
    n.has_promoted = 1


@inline
def best_prior(forest, game, begin, end):
    prior = forest.edge_prior[game]
    highest = highest_of(prior, begin, end - begin)
    for edge in range(begin, end):
        if prior[edge] == highest:
            return edge
    return begin  # NaN equals nothing


@inline
def best_root_score(forest, game, begin, end):
    best, best_score = begin, -np.inf
    for edge in range(begin, end):
        score = forest.root_score[game, forest.edge_action[game, edge]]
        if score > best_score:
            best, best_score = edge, score
    return best


@inline
def move_to(values, source, target):
    """Move one element forward; those between step back."""
    moved = values[source]
    for i in range(source, target, -1):
        values[i] = values[i - 1]
    values[target] = moved


@inline
def add_child(forest, game, node, edge, child):
    """Give an edge its record: a simulation takes it for the first time, to the node `child`."""
    n, e = forest.nodes[game, node], forest.children[game, edge]
    e.value_sum = 0.0
    e.prior = forest.edge_prior[game, edge]
    e.action = forest.edge_action[game, edge]
    e.visits = e.in_flight = e.is_proven = 0
    e.child = child
    n.num_children += 1
    n.visited_prior_mass += e.prior
    n.has_promoted = 0


@inline
def is_better(score, action, best_score, best_action):
    """Higher, or equal and of a lower action: visited edges stand in no order of their own."""
    return score > best_score or (score == best_score and action < best_action)
