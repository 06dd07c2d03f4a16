"""Gumbel search: policy improvement with few simulations (Danihelka et al. 2022, "Policy improvement by planning with
Gumbel", ICLR; reference implementation: mctx).

At the root, sequential halving over the actions with the highest g + logit, g a Gumbel variable of each action; below it,
the visits follow the improved policy. Q is for the mover and in [0, 1] here, as in the paper's board games. Simulations
in flight count as visits and never as values, so no virtual loss is needed. Ties go to the lowest action.
"""

import numpy as np

from native.compile import inline
from native.forest import ROOT
from native.frame import mover_score
from native.random import gumbel


@inline
def considered_visits(num_considered, num_simulations, simulation):
    """How many visits an action has if simulation number `simulation` may go to it (section 3.3, sequential halving).

    m actions are considered first; each phase gives every survivor max(1, n // (ceil(log2 m) * k)) visits, then halves
    their number k, down to two.
    """
    if num_considered <= 1:
        return simulation
    phases = np.int64(np.ceil(np.log2(num_considered)))
    survivors, base, begin = num_considered, 0, 0
    while True:
        rounds = max(1, num_simulations // (phases * survivors))
        if simulation < begin + rounds * survivors:
            return base + (simulation - begin) // survivors
        begin += rounds * survivors
        base += rounds
        survivors = max(2, survivors // 2)


@inline
def complete_q(settings, forest, game, node):
    """Write sigma(completed Q) of the node's edges to forest.score[game] (section 4, equations 10 and 33).

    qhat(a) = Q(a) where visited, else v_mix = (v + N * sum_visited(P Q) / sum_visited(P)) / (1 + N);
    sigma(q) = (c_visit + max visits) * c_scale * q, q in [0, 1], or stretched to fill [0, 1] if `min_max`.
    Returns v_mix, for the mover and in [0, 1].
    """
    first, count = forest.node_first_edge[game, node], forest.node_num_edges[game, node]
    mover, score = forest.node_mover[game, node], forest.score[game]
    visits, most, mass, weighted = 0, 0, 0.0, 0.0
    for i in range(count):
        n = forest.edge_visits[game, first + i]
        if n > 0:
            score[i] = mover_score(forest.edge_value[game, first + i] / n, mover) * 0.5 + 0.5
            visits += n
            most = max(most, n)
            mass += forest.edge_prior[game, first + i]
            weighted += forest.edge_prior[game, first + i] * score[i]
    mixed = mover_score(forest.node_value[game, node], mover) * 0.5 + 0.5
    if visits > 0 and mass > 0.0:
        mixed = (mixed + visits * weighted / mass) / (1.0 + visits)
    low, high = np.inf, -np.inf
    for i in range(count):
        if forest.edge_visits[game, first + i] == 0:
            score[i] = mixed
        low, high = min(low, score[i]), max(high, score[i])
    scale = (settings.c_visit + most) * settings.c_scale
    shift, stretch = (low, 1.0 / max(high - low, 1e-8)) if settings.min_max else (0.0, 1.0)
    for i in range(count):
        score[i] = scale * (score[i] - shift) * stretch
    return mixed


@inline
def improve_policy(settings, forest, game, node):
    """Write the improved policy pi' = softmax(logits + sigma(qhat)) of `node` to forest.policy[game] (equation 11)."""
    first, count = forest.node_first_edge[game, node], forest.node_num_edges[game, node]
    complete_q(settings, forest, game, node)
    score, policy = forest.score[game], forest.policy[game]
    highest, total = -np.inf, 0.0
    for i in range(count):
        highest = max(highest, score[i])
    for i in range(count):
        policy[i] = forest.edge_prior[game, first + i] * np.exp(score[i] - highest)
        total += policy[i]
    for i in range(count):
        policy[i] = policy[i] / total if total > 0.0 else 1.0 / count


@inline
def best_root_edge(settings, forest, game, wanted_visits):
    """argmax of g + logit + sigma(qhat) over the root edges with `wanted_visits` visits (equation 8)."""
    count, best, best_score = forest.node_num_edges[game, ROOT], 0, -np.inf
    complete_q(settings, forest, game, ROOT)
    for i in range(count):
        if forest.edge_visits[game, i] + forest.edge_pending[game, i] == wanted_visits:
            logit = np.log(forest.edge_prior[game, i] + 1e-37)
            score = forest.root_noise[game, i] + logit + forest.score[game, i]
            if score > best_score:
                best, best_score = i, score
    return best


@inline
def gumbel_root_edge(settings, forest, game):
    """The root edge of the simulation that has just been counted in forest.started."""
    goal = forest.goal[game]
    considered = min(settings.max_considered, forest.node_num_edges[game, ROOT], goal)
    return best_root_edge(settings, forest, game, considered_visits(considered, goal, forest.started[game] - 1))


@inline
def gumbel_inner_edge(settings, forest, game, node):
    """argmax of pi'(a) - N(a) / (1 + sum N): visits follow the improved policy (section 5, equation 14)."""
    first, count = forest.node_first_edge[game, node], forest.node_num_edges[game, node]
    improve_policy(settings, forest, game, node)
    denominator = 1.0 + forest.node_visits[game, node]
    best, best_score = first, -np.inf
    for i in range(count):
        visits = forest.edge_visits[game, first + i] + forest.edge_pending[game, first + i]
        score = forest.policy[game, i] - visits / denominator
        if score > best_score:
            best, best_score = first + i, score
    return best


@inline
def draw_gumbels(settings, forest, game):
    for i in range(forest.node_num_edges[game, ROOT]):
        noise = gumbel(forest.random_state[game]) if settings.gumbel_scale > 0.0 else 0.0
        forest.root_noise[game, i] = settings.gumbel_scale * noise


@inline
def gumbel_policy(settings, forest, game):
    """Write the root's improved policy to forest.policy[game]; return the chosen root edge (the most visited ones only)."""
    most = 0
    for i in range(forest.node_num_edges[game, ROOT]):
        most = max(most, forest.edge_visits[game, i])
    best = best_root_edge(settings, forest, game, most)
    improve_policy(settings, forest, game, ROOT)
    return best
