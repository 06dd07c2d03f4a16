"""Search in waves: descend, (evaluate,) absorb; then choose (`native.search.choice`).

`descend` runs simulations of every game until each has its leaves for the network or its search is complete; ends of
games, proven and cached positions are settled on the way. The caller evaluates the batch. `absorb` takes the answers in
and backs their values up. A wave is one call of each, however many games there are.

All sums in a tree are of first-player values, so backing up adds the same number along the whole path.
"""

from typing import NamedTuple

import numpy as np

from native.abi import Rules
from native.machine.compile import copy, copy_first, inline, kernel
from native.machine.prefetch import prefetch_behind, prefetch_game
from native.machine.struct_argument import by_address
from native.perspective import stored_value
from native.search.cache import MISS, Cache, find, store
from native.search.edges import open_node, try_edge
from native.search.forest import ROOT, Batch, Forest
from native.search.gumbel import draw_gumbels, gumbel_inner_edge, gumbel_root_edge
from native.search.proven import count_exactly, is_known, prove
from native.search.puct import add_dirichlet, puct_edge, warm_root
from native.search.settings import GUMBEL, PUCT, Settings

SETTLED, LEAF, BLOCKED = 0, 1, 2  # how a simulation ended: value known, waits for the network, met a waiting node


@by_address
class Waves(NamedTuple):
    """What searches in waves work on. One object, because each that a kernel is given takes as long as a simulation."""

    rules: Rules
    settings: Settings
    forest: Forest
    cache: Cache
    batch: Batch


@kernel
def descend(waves):
    """Gather every game's leaves into the batch; return the number of rows. Modifies forest, cache and batch."""
    rules, settings, forest, cache, batch = waves
    rows = 0
    for game in range(len(forest.goal)):
        prefetch_game(forest, game + 1)
        rows = gather(rules, settings, forest, cache, batch, game, rows)
    return rows


@kernel
def absorb(waves, rows):
    """Take the network's answers: expand the leaves of the last `descend`, back their values up, remember them."""
    rules, settings, forest, cache, batch = waves
    take_answers(rules, settings, forest, cache, batch, rows)


@inline
def take_answers(rules, settings, forest, cache, batch, rows):
    for row in range(rows):
        game, slot = batch.game[row], batch.slot[row]
        node = forest.leaf_node[game, slot]
        store(cache, forest.leaf_key[game, slot], batch.value[row], batch.logits[row])
        expand(rules, settings, forest, game, node, batch.logits[row], batch.value[row])
        if node != ROOT:
            back_up(settings, forest, game, slot, forest.nodes[game, node].value, False)
        forest.num_leaves[game] = 0


@inline
def is_complete(forest, game):
    """Are all simulations of the game's search finished, the root's evaluation included, or is the root proven?"""
    if forest.num_nodes[game] == 0 or forest.num_leaves[game] > 0:
        return False
    return forest.finished[game] >= forest.goal[game] or is_known(forest.nodes[game, ROOT].exact)


@inline
def gather(rules, settings, forest, cache, batch, game, rows):
    """Simulate in one game until its leaf slots are full or its search needs no more; return the new number of rows."""
    is_new = forest.goal[game] > 0 and forest.num_nodes[game] == 0
    if is_new and plant_root(rules, settings, forest, cache, batch, game, rows) == LEAF:
        return rows + 1
    while forest.started[game] < forest.goal[game] and forest.num_leaves[game] < forest.leaf_node.shape[1]:
        if is_known(forest.nodes[game, ROOT].exact):
            break
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
    """One simulation: play from the root along the chosen edges to a new node, an exact one or a waiting one."""
    state, slot = forest.state[game], forest.num_leaves[game]
    copy_first(state, forest.root_state[game], min(len(state), rules.log))  # the root's log is there since `plant_root`
    forest.started[game] += 1
    forest.path_length[game, slot] = 0
    node = np.int64(ROOT)
    while True:
        n = forest.nodes[game, node]
        if is_known(n.exact):
            back_up(settings, forest, game, slot, n.exact, True)
            return SETTLED
        if np.isnan(n.value):
            take_back(forest, game, slot)
            return BLOCKED
        open_node(rules, forest, game, node, np.int64(forest.path_length[game, slot]), state)
        if n.num_edges == 0:  # the search is restricted, and nothing is allowed here: the node's value stands for it
            back_up(settings, forest, game, slot, n.value, False)
            return SETTLED
        edge = select(settings, forest, game, node)
        is_new = edge == n.first_edge + n.num_tried
        if not is_new:
            prefetch_behind(forest, game, edge)
        outcome = rules.play(state, np.int64(forest.edge_action[game, edge]))
        if is_new:
            child = add_node(rules, forest, game, outcome)
            try_edge(forest, game, node, edge, child)
            step(forest, game, slot, node, edge)
            if is_known(outcome):
                back_up(settings, forest, game, slot, outcome, True)
                return SETTLED
            return reveal(rules, settings, forest, cache, batch, game, child, rows)
        step(forest, game, slot, node, edge)
        node = np.int64(forest.tried[game, edge].child)


