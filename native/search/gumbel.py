"""Gumbel search: policy improvement with few simulations (Danihelka et al. 2022, "Policy
improvement by planning with Gumbel", ICLR; reference implementation: mctx).

At the root, sequential halving over the actions with the highest g + logit, g a Gumbel variable of
each action; below it, the visits follow the improved policy. Q is for the mover and in [0, 1] here,
as in the paper's board games. Simulations in flight count as visits and never as values, so no
virtual loss is needed. Ties go to the lowest action.

All unvisited actions of a node have the same completed Q, so their improved policy is in proportion
to their priors: their mass is known without a look at them, and only the likeliest can be next.
"""

import numpy as np

from native.machine.compile import inline
from native.machine.random import gumbels
from native.machine.softmax import exp_in_place, index_range
from native.perspective import mover_score
from native.search.edges import is_better, promote_best_unvisited
from native.search.forest import ROOT
from native.search.proven import is_lost

# the least range of values in [0, 1] that is stretched: mctx has an epsilon of 1e-8 for values in
# [-1, 1]
SMALLEST_SPREAD = 0.5e-8


@inline
def quotient(number, divisor):
    """number // divisor of whole numbers from 0 to 2^31, as floats: dividing integers takes a
    processor up to five times as long."""
    return np.int64(np.float64(number) / np.float64(divisor))


