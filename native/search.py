"""Search in waves: descend, (evaluate,) absorb; then choose.

`descend` runs simulations of every game until each has its leaves for the network or its search is complete; ends of
games and cached positions are settled on the way. The caller evaluates the batch. `absorb` expands the leaves and backs
their values up. A wave is one call of each, however many games there are.

All sums in a tree are of first-player values, so backing up adds the same number along the whole path.
"""

from typing import NamedTuple

import numpy as np

from native.cache import MISS, find, store
from native.compile import copy, inline, kernel
from native.forest import ROOT, UNVISITED
from native.frame import stored_value
from native.gumbel import complete_q, draw_gumbels, gumbel_inner_edge, gumbel_policy, gumbel_root_edge
from native.puct import add_dirichlet, puct_edge, puct_policy, sample_visits

PUCT, GUMBEL = 0, 1
SETTLED, LEAF, BLOCKED = 0, 1, 2  # how a simulation ended: value known, waits for the network, met a waiting node


class Settings(NamedTuple):
    """Numbers of one kind of search; see `native.puct` and `native.gumbel` for the formulas they stand in."""

    kind: int = GUMBEL
    # Gumbel
    max_considered: int = 16  # actions at the root; the paper's 16
    gumbel_scale: float = 1.0  # 1 in self-play, 0 in matches
    c_visit: float = 50.0  # the paper's
    c_scale: float = 1.0  # the paper's for board games; mctx uses 0.1 with min_max
    min_max: bool = False
    # PUCT
    c_init: float = 1.25  # AlphaZero's
    c_base: float = 19652.0  # AlphaZero's
    fpu_reduction: float = 0.2  # KataGo's
    virtual_loss: float = 1.0
    dirichlet_fraction: float = 0.0  # AlphaZero's 0.25 in self-play, 0 in matches
    dirichlet_total: float = 10.0  # alpha, spread over the legal actions


@kernel
def descend(rules, settings, forest, cache, batch):
    """Gather every game's leaves into `batch`; return the number of rows. Modifies all but `rules` and `settings`."""
    rows = 0
    for game in range(len(forest.goal)):
        rows = gather(rules, settings, forest, cache, batch, game, rows)
    return rows


@kernel
def absorb(settings, forest, cache, batch, rows):
    """Take the network's answers: expand the leaves of the last `descend`, back their values up, remember them."""
    for row in range(rows):
        game, slot = batch.game[row], batch.slot[row]
        node = forest.leaf_node[game, slot]
        store(cache, forest.leaf_key[game, slot], batch.value[row], batch.logits[row])
        expand(settings, forest, game, node, batch.logits[row], batch.value[row])
        if node != ROOT:
            back_up(forest, game, slot, forest.node_value[game, node])
        forest.num_leaves[game] = 0


@inline
def is_complete(forest, game):
    """Are all simulations of the game's search finished, the root's evaluation included?"""
    return forest.finished[game] >= forest.goal[game] and forest.num_nodes[game] > 0 and forest.num_leaves[game] == 0


@inline
def gather(rules, settings, forest, cache, batch, game, rows):
    """Simulate in one game until its leaf slots are full or its search needs no more; return the new number of rows."""
    is_new = forest.goal[game] > 0 and forest.num_nodes[game] == 0
    if is_new and plant_root(rules, settings, forest, cache, batch, game, rows) == LEAF:
        return rows + 1
    while forest.started[game] < forest.goal[game] and forest.num_leaves[game] < forest.leaf_node.shape[1]:
        result = simulate(rules, settings, forest, cache, batch, game, rows)
        if result == LEAF:
            rows += 1
        elif result == BLOCKED:
            break
    return rows


@inline
def plant_root(rules, settings, forest, cache, batch, game, rows):
    copy(forest.state[game], forest.root_state[game])
    forest.path_length[game, 0] = 0
    add_node(rules, forest, game, np.nan)
    return reveal(rules, settings, forest, cache, batch, game, ROOT, rows)