@inline
def select(settings, forest, game, node):
    """The edge to follow from a node that has edges."""
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
    forest.nodes[game, node].visits += 1
    forest.tried[game, edge].pending += 1


@inline
def take_back(forest, game, slot):
    """Undo a simulation that met a waiting node, as if it had never started."""
    for depth in range(forest.path_length[game, slot]):
        forest.nodes[game, forest.path_node[game, slot, depth]].visits -= 1
        forest.tried[game, forest.path_edge[game, slot, depth]].pending -= 1
    forest.started[game] -= 1


@inline
def back_up(settings, forest, game, slot, value, is_exact):
    """Finish a simulation: its value, for the first player, is added to every edge and node of its path. From an exact
    leaf, proofs go up as far as they hold."""
    proves = settings.solves and is_exact
    for depth in range(forest.path_length[game, slot] - 1, -1, -1):
        node, edge = np.int64(forest.path_node[game, slot, depth]), np.int64(forest.path_edge[game, slot, depth])
        n, e = forest.nodes[game, node], forest.tried[game, edge]
        e.pending -= 1
        e.visits += 1
        e.total += value
        n.finished += 1
        n.total += value
        n.squares += value * value
        if proves:
            proves = prove(forest, game, node, edge)
        elif e.is_proven:  # since this simulation set out
            count_exactly(n, e, forest.nodes[game, e.child].exact)
    forest.finished[game] += 1


@inline
def add_node(rules, forest, game, outcome):
    """The node of the position in forest.state[game], without edges as yet; returns its number."""
    node = np.int64(forest.num_nodes[game])
    n = forest.nodes[game, node]
    n.mover = rules.mover(forest.state[game])
    n.value = n.exact = outcome  # GOES_ON is WAITING and UNKNOWN: all are NaN
    n.total = n.squares = n.tried_mass = 0.0
    n.visits = n.finished = 0
    n.first_edge = 0
    n.num_edges = n.num_tried = n.num_proven = 0
    n.is_open = n.has_next = 0
    forest.num_nodes[game] = node + 1
    return node


@inline
def reveal(rules, settings, forest, cache, batch, game, node, rows):
    """Give a new node its network answer: from the cache at once, or as the batch's next row."""
    state, slot = forest.state[game], forest.num_leaves[game]
    key = rules.key(state)
    entry = find(cache, key)
    if entry != MISS:
        expand(rules, settings, forest, game, node, cache.logits[entry], cache.value[entry])
        if node != ROOT:
            back_up(settings, forest, game, slot, forest.nodes[game, node].value, False)
        return SETTLED
    rules.observe(state, batch.planes[rows], batch.scalars[rows])
    batch.game[rows] = game
    batch.slot[rows] = slot
    forest.leaf_node[game, slot] = node
    forest.leaf_key[game, slot] = key
    forest.num_leaves[game] = slot + 1
    return LEAF


@inline
def expand(rules, settings, forest, game, node, logits, value):
    """Store the network's answer. A root is opened at once and gets its noise."""
    n = forest.nodes[game, node]
    copy(forest.logits[game, node], logits)
    n.value = stored_value(np.float64(value), n.mover)
    if node == ROOT:
        prepare_root(rules, settings, forest, game)


@inline
def prepare_root(rules, settings, forest, game):
    open_node(rules, forest, game, ROOT, np.int64(0), forest.root_state[game])
    if settings.kind == GUMBEL:
        draw_gumbels(settings, forest, game)
    else:
        warm_root(settings, forest, game)
        add_dirichlet(settings, forest, game)
