"""PUCT: which edge a simulation follows, after AlphaZero (Silver et al. 2018, supplement; Rosin 2011).

    score(a) = Q(a) + P(a) * c(N) * sqrt(N) / (1 + n(a))        c(N) = c_init + log((N + c_base + 1) / c_base)

N counts the node's own evaluation, so the first choice already follows the prior. Simulations in flight count as visits
that lost (virtual loss). An unvisited edge has the parent's Q less fpu_reduction * sqrt(visited policy mass)
(KataGo, Wu 2019). Scores are for the mover; ties go to the lowest action.
"""

import numpy as np

from native.compile import inline
from native.forest import ROOT
from native.frame import mover_score
from native.random import gamma, uniform


@inline
def exploration(settings, parent_visits):
    return settings.c_init + np.log((parent_visits + settings.c_base + 1.0) / settings.c_base)


@inline
def first_play_value(settings, forest, game, node):
    """Q of an unvisited edge, for the mover."""
    first, count = forest.node_first_edge[game, node], forest.node_num_edges[game, node]
    value_sum, visits, visited_mass = forest.node_value[game, node], 1, 0.0
    for edge in range(first, first + count):
        value_sum += forest.edge_value[game, edge]
        visits += forest.edge_visits[game, edge]
        if forest.edge_visits[game, edge] + forest.edge_pending[game, edge] > 0:
            visited_mass += forest.edge_prior[game, edge]
    parent_value = mover_score(value_sum / visits, forest.node_mover[game, node])
    is_noisy = node == ROOT and settings.dirichlet_fraction > 0.0
    return parent_value - (0.0 if is_noisy else settings.fpu_reduction * np.sqrt(visited_mass))


@inline
def puct_edge(settings, forest, game, node):
    """The edge of `node` with the highest score."""
    first, count = forest.node_first_edge[game, node], forest.node_num_edges[game, node]
    mover = forest.node_mover[game, node]
    parent_visits = 1.0 + forest.node_visits[game, node]
    scale = exploration(settings, parent_visits) * np.sqrt(parent_visits)
    first_play = first_play_value(settings, forest, game, node)
    best, best_score = first, -np.inf
    for edge in range(first, first + count):
        pending = forest.edge_pending[game, edge]
        visits = forest.edge_visits[game, edge] + pending
        value = first_play
        if visits > 0:
            value = (mover_score(forest.edge_value[game, edge], mover) - settings.virtual_loss * pending) / visits
        score = value + forest.edge_prior[game, edge] * scale / (1.0 + visits)
        if score > best_score:
            best, best_score = edge, score
    return best


@inline
def add_dirichlet(settings, forest, game):
    """Mix Dirichlet noise into the root's priors: (1 - e) P + e * Dir(alpha_total / legal) (AlphaZero's e = 0.25)."""
    fraction, count = settings.dirichlet_fraction, forest.node_num_edges[game, ROOT]
    if fraction <= 0.0:
        return
    noise, total = forest.score[game], 0.0
    for i in range(count):
        noise[i] = gamma(forest.random_state[game], settings.dirichlet_total / count)
        total += noise[i]
    for i in range(count):
        prior = forest.edge_prior[game, i]
        forest.edge_prior[game, i] = (1.0 - fraction) * prior + fraction * noise[i] / max(total, 1e-30)


@inline
def puct_policy(settings, forest, game):
    """Write the root's visit shares to forest.policy[game]; return the root edge with the most visits."""
    count, total, best = forest.node_num_edges[game, ROOT], 0, 0
    for i in range(count):
        total += forest.edge_visits[game, i]
        if forest.edge_visits[game, i] > forest.edge_visits[game, best]:
            best = i
    for i in range(count):
        forest.policy[game, i] = forest.edge_visits[game, i] / total
    return best


@inline
def sample_visits(settings, forest, game, temperature):
    """A root edge drawn with probability proportional to visits^(1 / temperature)."""
    count, most, total = forest.node_num_edges[game, ROOT], 0, 0.0
    for i in range(count):
        most = max(most, forest.edge_visits[game, i])
    for i in range(count):
        forest.score[game, i] = (forest.edge_visits[game, i] / most) ** (1.0 / temperature)
        total += forest.score[game, i]
    threshold = uniform(forest.random_state[game]) * total
    for i in range(count):
        threshold -= forest.score[game, i]
        if threshold < 0.0:
            return i
    return count - 1