@inline
def simulate(rules, settings, forest, cache, batch, game, rows):
    """One simulation: play from the root along the chosen edges to a new node, an end of the game or a waiting node."""
    state, slot = forest.state[game], forest.num_leaves[game]
    copy(state, forest.root_state[game])
    forest.started[game] += 1
    forest.path_length[game, slot] = 0
    node = ROOT
    while True:
        if np.isnan(forest.node_value[game, node]):
            take_back(forest, game, slot)
            return BLOCKED
        if forest.node_num_edges[game, node] == 0:
            back_up(forest, game, slot, forest.node_value[game, node])
            return SETTLED
        edge = select(settings, forest, game, node)
        step(forest, game, slot, node, edge)
        outcome = rules.play(state, forest.edge_action[game, edge])
        node = forest.edge_child[game, edge]
        if node == UNVISITED:
            node = add_node(rules, forest, game, outcome)
            forest.edge_child[game, edge] = node
            if not np.isnan(outcome):
                back_up(forest, game, slot, outcome)
                return SETTLED
            return reveal(rules, settings, forest, cache, batch, game, node, rows)


@inline
def select(settings, forest, game, node):
    if settings.kind == PUCT:
        return puct_edge(settings, forest, game, node)
    if node == ROOT:
        return gumbel_root_edge(settings, forest, game)
    return gumbel_inner_edge(settings, forest, game, node)


@inline
def step(forest, game, slot, node, edge):
    """Note an edge on the path of a simulation in flight."""
    depth = forest.path_length[game, slot]
    forest.path_node[game, slot, depth] = node
    forest.path_edge[game, slot, depth] = edge
    forest.path_length[game, slot] = depth + 1
    forest.node_visits[game, node] += 1
    forest.edge_pending[game, edge] += 1


@inline
def take_back(forest, game, slot):
    """Undo a simulation that met a waiting node, as if it had never started."""
    for depth in range(forest.path_length[game, slot]):
        forest.node_visits[game, forest.path_node[game, slot, depth]] -= 1
        forest.edge_pending[game, forest.path_edge[game, slot, depth]] -= 1
    forest.started[game] -= 1


@inline
def back_up(forest, game, slot, value):
    """Finish a simulation: its value, for the first player, is added to every edge of its path."""
    for depth in range(forest.path_length[game, slot]):
        edge = forest.path_edge[game, slot, depth]
        forest.edge_pending[game, edge] -= 1
        forest.edge_visits[game, edge] += 1
        forest.edge_value[game, edge] += value
    forest.finished[game] += 1


@inline
def add_node(rules, forest, game, outcome):
    """The node of the position in forest.state[game], with an edge for every legal action; returns its number."""
    node, first = forest.num_nodes[game], forest.num_edges[game]
    state, actions = forest.state[game], forest.actions[game]
    count = 0
    if np.isnan(outcome):
        count = rules.legal(state, actions)
        forest.node_mover[game, node] = rules.mover(state)
    for i in range(count):
        forest.edge_action[game, first + i] = actions[i]
        forest.edge_child[game, first + i] = UNVISITED
        forest.edge_visits[game, first + i] = 0
        forest.edge_pending[game, first + i] = 0
        forest.edge_value[game, first + i] = 0.0
    forest.node_first_edge[game, node] = first
    forest.node_num_edges[game, node] = count
    forest.node_visits[game, node] = 0
    forest.node_value[game, node] = outcome  # GOES_ON is WAITING: both are NaN
    forest.num_nodes[game] = node + 1
    forest.num_edges[game] = first + count
    return node


@inline
def reveal(rules, settings, forest, cache, batch, game, node, rows):
    """Give a new node its network answer: from the cache at once, or as the batch's next row."""
    state, slot = forest.state[game], forest.num_leaves[game]
    key = rules.key(state)
    entry = find(cache, key)
    if entry != MISS:
        expand(settings, forest, game, node, cache.logits[entry], cache.value[entry])
        if node != ROOT:
            back_up(forest, game, slot, forest.node_value[game, node])
        return SETTLED
    rules.observe(state, batch.planes[rows], batch.scalars[rows])
    batch.game[rows] = game
    batch.slot[rows] = slot
    forest.leaf_node[game, slot] = node
    forest.leaf_key[game, slot] = key
    forest.num_leaves[game] = slot + 1
    return LEAF