@inline
def considered_visits(num_considered, num_simulations, simulation):
    """How many visits an action has if simulation number `simulation` may go to it (section 3.3,
    sequential halving).

    m actions are considered first; each phase gives every survivor max(1, n // (ceil(log2 m) * k))
    visits, then halves their number k, down to two.
    """
    if num_considered <= 1:
        return simulation
    phases = 0
    while 1 << phases < num_considered:
        phases += 1
    survivors, base, begin = num_considered, 0, 0
    while True:
        rounds = max(1, quotient(num_simulations, phases * survivors))
        if simulation < begin + rounds * survivors:
            return base + quotient(simulation - begin, survivors)
        begin += rounds * survivors
        base += rounds
        survivors = max(2, survivors // 2)


@inline
def complete_q(params, forest, game, node):
    """Write the completed Q of the node's visited edges to forest.score (section 4, equations 10
    and 33).

    qhat(a) = Q(a) where visited, else v_mix = (v + N * sum_visited(P Q) / sum_visited(P)) / (1 +
    N); sigma(q) = (c_visit + max visits) * c_scale * q, q in [0, 1], or stretched to fill [0, 1] if
    `min_max`, as mctx's rescale_values does: between the lowest and the highest completed Q of all
    actions of the game. An illegal action is one without visits there, so v_mix is among them
    unless every action is legal and visited. Returns (v_mix, which is qhat of every unvisited edge;
    the highest qhat; the factor of sigma), qhat for the mover.
    """
    n, score, children = forest.nodes[game, node], forest.score, forest.children[game]
    mover, visits, most, mass, weighted, waiting = n.mover, 0, 0, 0.0, 0.0, 0
    first, count = np.uint64(n.first_edge), np.int64(n.num_children)
    low, high = np.inf, -np.inf
    for i in index_range(0, count):
        e = children[first + i]
        if e.visits == 0:  # in flight alone
            waiting += 1
            continue
        q = mover_score(e.value_sum, mover) / e.visits * 0.5 + 0.5
        score[i] = q
        low, high = min(low, q), max(high, q)
        visits += e.visits
        most = max(most, np.int64(e.visits))
        mass += e.prior
        weighted += e.prior * q
    mixed = mover_score(n.value, mover) * 0.5 + 0.5
    if visits > 0 and mass > 0.0:
        mixed = (mixed * mass + visits * weighted) / ((1.0 + visits) * mass)
    best = high
    if waiting > 0 or count < n.num_edges:
        best = max(high, mixed)
    if waiting > 0:
        complete_waiting(forest, game, n, mixed)
    scale = (params.c_visit + most) * params.c_scale
    if params.min_max:
        if waiting > 0 or count < len(forest.policy):
            low, high = min(low, mixed), max(high, mixed)
        scale /= max(high - low, SMALLEST_SPREAD)
    return mixed, best, scale


@inline
def complete_waiting(forest, game, n, mixed):
    for i in range(n.num_children):
        if forest.children[game, n.first_edge + i].visits == 0:
            forest.score[i] = mixed


@inline
def weigh(params, forest, game, node):
    """Write P(a) * exp(sigma(qhat(a)) - the highest sigma), the improved policy but for its scale,
    of the visited edges to forest.policy; returns (the same factor of every unvisited edge, the sum
    over all edges) (equation 11)."""
    n, score, weight, prior = (
        forest.nodes[game, node],
        forest.score,
        forest.policy,
        forest.edge_prior[game],
    )
    mixed, high, scale = complete_q(params, forest, game, node)
    first, count = np.uint64(n.first_edge), np.int64(n.num_children)
    score[count] = mixed
    exp_in_place(score, count + 1, high, scale)
    factor = score[count] if count < n.num_edges else 0.0
    total = factor * max(0.0, 1.0 - n.visited_prior_mass)
    for i in index_range(0, count):
        weight[i] = prior[first + i] * score[i]
        total += weight[i]
    return factor, total


@inline
def gumbel_inner_edge(params, forest, game, node):
    """argmax of pi'(a) - N(a) / (1 + sum N): visits follow the improved policy (section 5, equation
    14). With w(a) = pi'(a) * total that is argmax of w(a) * (1 + sum N) - N(a) * total, without a
    division."""
    promote_best_unvisited(forest, game, node, False)
    n = forest.nodes[game, node]
    first, count = np.uint64(n.first_edge), np.int64(n.num_children)
    if count == 0:
        return np.int64(first)  # every completed Q is the same: the likeliest
    factor, total = weigh(params, forest, game, node)
    if total <= 0.0:
        total = 1.0  # all priors that count are zero: the fewest visits
    whole, mover, weight, children = 1.0 + n.visits, n.mover, forest.policy, forest.children[game]
    best, best_score, best_action = -1, -np.inf, -1
    if count < n.num_edges:
        best = np.int64(first) + count
        best_score = forest.edge_prior[game, best] * factor * whole
        best_action = np.int64(forest.edge_action[game, best])
    for i in index_range(0, count):
        e = children[first + i]
        if is_lost(e, mover):
            continue
        score = weight[i] * whole - (e.visits + e.in_flight) * total
        if is_better(score, e.action, best_score, best_action):
            best, best_score, best_action = np.int64(first + i), score, np.int64(e.action)
    return best if best >= 0 else np.int64(first)


@inline
def gumbel_root_edge(params, forest, game):
    """The root edge of the simulation that has just been counted in forest.started: the highest g +
    logit + sigma(qhat) among those with as many visits as the halving says (equation 8)."""
    promote_best_unvisited(forest, game, ROOT, True)
    n, num_simulations = forest.nodes[game, ROOT], forest.num_simulations[game]
    considered = min(params.max_considered, n.num_edges, num_simulations)
    wanted = considered_visits(considered, num_simulations, forest.num_started[game] - 1)
    if wanted == 0 and n.num_children < n.num_edges:
        return np.int64(n.num_children)
    return best_root_edge(params, forest, game, wanted, False)


@inline
def best_root_edge(params, forest, game, wanted_visits, must_not_lose):
    """argmax of g + logit + sigma(qhat) over the visited root edges with `wanted_visits` visits,
    those in flight included."""
    n, children, root_score = (
        forest.nodes[game, ROOT],
        forest.children[game],
        forest.root_score[game],
    )
    _, high, scale = complete_q(params, forest, game, ROOT)
    best, best_score, best_action = 0, -np.inf, -1
    for i in index_range(0, np.int64(n.num_children)):
        e = children[i]
        if e.visits + e.in_flight != wanted_visits or (must_not_lose and is_lost(e, n.mover)):
            continue
        score = root_score[e.action] + (forest.score[i] - high) * scale
        if is_better(score, e.action, best_score, best_action):
            best, best_score, best_action = np.int64(i), score, np.int64(e.action)
    return best


@inline
def draw_gumbels(params, forest, game):
    """Noise of the root's legal actions, ascending, and its sum with their logits."""
    count, noise = np.int64(forest.nodes[game, ROOT].num_edges), forest.score
    if params.gumbel_scale > 0.0:
        gumbels(forest.random_state[game], noise, count)
    for i in index_range(0, count):
        action = np.uint32(forest.edge_action[game, i])
        scaled = params.gumbel_scale * noise[i] if params.gumbel_scale > 0.0 else 0.0
        forest.root_noise[game, action] = scaled
        forest.root_score[game, action] = scaled + forest.logits[game, ROOT, action]
