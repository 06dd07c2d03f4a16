"""What a complete search says: the move to play, the policy to learn, the value.

A root that is proven not lost is played by its proof; else no move that is proven lost is chosen
while another is left. Values are for the first player. `forest.policy` holds the policy by edge of
the root until the next search.
"""

import numpy as np

from native.machine.compile import inline, kernel
from native.machine.random import uniform
from native.machine.softmax import softmax_of
from native.perspective import mover_score, stored_value
from native.search.edges import is_better, promote_best_unvisited
from native.search.forest import ROOT
from native.search.gumbel import best_root_edge, complete_q, weigh
from native.search.mcts import is_complete
from native.search.params import GUMBEL, PUCT
from native.search.proven import WORST, is_known, is_lost
from native.search.puct import exploration, forced_visits, value_stdev

NO_EDGE = -1  # in place of visits
# the share of the most visits below which a move is not judged by its bound: KataGo's
LCB_SHARE = 0.15


@inline
def choose_edge(params, forest, game, temperature):
    """The root edge to play; writes the search's policy (the training target) over the root edges
    to forest.policy."""
    root = forest.nodes[game, ROOT]
    is_proven = is_known(root.exact)
    if is_proven and mover_score(root.exact, root.mover) > WORST:
        return proven_policy(forest, game)
    if params.kind == GUMBEL:
        return gumbel_policy(params, forest, game, not is_proven)
    best = puct_policy(params, forest, game, not is_proven)
    if temperature > 0.0:
        return sample_policy(forest, game, temperature)
    return lcb_edge(params, forest, game, best) if params.lcb > 0.0 and not is_proven else best


@inline
def proven_policy(forest, game):
    """The weight is shared equally by the edges proven to be as good as the root; the most visited
    of them is played."""
    root, best, best_visits, equals = forest.nodes[game, ROOT], 0, -1, 0
    for i in range(root.num_edges):
        forest.policy[i] = 0.0
    for i in range(root.num_children):
        e = forest.children[game, i]
        if e.is_proven and forest.nodes[game, e.child].exact == root.exact:
            forest.policy[i] = 1.0
            equals += 1
            if is_better(e.visits, e.action, best_visits, forest.edge_action[game, best]):
                best, best_visits = i, np.int64(e.visits)
    for i in range(root.num_children):
        forest.policy[i] /= equals
    return best


@inline
def most_visited(params, forest, game, must_not_lose):
    """The root edge with the most visits, or, if all that were visited are lost, the likeliest
    unvisited one."""
    root, best, most = forest.nodes[game, ROOT], -1, -1
    for i in range(root.num_children):
        e = forest.children[game, i]
        if must_not_lose and is_lost(e, root.mover):
            continue
        if best < 0 or is_better(e.visits, e.action, most, forest.edge_action[game, best]):
            best, most = i, np.int64(e.visits)
    if best < 0:
        promote_best_unvisited(forest, game, ROOT, params.kind == GUMBEL)
        best = np.int64(root.num_children)
    return best


@inline
def gumbel_policy(params, forest, game, must_not_lose):
    """Write the root's improved policy pi' = softmax(logits + sigma(qhat)) (equation 11); return
    the edge with the highest g + logit + sigma(qhat) among the most visited."""
    root = forest.nodes[game, ROOT]
    best = most_visited(params, forest, game, must_not_lose)
    if best < root.num_children:
        best = best_root_edge(
            params, forest, game, forest.children[game, best].visits, must_not_lose
        )
    factor, total = weigh(params, forest, game, ROOT)
    for i in range(root.num_edges):
        weight = forest.policy[i] if i < root.num_children else forest.edge_prior[game, i] * factor
        forest.policy[i] = weight / total if total > 0.0 else 1.0 / root.num_edges
    return best


@inline
def puct_policy(params, forest, game, must_not_lose):
    """Write the root's visit shares, less what was forced and what is lost; return the edge with
    the most visits."""
    root, best = forest.nodes[game, ROOT], most_visited(params, forest, game, must_not_lose)
    for i in range(root.num_edges):
        forest.policy[i] = 0.0
    total = 0.0
    for i in range(root.num_children):
        e = forest.children[game, i]
        if not (must_not_lose and is_lost(e, root.mover)):
            forest.policy[i] = pruned_visits(params, forest, game, i, best)
            total += forest.policy[i]
    if total == 0.0:
        forest.policy[best] = total = 1.0
    for i in range(root.num_children):
        forest.policy[i] /= total
    return best


