"""What the search of one position has found: the one record that players, matches, the terminal and
the protocols read.

Every value belongs to the FIRST player, in [-1, 1]; who shows one turns it by `games.game.for_side`
or `win_rate`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from games.game import for_side
from native.search.forest import ROOT
from selfplay.searching.searcher import Searcher

LONGEST_VARIATION = 12  # moves of a principal variation
NORMAL_95 = 1.96  # standard deviations below the mean that a lower confidence bound lies


@dataclass(frozen=True)
class MoveInfo:
    """A move that the search may take."""

    action: int
    visits: int
    value: float  # mean of its simulations, NaN without one; a solver's is exact
    prior: float  # the evaluator's, in [0, 1]; 0 without one


@dataclass(frozen=True)
class SearchResult:
    """A searched position. What a player without a network does not have is None."""

    mover: int  # 0 or 1
    choice: int | None  # the action to play; None before the search has seen a move
    value: float  # the search's verdict, exact where the outcome is proven
    mean_value: float  # mean of all simulations and of the evaluator's value
    simulations: int
    network_value: float | None
    network_choice: int | None  # the action that the network alone would play
    moves: tuple[MoveInfo, ...]  # by ascending action

    def ranked(self, fewest: int = 0) -> list[MoveInfo]:
        """The moves with visits, the most visited first; then, until there are `fewest`, those that
        no simulation has taken, the likeliest first, with the mean value in place of their own."""
        moves = [
            move if move.visits else replace(move, value=self.mean_value) for move in self.moves
        ]
        moves.sort(key=lambda move: (-move.visits, -for_side(move.value, self.mover), -move.prior))
        return moves[: max(fewest, sum(move.visits > 0 for move in moves))]


def read_result(search: Searcher, index: int = 0, has_network: bool = True) -> SearchResult:
    """What one tree of a searcher has found so far, read between two batch steps."""
    actions, visits, values, priors, network_value = search.root(index)
    simulations, mean_value, _ = search.root_value(index)
    choice, value = search.choice(index)
    rows = zip(actions.tolist(), visits.tolist(), values.tolist(), priors.tolist())
    return SearchResult(
        mover=search.mover(index),
        choice=choice,
        value=value,
        mean_value=mean_value,
        simulations=simulations,
        network_value=network_value if has_network else None,
        network_choice=int(actions[np.argmax(priors)]) if has_network and len(actions) else None,
        moves=tuple(MoveInfo(*row) for row in rows),
    )


def principal_variation(
    search: Searcher, action: int, index: int = 0
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """An action of the root and the play that the search expects behind it, along the most visited
    edges: (actions, visits of each). It reads a node a move; `SearchResult` leaves it out."""
    line, line_visits, node = [], [], ROOT
    while len(line) < LONGEST_VARIATION:
        actions, visits, _, _, children = search.node(index, node)
        if node != ROOT and not visits.any():
            break
        edge = int(np.searchsorted(actions, action) if node == ROOT else np.argmax(visits))
        line.append(int(actions[edge]))
        line_visits.append(int(visits[edge]))
        if (node := int(children[edge])) < 0:
            break
    return tuple(line), tuple(line_visits)


def lower_bound(rate: float, visits: int) -> float:
    """A win rate that the true one exceeds with 95 % confidence; 0 without a visit. Results in
    [0, 1] with mean w vary by w (1 - w) at most."""
    return max(0.0, rate - NORMAL_95 * math.sqrt(rate * (1.0 - rate) / visits)) if visits else 0.0
