"""PUCT: which edge a simulation follows, after AlphaZero (Silver et al. 2018, supplement; Rosin
2011).

    score(a) = Q(a) + P(a) * c(N) * sqrt(N) / (1 + n(a))
    c(N) = c_init + log((N + c_base + 1) / c_base)

N counts the node's own evaluation, so the first choice already follows the prior. Simulations in
flight count as visits that lost (virtual loss). Scores are for the mover; ties go to the lowest
action, and unvisited edges, which differ by their priors alone, stand for each other: only the
likeliest of them is looked at.
"""

import numpy as np

from native.machine.compile import inline
from native.machine.random import gamma
from native.machine.softmax import index_range
from native.perspective import mover_score
from native.search.edges import is_better, promote_best_unvisited
from native.search.forest import ROOT
from native.search.proven import is_lost

# a node's standard deviation before it is known, and its weight: KataGo's
SPREAD_PRIOR, SPREAD_PRIOR_WEIGHT = (0.40, 2.0)
SHAPE_CAP = 0.01  # priors above it have the same share of shaped noise: KataGo's


@inline
def exploration(params, n):
    """c(N), stretched where the values below the node differ more than usual, and shrunk where they
    agree: c * (1 + c_spread * (sd / 0.4 - 1)) (KataGo, "cpuct utility stdev",
    docs/KataGoMethods.md)."""
    c = params.c_init + np.log((n.visits + 1.0 + params.c_base + 1.0) / params.c_base)
    if params.cpuct_stdev_scale > 0.0:
        c *= 1.0 + params.cpuct_stdev_scale * (value_stdev(n) / SPREAD_PRIOR - 1.0)
    return c


@inline
def value_stdev(n):
    """Standard deviation of the values of a node's evaluation and finished simulations; two
    observations of 0.4 come on top, so that it is not taken from one or two values alone."""
    count = 1.0 + n.num_finished
    mean = (n.value + n.value_sum) / count
    square = max((n.value * n.value + n.value_square_sum) / count, mean * mean)
    prior = mean * mean + SPREAD_PRIOR * SPREAD_PRIOR
    weighted = (prior * SPREAD_PRIOR_WEIGHT + square * count) / (SPREAD_PRIOR_WEIGHT + count - 1.0)
    return np.sqrt(max(0.0, weighted - mean * mean))


@inline
def first_play_value(params, n, node):
    """Q of an unvisited edge, for the mover: `fpu_value` if `fpu_absolute`, else the node's own Q
    less fpu_reduction * sqrt(visited policy mass) (KataGo, Wu 2019), without reduction at a root
    with noise."""
    if params.fpu_absolute:
        return params.fpu_value
    own = mover_score((n.value + n.value_sum) / (1.0 + n.num_finished), n.mover)
    is_noisy = node == ROOT and params.dirichlet_fraction > 0.0
    return own - (0.0 if is_noisy else params.fpu_reduction * np.sqrt(n.visited_prior_mass))


@inline
def puct_edge(params, forest, game, node):
    """The edge of `node` with the highest score."""
    promote_best_unvisited(forest, game, node, False)
    n, children = forest.nodes[game, node], forest.children[game]
    first, count, mover = np.int64(n.first_edge), np.int64(n.num_children), n.mover
    scale = exploration(params, n) * np.sqrt(1.0 + n.visits)
    best, best_score, best_action = -1, -np.inf, -1
    if count < n.num_edges:
        best, best_action = first + count, np.int64(forest.edge_action[game, first + count])
        best_score = (
            first_play_value(params, n, node) + forest.edge_prior[game, first + count] * scale
        )
    for edge in index_range(first, count):
        e = children[edge]
        if is_lost(e, mover):
            continue
        visits = e.visits + e.in_flight
        score = (mover_score(e.value_sum, mover) - params.virtual_loss * e.in_flight) / visits
        score += e.prior * scale / (1.0 + visits)
        if node == ROOT and visits < forced_visits(params, n, e):
            score = np.inf
        if is_better(score, e.action, best_score, best_action):
            best, best_score, best_action = np.int64(edge), score, np.int64(e.action)
    return best if best >= 0 else first


@inline
def forced_visits(params, n, e):
    """Visits that a root edge is owed once it has one: sqrt(k * P(a) * N) (KataGo, Wu 2019, section
    3.2, with k = 2)."""
    if params.forced_playouts <= 0.0:
        return 0.0
    return np.sqrt(params.forced_playouts * e.prior * n.visits)


@inline
def apply_root_policy_temperature(params, forest, game):
    """P^(1/T) at the root, normalised again (KataGo's root policy temperature, 1.1 in its
    self-play)."""
    n, prior = forest.nodes[game, ROOT], forest.edge_prior[game]
    if params.root_policy_temperature == 1.0:
        return
    total = 0.0
    for edge in range(n.num_edges):
        prior[edge] = np.float64(prior[edge]) ** (1.0 / params.root_policy_temperature)
        total += prior[edge]
    for edge in range(n.num_edges):
        prior[edge] = prior[edge] / total


@inline
def add_dirichlet(params, forest, game):
    """Mix Dirichlet noise into the root's priors: (1 - e) P + e * Dir(alpha) (AlphaZero's e =
    0.25)."""
    fraction, count, prior = (
        params.dirichlet_fraction,
        forest.nodes[game, ROOT].num_edges,
        forest.edge_prior[game],
    )
    if fraction <= 0.0:
        return
    alpha, total = forest.score, 0.0
    shape_alpha(params, prior, count, alpha)
    for i in range(count):
        alpha[i] = gamma(forest.random_state[game], params.dirichlet_concentration * alpha[i])
        total += alpha[i]
    for i in range(count):
        prior[i] = (1.0 - fraction) * prior[i] + fraction * alpha[i] / max(total, 1e-30)


@inline
def shape_alpha(params, prior, count, alpha_out):
    """Shares of alpha, which sum to 1: uniform, and of the part `dirichlet_shaped` (KataGo's 0.5)
    in proportion to how far log min(P, 0.01) lies above its mean: noise goes where the network does
    not quite rule a move out."""
    mean, above = 0.0, 0.0
    for i in range(count):
        alpha_out[i] = np.log(min(np.float64(prior[i]), SHAPE_CAP) + 1e-20)
        mean += alpha_out[i] / count
    for i in range(count):
        alpha_out[i] = max(0.0, alpha_out[i] - mean)
        above += alpha_out[i]
    for i in range(count):
        shaped = alpha_out[i] / above if above > 0.0 else 1.0 / count
        alpha_out[i] = (1.0 - params.dirichlet_shaped) / count + params.dirichlet_shaped * shaped