@inline
def pruned_visits(params, forest, game, edge, best):
    """An edge's visits without those that only forced playouts explain (KataGo, Wu 2019, section
    3.2, "policy target pruning"): up to as many as are forced, while its score stays below the best
    edge's; a single visit that is left goes."""
    root, e = forest.nodes[game, ROOT], forest.children[game, edge]
    if params.forced_playouts <= 0.0 or edge == best or best >= root.num_children:
        return np.float64(e.visits)
    b, scale = forest.children[game, best], exploration(params, root) * np.sqrt(1.0 + root.visits)
    ceiling = mover_score(b.value_sum, root.mover) / b.visits + b.prior * scale / (1.0 + b.visits)
    below = ceiling - mover_score(e.value_sum, root.mover) / e.visits
    earned = e.prior * scale / below - 1.0 if below > 0.0 else np.float64(e.visits)
    left = max(e.visits - forced_visits(params, root, e), min(earned, np.float64(e.visits)))
    return left if left > 1.0 else 0.0


@inline
def sample_policy(forest, game, temperature):
    """A root edge drawn with probability proportional to policy^(1 / temperature)."""
    count, most, total = forest.nodes[game, ROOT].num_edges, 0.0, 0.0
    for i in range(count):
        most = max(most, forest.policy[i])
    for i in range(count):
        forest.score[i] = (forest.policy[i] / most) ** (1.0 / temperature)
        total += forest.score[i]
    threshold, last = uniform(forest.random_state[game]) * total, 0
    for i in range(count):
        if forest.score[i] > 0.0:
            last = i
            threshold -= forest.score[i]
            if threshold < 0.0:
                break
    return last


@inline
def lcb_edge(params, forest, game, best):
    """The root edge with the highest lower confidence bound Q - lcb * sd / sqrt(n), among those
    with at least a share of the most visits (KataGo's move choice in matches)."""
    root = forest.nodes[game, ROOT]
    if best >= root.num_children:
        return best
    enough, found, highest = LCB_SHARE * forest.children[game, best].visits, best, -np.inf
    for i in range(root.num_children):
        e = forest.children[game, i]
        if e.visits < enough or e.visits == 0 or is_lost(e, root.mover):
            continue
        deviation = 0.0 if e.is_proven else value_stdev(forest.nodes[game, e.child])
        bound = mover_score(e.value_sum, root.mover) / e.visits - params.lcb * deviation / np.sqrt(
            np.float64(e.visits)
        )
        if is_better(bound, e.action, highest, forest.edge_action[game, found]):
            found, highest = i, bound
    return found


@inline
def root_value(params, forest, game):
    """The search's value of the root, for the first player: exact, or its Q under forest.policy,
    completed with v_mix where Gumbel's policy gives weight to actions that were never visited."""
    root, value, known = forest.nodes[game, ROOT], 0.0, 0.0
    if is_known(root.exact):
        return root.exact
    for i in range(root.num_children):
        e = forest.children[game, i]
        if e.visits > 0:
            value += forest.policy[i] * e.value_sum / e.visits
            known += forest.policy[i]
    if known >= 1.0 or (params.kind == PUCT and known > 0.0):
        return value / known
    mixed, _, _ = complete_q(params, forest, game, ROOT)
    return value + (1.0 - known) * stored_value(2.0 * mixed - 1.0, root.mover)


@kernel
def choose(params, forest, temperature, action_out, value_out, policy_out):
    """What each complete search says: action i32[B], value f64[B] for the first player, policy
    f64[B, A].

    action_out is -1 for a game whose search is not complete. Modifies the three outputs and the
    forest's scratch.
    """
    for game in range(len(forest.num_simulations)):
        zero(policy_out[game])
        action_out[game] = -1
        if forest.num_simulations[game] > 0 and is_complete(forest, game):
            edge = choose_edge(params, forest, game, temperature)
            action_out[game] = forest.edge_action[game, edge]
            value_out[game] = root_value(params, forest, game)
            for i in range(forest.nodes[game, ROOT].num_edges):
                policy_out[game, forest.edge_action[game, i]] = forest.policy[i]


