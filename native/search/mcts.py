"""Monte-Carlo tree search of many games at once, in batch steps: select leaves, evaluate, expand
and back up.

`select_leaves` runs simulations in every game until each has its leaves for the network, or its
search is complete. Simulations that meet the end of a game, a proven node or a cached position
finish on the way. The caller evaluates the batch. `expand_and_backup` stores the evaluations and
backs the values up. A batch step is one call of each, however many games there are. When a search
is complete, `native.search.choice` reads the move, the policy and the value.

Values in a tree belong to the first player, so a backup adds the same number along the whole path.
"""

from typing import NamedTuple

import numpy as np

from native.abi import Rules
from native.machine.compile import copy, copy_first, inline, kernel
from native.machine.prefetch import prefetch_behind, prefetch_game
from native.machine.struct_argument import by_address
from native.perspective import stored_value
from native.search.cache import MISS, Cache, find, store
from native.search.edges import add_child, expand
from native.search.forest import ROOT, Batch, Forest
from native.search.gumbel import draw_gumbels, gumbel_inner_edge, gumbel_root_edge
from native.search.params import GUMBEL, PUCT, SearchParams
from native.search.proven import count_exactly, is_known, prove
from native.search.puct import add_dirichlet, apply_root_policy_temperature, puct_edge

# How a simulation ended: its value is known; its leaf waits for the network; it met a node that
# waits already.
FINISHED, LEAF, COLLISION = 0, 1, 2


@by_address
class SearchBatch(NamedTuple):
    """All that a batch of searches works on. It is one object because each argument of a kernel
    costs as much as a simulation."""

    rules: Rules
    params: SearchParams
    forest: Forest
    cache: Cache
    batch: Batch


@kernel
def select_leaves(search_batch):
    """Write every game's next leaves into the batch; return their number. Modifies forest, cache
    and batch in place."""
    rules, params, forest, cache, batch = search_batch
    rows = 0
    for game in range(len(forest.num_simulations)):
        prefetch_game(forest, game + 1)
        rows = gather_leaves(rules, params, forest, cache, batch, game, rows)
    return rows


@kernel
def expand_and_backup(search_batch, rows):
    """Store the evaluations of the last `select_leaves`, cache them, and back their values up.
    `rows` is what it returned."""
    rules, params, forest, cache, batch = search_batch
    expand_and_backup_rows(rules, params, forest, cache, batch, rows)


@inline
def expand_and_backup_rows(rules, params, forest, cache, batch, rows):
    for row in range(rows):
        game, slot = batch.game[row], batch.slot[row]
        node = forest.leaf_node[game, slot]
        store(cache, forest.leaf_key[game, slot], batch.value[row], batch.logits[row])
        set_evaluation(rules, params, forest, game, node, batch.logits[row], batch.value[row])
        if node != ROOT:
            backup(params, forest, game, slot, forest.nodes[game, node].value, False)
        forest.num_leaves[game] = 0


@inline
def is_complete(forest, game):
    """Are all simulations of the game's search finished, the root's evaluation included, or is the
    root proven?"""
    if forest.num_nodes[game] == 0 or forest.num_leaves[game] > 0:
        return False
    return forest.num_finished[game] >= forest.num_simulations[game] or is_known(
        forest.nodes[game, ROOT].exact
    )


@inline
def gather_leaves(rules, params, forest, cache, batch, game, rows):
    """Simulate in one game until its leaf slots are full or its search needs no more; return the
    new number of rows."""
    is_new = forest.num_simulations[game] > 0 and forest.num_nodes[game] == 0
    if is_new and start_root(rules, params, forest, cache, batch, game, rows) == LEAF:
        return rows + 1
    while (
        forest.num_started[game] < forest.num_simulations[game]
        and forest.num_leaves[game] < forest.leaf_node.shape[1]
    ):
        if is_known(forest.nodes[game, ROOT].exact):
            break
        result = simulate(rules, params, forest, cache, batch, game, rows)
        if result == LEAF:
            rows += 1
        elif result == COLLISION:
            break
    return rows


@inline
def start_root(rules, params, forest, cache, batch, game, rows):
    copy(forest.state[game], forest.root_state[game])
    forest.path_length[game, 0] = 0
    add_node(rules, forest, game, np.nan)
    return evaluate_or_enqueue(rules, params, forest, cache, batch, game, ROOT, rows)


