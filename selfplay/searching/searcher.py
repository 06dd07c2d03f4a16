"""Searching many given positions at once: what players, exams and matches ask for.

(Self-play has its own wave, which also plays: see `selfplay.actors.actor`.)
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from games.game import Game, for_side
from native.search import forest as memory
from native.search.cache import new_cache
from native.search.choice import choose, read_node, read_priors, read_root
from native.search.mcts import SearchBatch, expand_and_backup, select_leaves
from native.search.settings import PUCT, Settings
from selfplay.searching.early_stop import NEVER, NO_EDGE, overtaken_in


class Evaluates(Protocol):
    def evaluate(self, batch: memory.Batch, rows: int) -> None: ...


@dataclass(frozen=True)
class Found:
    """What searches say of n positions: action i32[n], value f64[n] for the FIRST player, policy f64[n, A]."""

    action: np.ndarray
    value: np.ndarray
    policy: np.ndarray


class Searcher:
    """Searches up to `games` positions side by side; more are taken in turns. One evaluator for life: its cache is never
    cleared. With `stops_settled` a search ends when no simulation that is left could change its action."""

    def __init__(
        self,
        game: Game,
        evaluator: Evaluates,
        settings: Settings,
        simulations: int,
        games: int = 256,
        leaves: int = 1,
        cache_entries: int = 1 << 16,
        seed: int = 0,
        stops_settled: bool = False,
    ):
        self.game, self.evaluator, self.simulations, self.stops_settled = game, evaluator, simulations, stops_settled
        most = max(simulations, 1)
        self.search_batch = SearchBatch(
            game.rules,
            settings,
            memory.new_forest(games, most, game.state_bytes, game.actions, game.max_plies, leaves, seed),
            new_cache(cache_entries, game.actions),
            memory.new_batch(games * leaves, game.planes, game.cells, game.scalars, game.actions),
        )

    @property
    def settings(self) -> Settings:
        return self.search_batch.settings

    @property
    def forest(self) -> memory.Forest:
        return self.search_batch.forest

    def search(self, states: np.ndarray) -> Found:
        """Search positions u8[n, S], none of them finished, with `simulations` each (0: the network's own choice)."""
        return join([self._search_some(part) for part in np.split(states, self._cuts(len(states)))])

    def _cuts(self, count: int) -> range:
        games = len(self.forest.num_simulations)
        return range(games, count, games)

    def _search_some(self, states: np.ndarray) -> Found:
        games = len(self.forest.num_simulations)
        memory.reset_trees(self.forest, states, max(self.simulations, 1))
        action, value = np.zeros(games, np.int32), np.zeros(games)
        policy = np.zeros((games, self.game.actions))
        if self.simulations == 0:
            self._wave()
            read_priors(self.forest, action, value, policy)
        else:
            while self._wave():
                if self.stops_settled:
                    self._stop_settled()
            choose(self.settings, self.forest, 0.0, action, value, policy)
        n = len(states)
        return Found(action[:n], value[:n], policy[:n])

    def _wave(self) -> int:
        rows = select_leaves(self.search_batch)
        if rows:
            self.evaluator.evaluate(self.search_batch.batch, rows)
            expand_and_backup(self.search_batch, rows)
        return rows

    def is_proven(self, index: int = 0) -> bool:
        """Is the outcome of a tree's root known? Then its search is over."""
        has_root = self.forest.num_nodes[index] > 0  # else what is there is of the search before
        return bool(has_root and np.isfinite(self.forest.nodes["exact"][index, memory.ROOT]))

    def _stop_settled(self) -> None:
        """Let the searches end whose action is certain. Between waves: nothing is in flight."""
        finished, goal = self.forest.num_finished, self.forest.num_simulations
        is_settled = (finished > 0) & (self.overtaken_in() > goal - finished)
        goal[is_settled] = finished[is_settled]

    def overtaken_in(self) -> np.ndarray:
        """Simulations until another action may be chosen than now, at least: i64[B]. Gumbel halves its candidates by values,
        so there any of them may, until one is left."""
        forest = self.forest
        num_edges = forest.nodes["num_edges"][:, memory.ROOT]
        if self.settings.kind != PUCT:
            return np.where(np.minimum(num_edges, self.settings.max_considered) == 1, NEVER, 0)
        if self.settings.lcb > 0.0:  # then a move with fewer visits may be played
            return np.zeros(len(num_edges), np.int64)
        return overtaken_in(self._visits_by_action())

    def _visits_by_action(self) -> np.ndarray:
        """Of the roots: i64[B, A], NO_EDGE for what is illegal or proven lost."""
        forest, edge = self.forest, np.arange(self.game.actions)  # the root's edges are a tree's first
        root, children = forest.nodes[:, memory.ROOT, None], forest.children[:, : len(edge)]
        is_lost = (children["is_proven"] > 0) & (for_side(children["value_sum"], root["mover"]) <= -children["visits"])
        found = np.where(edge < root["num_children"], np.where(is_lost, NO_EDGE, children["visits"]), 0)
        by_action, is_edge = np.full(found.shape, NO_EDGE, np.int64), edge < root["num_edges"]
        by_action[np.nonzero(is_edge)[0], forest.edge_action[:, : len(edge)][is_edge]] = found[is_edge]
        return by_action

    def root(self, index: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
        """Of the last search: (actions i32[n], visits i32[n], values f64[n], priors f32[n], network's value).

        Values are for the first player, NaN where unvisited. Priors include noise if the settings ask for it.
        """
        actions, visits, values, priors, _ = self.node(index)
        return actions, visits, values, priors, float(self.forest.nodes["value"][index, memory.ROOT])

    def root_value(self, index: int = 0) -> tuple[int, float, float]:
        """Of the last search, between two waves: (simulations, the mean of all their values and of the evaluator's, the
        evaluator's value). Values are for the first player."""
        simulations, total, value, _ = read_root(self.forest, index)
        return simulations, (value + total) / (simulations + 1), value

    def mover(self, index: int = 0) -> int:
        """Who moves at a tree's root."""
        return int(self.forest.nodes["mover"][index, memory.ROOT])

    def node(self, index: int = 0, node: int = memory.ROOT) -> tuple[np.ndarray, ...]:
        """Of a node of a tree: (actions, visits, values, priors, children i32[n], -1 where untried), see `root`."""
        most, i32 = self.game.actions, np.int32
        edges = (
            np.zeros(most, i32),
            np.zeros(most, i32),
            np.zeros(most),
            np.zeros(most, np.float32),
            np.zeros(most, i32),
        )
        n = read_node(self.forest, index, node, *edges)
        return tuple(array[:n] for array in edges)


def join(parts: list[Found]) -> Found:
    return Found(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("action", "value", "policy")))
