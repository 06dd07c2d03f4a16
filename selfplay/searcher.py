"""Searching many given positions at once: what players, exams and matches ask for.

(Self-play has its own wave, which also plays: see `selfplay.actor`.)
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from games.game import Game
from native import forest as memory
from native.cache import new_cache
from native.search import PUCT, Settings, absorb, choose, descend, read_priors, read_root
from selfplay.settled import NEVER, NO_EDGE, overtaken_in


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
        self.game, self.evaluator, self.settings, self.simulations = game, evaluator, settings, simulations
        self.stops_settled = stops_settled
        self.forest = memory.new_forest(
            games, max(simulations, 1), game.state_bytes, game.actions, game.max_plies, leaves, seed
        )
        self.batch = memory.new_batch(games * leaves, game.planes, game.cells, game.scalars, game.actions)
        self.cache = new_cache(cache_entries, game.actions)

    def search(self, states: np.ndarray) -> Found:
        """Search positions u8[n, S], none of them finished, with `simulations` each (0: the network's own choice)."""
        return join([self._search_some(part) for part in np.split(states, self._cuts(len(states)))])

    def _cuts(self, count: int) -> range:
        games = len(self.forest.goal)
        return range(games, count, games)

    def _search_some(self, states: np.ndarray) -> Found:
        games = len(self.forest.goal)
        memory.plant_all(self.forest, states, max(self.simulations, 1))
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
        rows = descend(self.game.rules, self.settings, self.forest, self.cache, self.batch)
        if rows:
            self.evaluator.evaluate(self.batch, rows)
            absorb(self.settings, self.forest, self.cache, self.batch, rows)
        return rows

    def _stop_settled(self) -> None:
        """Let the searches end whose action is certain. Between waves: nothing is in flight."""
        finished, goal = self.forest.finished, self.forest.goal
        is_settled = (finished > 0) & (self.overtaken_in() > goal - finished)
        goal[is_settled] = finished[is_settled]

    def overtaken_in(self) -> np.ndarray:
        """Simulations until another action may be chosen than now, at least: i64[B]. Gumbel halves its candidates by values,
        so there any of them may, until one is left."""
        forest = self.forest
        count = forest.node_num_edges[:, memory.ROOT, None]
        if self.settings.kind != PUCT:
            return np.where(np.minimum(count[:, 0], self.settings.max_considered) == 1, NEVER, 0)
        visits = forest.edge_visits[:, : self.game.actions]  # the root's edges are a tree's first
        return overtaken_in(np.where(np.arange(self.game.actions) < count, visits, NO_EDGE))

    def root(self, index: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
        """Of the last search: (actions i32[n], visits i32[n], values f64[n], priors f32[n], network's value).

        Values are for the first player, NaN where unvisited. Priors include noise if the settings ask for it.
        """
        most = self.game.actions
        actions, visits = np.zeros(most, np.int32), np.zeros(most, np.int32)
        values, priors = np.zeros(most), np.zeros(most, np.float32)
        n = read_root(self.forest, index, actions, visits, values, priors)
        return actions[:n], visits[:n], values[:n], priors[:n], float(self.forest.node_value[index, memory.ROOT])


def join(parts: list[Found]) -> Found:
    return Found(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("action", "value", "policy")))
