"""Search many positions at once, for players, exams and matches. (Self-play has batch steps of its
own, which also play: see `selfplay.actors.actor`.)
"""

from typing import NamedTuple, Protocol

import numpy as np

from games.game import Game
from native.search import forest as memory
from native.search.cache import new_cache
from native.search.choice import (
    choose,
    is_root_proven,
    read_node,
    read_priors,
    read_root,
    read_root_visits,
)
from native.search.mcts import SearchBatch, expand_and_backup, select_leaves
from native.search.params import PUCT, SearchParams
from selfplay.searching.early_stop import NO_RIVAL, overtaken_in


class Evaluates(Protocol):
    def evaluate(self, batch: memory.Batch, rows: int) -> None: ...


class Choices(NamedTuple):
    """What the searches of n positions chose, as the kernel `choose` writes it."""

    action: np.ndarray  # i32[n]
    value: np.ndarray  # f64[n], for the FIRST player
    policy: np.ndarray  # f64[n, A]


class Searcher:
    """Searches up to `games` positions side by side; more are taken in turns. One evaluator for
    life: its cache is never cleared. With `stops_early` a search ends when no simulation that is
    left could change its action."""

    def __init__(
        self,
        game: Game,
        evaluator: Evaluates,
        params: SearchParams,
        simulations: int,
        games: int = 256,
        leaves: int = 1,
        cache_entries: int = 1 << 16,
        seed: int = 0,
        stops_early: bool = False,
    ):
        self.game, self.evaluator, self.simulations, self.stops_early = (
            game,
            evaluator,
            simulations,
            stops_early,
        )
        self.capacity = max(simulations, 1)  # simulations that a tree has memory for
        forest = memory.new_forest(
            games, self.capacity, game.state_bytes, game.actions, game.max_plies, leaves, seed
        )
        cache = new_cache(cache_entries, game.actions)
        batch = memory.new_batch(
            games * leaves, game.planes, game.cells, game.scalars, game.actions, forest, seed
        )
        self.search_batch = SearchBatch(game.rules, params, forest, cache, batch)

    @property
    def params(self) -> SearchParams:
        return self.search_batch.params

    @property
    def forest(self) -> memory.Forest:
        return self.search_batch.forest

    def search(self, states: np.ndarray) -> Choices:
        """Search positions u8[n, S], none of them finished, with `simulations` each (0: the
        network's own choice)."""
        parts = [self._search_some(part) for part in np.split(states, self._cuts(len(states)))]
        return Choices(*map(np.concatenate, zip(*parts)))

    def _cuts(self, count: int) -> range:
        games = len(self.forest.num_simulations)
        return range(games, count, games)

    def _search_some(self, states: np.ndarray) -> Choices:
        memory.reset_trees(self.forest, states, max(self.simulations, 1))
        if self.simulations == 0:
            self._step()
        else:
            while self._step():
                if self.stops_early:
                    self._stop_early()
        choices = self._choices(self.simulations > 0)
        return Choices(*(array[: len(states)] for array in choices))

    def _choices(self, is_searched: bool) -> Choices:
        """The choices of all trees: their searches', or the network's own."""
        games = len(self.forest.num_simulations)
        choices = Choices(
            np.zeros(games, np.int32), np.zeros(games), np.zeros((games, self.game.actions))
        )
        if is_searched:
            choose(self.params, self.forest, 0.0, *choices)
        else:
            read_priors(self.forest, *choices)
        return choices

    def _step(self) -> int:
        rows = select_leaves(self.search_batch)
        if rows:
            self.evaluator.evaluate(self.search_batch.batch, rows)
            expand_and_backup(self.search_batch, rows)
        return rows

    def is_proven(self, index: int = 0) -> bool:
        """Is the outcome of a tree's root known? Then its search is over."""
        return bool(is_root_proven(self.forest, index))

    def _stop_early(self) -> None:
        """Let the searches end whose action is certain. Between batch steps: nothing is in
        flight."""
        finished, goal = self.forest.num_finished, self.forest.num_simulations
        is_certain = (finished > 0) & (self.overtaken_in() > goal - finished)
        goal[is_certain] = finished[is_certain]

    def overtaken_in(self) -> np.ndarray:
        """Simulations until another action may be chosen than now, at least: i64[B]. Gumbel halves
        its candidates by values, so there any of them may, until one is left."""
        visits = np.zeros((len(self.forest.num_simulations), self.game.actions), np.int64)
        num_edges = np.zeros(len(visits), np.int64)
        read_root_visits(self.forest, visits, num_edges)
        if self.params.kind != PUCT:
            return np.where(np.minimum(num_edges, self.params.max_considered) == 1, NO_RIVAL, 0)
        if self.params.lcb > 0.0:  # then a move with fewer visits may be played
            return np.zeros(len(num_edges), np.int64)
        return overtaken_in(visits)

    def choice(self, index: int = 0) -> tuple[int | None, float]:
        """(action, value for the FIRST player) of one search as it stands between two batch steps;
        the network's own where no simulation is wanted or finished. The action is None where the
        root has no edge."""
        if read_root(self.forest, index)[3] == 0:
            return None, self.root_value(index)[1]
        finished = int(self.forest.num_finished[index])
        goal, goals = self.forest.num_simulations, self.forest.num_simulations.copy()
        goal[:] = 0  # a tree without a goal is passed over
        goal[index] = max(finished, 1)
        choices = self._choices(is_searched=self.simulations > 0 and finished > 0)
        goal[:] = goals
        return int(choices.action[index]), float(choices.value[index])

    def root(self, index: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
        """What the last search knows of its root: (actions i32[n], visits i32[n], values f64[n],
        priors f32[n], network's value).

        Values are for the first player, NaN where unvisited. Priors include noise if the settings
        ask for it.
        """
        actions, visits, values, priors, _ = self.node(index)
        return actions, visits, values, priors, self.root_value(index)[2]

    def root_value(self, index: int = 0) -> tuple[int, float, float]:
        """How the last search values its root, read between two batch steps: (simulations, the mean
        of all their values and of the evaluator's, the evaluator's value). Values are for the first
        player."""
        simulations, total, value, *_ = read_root(self.forest, index)
        return simulations, (value + total) / (simulations + 1), value

    def mover(self, index: int = 0) -> int:
        """Who moves at a tree's root."""
        return int(read_root(self.forest, index)[4])

    def node(self, index: int = 0, node: int = memory.ROOT) -> tuple[np.ndarray, ...]:
        """The edges of a node: (actions, visits, values, priors, children i32[n], -1 where
        unvisited), see `root`."""
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
