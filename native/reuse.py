"""Keeping what a search found below the move that was played: the child becomes the root, the rest is forgotten.

For PUCT alone. Gumbel's halving is planned for a whole number of simulations from an empty root.
"""

from native.compile import inline, kernel
from native.forest import ROOT
from native.proven import is_known
from native.search import prepare_root
from native.settings import PUCT

DROPPED, KEPT = -1, 0


@kernel
def follow(settings, forest, game, action):
    """Make the child that `action` leads to the root; the caller plays the action in root_state[game] and sets the goal.

    False, and nothing is changed, if there is nothing to keep: the action was never tried or ends the game, or the search
    is a Gumbel search or waits for answers. The simulations that went on from the child count as started and finished.
    """
    return keep_below(settings, forest, game, action)


@inline
def keep_below(settings, forest, game, action):
    child = child_of(forest, game, action)
    if settings.kind != PUCT or child < 0 or forest.num_leaves[game] > 0:
        return False
    if forest.nodes[game, child].num_edges == 0 or not is_known(forest.nodes[game, child].value):
        return False
    compact(forest, game, child)
    renumber(forest, game)
    forest.started[game] = forest.finished[game] = forest.nodes[game, ROOT].finished
    prepare_root(settings, forest, game)
    take_new_priors(forest, game)
    return True


@inline
def child_of(forest, game, action):
    if forest.num_nodes[game] > 0:
        for edge in range(forest.nodes[game, ROOT].num_tried):
            if forest.tried[game, edge].action == action:
                return forest.tried[game, edge].child
    return -1


@inline
def compact(forest, game, new_root):
    """Move the nodes below `new_root` and their edges to the front, in order of birth: a child is younger than its parent,
    so nothing is written over that is still to be read."""
    nodes, tried, number = forest.nodes[game], forest.tried[game], forest.new_number
    for node in range(forest.num_nodes[game]):
        number[node] = DROPPED
    number[new_root] = KEPT
    num_nodes, num_edges = 0, 0
    for node in range(new_root, forest.num_nodes[game]):
        if number[node] == DROPPED:
            continue
        first, count = nodes[node].first_edge, nodes[node].num_edges
        for i in range(nodes[node].num_tried):
            number[tried[first + i].child] = KEPT
            tried[num_edges + i] = tried[first + i]
        for i in range(count):
            forest.edge_action[game, num_edges + i] = forest.edge_action[game, first + i]
            forest.edge_prior[game, num_edges + i] = forest.edge_prior[game, first + i]
        nodes[num_nodes] = nodes[node]
        nodes[num_nodes].first_edge = num_edges
        number[node] = num_nodes
        num_nodes += 1
        num_edges += count
    forest.num_nodes[game], forest.num_edges[game] = num_nodes, num_edges


@inline
def renumber(forest, game):
    for node in range(forest.num_nodes[game]):
        n = forest.nodes[game, node]
        for edge in range(n.first_edge, n.first_edge + n.num_tried):
            e = forest.tried[game, edge]
            e.child = forest.new_number[e.child]


@inline
def take_new_priors(forest, game):
    """A root's noise and temperature reach the edges that were tried before it was a root."""
    root = forest.nodes[game, ROOT]
    root.tried_mass, root.has_next = 0.0, 0
    for edge in range(root.num_tried):
        forest.tried[game, edge].prior = forest.edge_prior[game, edge]
        root.tried_mass += forest.edge_prior[game, edge]
