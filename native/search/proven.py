"""Proven outcomes, backed up through the tree (Winands, Bjornsson and Saito 2008, "Monte-Carlo tree
search solver"; draws and outcomes between after Cazenave and Saffidine 2010).

The end of a game is proven. So is a node with a child of the best outcome for its mover, and a node
all of whose edges lead to proven nodes. A proven node is never searched again. Its parent edge uses
the exact value. A lost edge is chosen only if all edges are lost. Values are for the first player.
"""

import numpy as np

from native.machine.compile import inline
from native.perspective import mover_score

BEST, WORST = 1.0, -1.0  # outcomes for a mover


@inline
def is_known(value):
    return not np.isnan(value)


@inline
def is_end(n):
    """Is this node the end of a game? It is exact from its birth; others are opened before they can
    be proven."""
    return is_known(n.exact) and not n.is_expanded


@inline
def count_exactly(n, e, exact):
    """Let an edge's finished simulations count with the exact value of its child, in the sum of its
    node too."""
    n.value_sum += e.visits * exact - e.value_sum
    e.value_sum = e.visits * exact


@inline
def prove(forest, game, node, edge):
    """The child of `edge` is proven: mark the edge, and the node too if that decides it. Is the
    node proven now?"""
    n, e = forest.nodes[game, node], forest.children[game, edge]
    exact = forest.nodes[game, e.child].exact
    if not e.is_proven:
        e.is_proven = 1
        n.num_proven += 1
    count_exactly(n, e, exact)
    if np.isnan(n.exact):
        if mover_score(exact, n.mover) >= BEST:
            n.exact = exact
        elif n.num_proven == n.num_edges:
            n.exact = best_outcome(forest, game, node)
    return is_known(n.exact)


@inline
def best_outcome(forest, game, node):
    """The best outcome for the mover of a node all of whose edges are proven."""
    n, best = forest.nodes[game, node], WORST
    for edge in range(n.first_edge, n.first_edge + n.num_children):
        exact = forest.nodes[game, forest.children[game, edge].child].exact
        best = max(best, mover_score(exact, n.mover))
    return mover_score(best, n.mover)  # the same flip leads back


@inline
def is_lost(e, mover):
    """Is this edge proven to be the worst that can befall the mover?"""
    return e.is_proven and mover_score(e.value_sum, mover) <= WORST * e.visits