@inline
def zero(values):
    for i in range(len(values)):
        values[i] = 0.0


@kernel
def read_priors(forest, action_out, value_out, policy_out):
    """The network's own opinion of every root that has been evaluated: its likeliest action, value,
    policy.

    Shapes as in `choose`; the value is for the first player. Noise, where the parameters ask for
    it, is part of the priors.
    """
    for game in range(len(forest.num_simulations)):
        zero(policy_out[game])
        action_out[game] = -1
        if forest.num_simulations[game] > 0 and forest.num_nodes[game] > 0:
            highest = np.float32(-1.0)
            for i in range(forest.nodes[game, ROOT].num_edges):
                action, prior = np.int32(forest.edge_action[game, i]), forest.edge_prior[game, i]
                policy_out[game, action] = prior
                if is_better(prior, action, highest, action_out[game]):
                    action_out[game], highest = action, prior
            value_out[game] = forest.nodes[game, ROOT].value


@kernel
def read_root(forest, game):
    """A root that has been evaluated: (simulations that went on from it, the sum of their values,
    the network's value, its edges' number, its mover). Values are for the first player."""
    root = forest.nodes[game, ROOT]
    return (
        np.int64(root.num_finished),
        root.value_sum,
        root.value,
        np.int64(root.num_edges),
        np.int64(root.mover),
    )


@kernel
def is_root_proven(forest, game):
    """Is the outcome of a game's root known? Then its search is over."""
    return forest.num_nodes[game] > 0 and is_known(forest.nodes[game, ROOT].exact)


@kernel
def read_root_visits(forest, visits_out, num_edges_out):
    """Finished simulations of every root's actions, i64[B, A], NO_EDGE for what is illegal,
    forbidden or proven lost; and the number of every root's edges, i64[B]. Games whose root has not
    been evaluated have none."""
    for game in range(len(forest.num_simulations)):
        root = forest.nodes[game, ROOT]
        num_edges_out[game] = root.num_edges if forest.num_nodes[game] > 0 else 0
        for action in range(visits_out.shape[1]):
            visits_out[game, action] = NO_EDGE
        for i in range(num_edges_out[game]):
            visits = np.int64(0)
            if i < root.num_children:
                e = forest.children[game, i]
                visits = np.int64(NO_EDGE) if is_lost(e, root.mover) else np.int64(e.visits)
            visits_out[game, np.int64(forest.edge_action[game, i])] = visits


@kernel
def read_policy(rules, forest, game, action_out, prior_out):
    """The network's policy at a root that was planted and evaluated, over all its legal moves,
    whether the search may take them or not: actions i16, ascending, and priors f32. Both outputs
    need a SINGLE_BLOCK more than A. Returns the moves' number."""
    count = rules.legal(forest.root_state[game], forest.actions)
    softmax_of(forest.logits[game, ROOT], forest.actions, count, action_out, prior_out, np.int64(0))
    return count


@kernel
def read_node(forest, game, node, action_out, visits_out, value_out, prior_out, child_out):
    """A node's edges, by ascending action: actions i32, visits i32, mean values f64 for the first
    player (NaN unvisited), priors f32, children i32 (-1 unvisited). Returns their number: 0 where
    no simulation has chosen at the node."""
    n = forest.nodes[game, node]
    for i in range(n.num_edges):
        action, at = np.int32(forest.edge_action[game, n.first_edge + i]), i
        while at > 0 and action_out[at - 1] > action:  # insert
            action_out[at], visits_out[at], value_out[at] = (
                action_out[at - 1],
                visits_out[at - 1],
                value_out[at - 1],
            )
            prior_out[at], child_out[at] = prior_out[at - 1], child_out[at - 1]
            at -= 1
        visits, total, child = 0, np.nan, -1
        if i < n.num_children:
            e = forest.children[game, n.first_edge + i]
            visits, child = np.int64(e.visits), np.int64(e.child)
            total = e.value_sum / visits if visits > 0 else np.nan
        action_out[at], visits_out[at], value_out[at] = action, visits, total
        prior_out[at], child_out[at] = forest.edge_prior[game, n.first_edge + i], child
    return np.int64(n.num_edges)