@inline
def simulate(rules, params, forest, cache, batch, game, rows):
    """Play from the root along the selected edges to a new node, a proven one, or one that waits;
    return how that ended."""
    state, slot = forest.state[game], forest.num_leaves[game]
    # `start_root` copied the log
    copy_first(state, forest.root_state[game], min(len(state), rules.log))
    forest.num_started[game] += 1
    forest.path_length[game, slot] = 0
    node = np.int64(ROOT)
    while True:
        n = forest.nodes[game, node]
        if is_known(n.exact):
            backup(params, forest, game, slot, n.exact, True)
            return FINISHED
        if np.isnan(n.value):
            cancel_simulation(forest, game, slot)
            return COLLISION
        expand(rules, forest, game, node, np.int64(forest.path_length[game, slot]), state)
        # the search is restricted, and nothing is allowed here: the node's value stands for it
        if n.num_edges == 0:
            backup(params, forest, game, slot, n.value, False)
            return FINISHED
        edge = select(params, forest, game, node)
        is_new = edge == n.first_edge + n.num_children
        if not is_new:
            prefetch_behind(forest, game, edge)
        outcome = rules.play(state, np.int64(forest.edge_action[game, edge]))
        if is_new:
            child = add_node(rules, forest, game, outcome)
            add_child(forest, game, node, edge, child)
            extend_path(forest, game, slot, node, edge)
            if is_known(outcome):
                backup(params, forest, game, slot, outcome, True)
                return FINISHED
            return evaluate_or_enqueue(rules, params, forest, cache, batch, game, child, rows)
        extend_path(forest, game, slot, node, edge)
        node = np.int64(forest.children[game, edge].child)


@inline
def select(params, forest, game, node):
    """The edge to follow from a node that has edges."""
    if params.kind == PUCT:
        return puct_edge(params, forest, game, node)
    if node == ROOT:
        return gumbel_root_edge(params, forest, game)
    return gumbel_inner_edge(params, forest, game, node)


@inline
def extend_path(forest, game, slot, node, edge):
    """Add an edge to the path of a simulation in flight; it counts as a visit from now on."""
    depth = forest.path_length[game, slot]
    forest.path_node[game, slot, depth] = node
    forest.path_edge[game, slot, depth] = edge
    forest.path_length[game, slot] = depth + 1
    forest.nodes[game, node].visits += 1
    forest.children[game, edge].in_flight += 1


@inline
def cancel_simulation(forest, game, slot):
    """Undo a simulation that met a waiting node."""
    for depth in range(forest.path_length[game, slot]):
        forest.nodes[game, forest.path_node[game, slot, depth]].visits -= 1
        forest.children[game, forest.path_edge[game, slot, depth]].in_flight -= 1
    forest.num_started[game] -= 1


@inline
def backup(params, forest, game, slot, value, is_exact):
    """Finish a simulation: add its value, for the first player, to every edge and node of its path.
    A proven leaf proves the nodes above it as far as that decides them."""
    proves = params.mcts_solver and is_exact
    for depth in range(forest.path_length[game, slot] - 1, -1, -1):
        node, edge = (
            np.int64(forest.path_node[game, slot, depth]),
            np.int64(forest.path_edge[game, slot, depth]),
        )
        n, e = forest.nodes[game, node], forest.children[game, edge]
        e.in_flight -= 1
        e.visits += 1
        e.value_sum += value
        n.num_finished += 1
        n.value_sum += value
        n.value_square_sum += value * value
        if proves:
            proves = prove(forest, game, node, edge)
        elif e.is_proven:  # since this simulation set out
            count_exactly(n, e, forest.nodes[game, e.child].exact)
    forest.num_finished[game] += 1


@inline
def add_node(rules, forest, game, outcome):
    """The node of the position in forest.state[game], without edges as yet; returns its number."""
    node = np.int64(forest.num_nodes[game])
    n = forest.nodes[game, node]
    n.mover = rules.mover(forest.state[game])
    n.value = n.exact = outcome  # GOES_ON is WAITING and UNKNOWN: all are NaN
    n.value_sum = n.value_square_sum = n.visited_prior_mass = 0.0
    n.visits = n.num_finished = 0
    n.first_edge = 0
    n.num_edges = n.num_children = n.num_proven = 0
    n.is_expanded = n.has_promoted = 0
    forest.num_nodes[game] = node + 1
    return node


@inline
def evaluate_or_enqueue(rules, params, forest, cache, batch, game, node, rows):
    """Evaluate a new node from the cache, or enqueue it as the batch's next row."""
    state, slot = forest.state[game], forest.num_leaves[game]
    key = rules.key(state)
    entry = find(cache, key)
    if entry != MISS:
        set_evaluation(rules, params, forest, game, node, cache.logits[entry], cache.value[entry])
        if node != ROOT:
            backup(params, forest, game, slot, forest.nodes[game, node].value, False)
        return FINISHED
    rules.observe(state, batch.planes[rows], batch.scalars[rows])
    batch.game[rows] = game
    batch.slot[rows] = slot
    forest.leaf_node[game, slot] = node
    forest.leaf_key[game, slot] = key
    forest.num_leaves[game] = slot + 1
    return LEAF


@inline
def set_evaluation(rules, params, forest, game, node, logits, value):
    """Store a node's logits f32[A] and value (for its mover). A root is expanded at once and gets
    its noise."""
    n = forest.nodes[game, node]
    copy(forest.logits[game, node], logits)
    n.value = stored_value(np.float64(value), n.mover)
    if node == ROOT:
        prepare_root(rules, params, forest, game)


@inline
def prepare_root(rules, params, forest, game):
    expand(rules, forest, game, ROOT, np.int64(0), forest.root_state[game])
    if params.kind == GUMBEL:
        draw_gumbels(params, forest, game)
    else:
        apply_root_policy_temperature(params, forest, game)
        add_dirichlet(params, forest, game)