@inline
def expand(settings, forest, game, node, logits, value):
    """Mask and normalise the policy over the legal actions (the one place that does) and store the value."""
    first, count = forest.node_first_edge[game, node], forest.node_num_edges[game, node]
    highest, total = -np.inf, 0.0
    for edge in range(first, first + count):
        highest = max(highest, logits[forest.edge_action[game, edge]])
    for edge in range(first, first + count):
        forest.edge_prior[game, edge] = np.exp(logits[forest.edge_action[game, edge]] - highest)
        total += forest.edge_prior[game, edge]
    for edge in range(first, first + count):
        forest.edge_prior[game, edge] /= total
    forest.node_value[game, node] = stored_value(np.float64(value), forest.node_mover[game, node])
    if node == ROOT:
        if settings.kind == PUCT:
            add_dirichlet(settings, forest, game)
        else:
            draw_gumbels(settings, forest, game)


@inline
def choose_edge(settings, forest, game, temperature):
    """The root edge to play; writes the search's policy (the training target) over the root edges to forest.policy."""
    if settings.kind == GUMBEL:
        return gumbel_policy(settings, forest, game)
    best = puct_policy(settings, forest, game)
    return sample_visits(settings, forest, game, temperature) if temperature > 0.0 else best


@inline
def root_value(settings, forest, game):
    """The search's value of the root, for the first player: its Q under forest.policy[game], completed with v_mix where
    Gumbel's policy gives weight to actions that were never tried."""
    value, known = 0.0, 0.0
    for i in range(forest.node_num_edges[game, ROOT]):
        if forest.edge_visits[game, i] > 0:
            value += forest.policy[game, i] * forest.edge_value[game, i] / forest.edge_visits[game, i]
            known += forest.policy[game, i]
    if settings.kind == PUCT or known >= 1.0:
        return value
    mixed = 2.0 * complete_q(settings, forest, game, ROOT) - 1.0
    return value + (1.0 - known) * stored_value(mixed, forest.node_mover[game, ROOT])


@kernel
def choose(settings, forest, temperature, action_out, value_out, policy_out):
    """What each complete search says: action i32[B], value f64[B] for the first player, policy f64[B, A].

    action_out is -1 for a game whose search is not complete. Modifies the three outputs and the forest's scratch.
    """
    policy_out[:] = 0.0
    for game in range(len(forest.goal)):
        action_out[game] = -1
        if forest.goal[game] > 0 and is_complete(forest, game):
            edge = choose_edge(settings, forest, game, temperature)
            action_out[game] = forest.edge_action[game, edge]
            value_out[game] = root_value(settings, forest, game)
            for i in range(forest.node_num_edges[game, ROOT]):
                policy_out[game, forest.edge_action[game, i]] = forest.policy[game, i]


@kernel
def read_priors(forest, action_out, value_out, policy_out):
    """The network's own opinion of every root that has been evaluated: its likeliest action, value, policy.

    Shapes as in `choose`; the value is for the first player. Noise, where the settings ask for it, is part of the priors.
    """
    policy_out[:] = 0.0
    for game in range(len(forest.goal)):
        action_out[game] = -1
        if forest.goal[game] > 0 and forest.num_nodes[game] > 0:
            best = 0
            for i in range(forest.node_num_edges[game, ROOT]):
                policy_out[game, forest.edge_action[game, i]] = forest.edge_prior[game, i]
                if forest.edge_prior[game, i] > forest.edge_prior[game, best]:
                    best = i
            action_out[game] = forest.edge_action[game, best]
            value_out[game] = forest.node_value[game, ROOT]


@kernel
def read_root(forest, game, action_out, visits_out, value_out, prior_out):
    """The root's edges: actions i32, visits i32, mean values f64 for the first player (NaN unvisited), priors f32.

    Returns the number of edges.
    """
    count = forest.node_num_edges[game, ROOT]
    for i in range(count):
        visits = forest.edge_visits[game, i]
        action_out[i] = forest.edge_action[game, i]
        visits_out[i] = visits
        value_out[i] = forest.edge_value[game, i] / visits if visits > 0 else np.nan
        prior_out[i] = forest.edge_prior[game, i]
    return count
