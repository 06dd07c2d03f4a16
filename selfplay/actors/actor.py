"""An actor: games that play themselves, for ever, with the newest weights. A plain class; it knows
nothing of processes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from games.game import Game
from native.episodes import DONE, MOVES, SIMULATIONS, SelfPlayParams, new_records, play_step
from native.search.cache import clear, new_cache
from native.search.forest import new_batch, new_forest
from native.search.mcts import SearchBatch, expand_and_backup
from selfplay.config import ActorConfig, RunConfig, game_of, search_params
from selfplay.network.evaluator import Evaluator, Symmetries
from selfplay.network.network import Shape
from selfplay.network.weights import network_of
from selfplay.storage.records import Games, concatenate, take_finished

NEVER = 2.0  # no value is beyond it


@dataclass(frozen=True)
class Work:
    """What an actor did in one call."""

    moves: int
    simulations: int
    evaluations: int
    cache_hits: int
    seconds: float
    network_seconds: float
    select_seconds: float  # selecting, playing and encoding; and choosing and playing moves
    backup_seconds: float
    precision: str


def shown_views(game: Game, config: ActorConfig) -> Symmetries | None:
    """The symmetries under one of which each position is shown to the network; None: as it is."""
    return Symmetries(game.cell_maps, game.action_maps) if config.symmetry == "random" else None


class Actor:
    """Plays `config.actor.games` games at a time.

    `seed` names this actor's stream of random numbers; the same seed, weights and calls give the
    same games.
    """

    def __init__(self, config: RunConfig, shape: Shape, seed: int):
        game = game_of(config)
        actor, most = config.actor, max(config.search.simulations)
        self.config, self.shape, self.game = config, shape, game
        self.search_batch = SearchBatch(
            game.rules,
            search_params(config.search, config.exploration),
            new_forest(
                actor.games,
                most,
                game.state_bytes,
                game.actions,
                game.max_plies,
                actor.leaves,
                seed,
            ),
            new_cache(actor.cache_entries, game.actions),
            new_batch(
                actor.games * actor.leaves, game.planes, game.cells, game.scalars, game.actions
            ),
        )
        self.options = game.option_values()
        self.records = new_records(actor.games, game.max_plies, game.actions)
        self.evaluator: Evaluator | None = None
        self.generation = 0
        self.select_seconds = self.backup_seconds = 0.0

    def load(
        self, weights: dict[str, np.ndarray], generation: int, simulations: int, precision: str
    ) -> str:
        """Play on with these weights and so many simulations a search; returns the precision in
        use.

        Games in progress are kept. What the cache remembers was said by the old weights, so it is
        cleared.
        """
        network = network_of(self.shape, weights)
        rows = len(self.search_batch.batch.planes)
        if self.evaluator is None:
            self.evaluator = Evaluator(
                network,
                rows,
                precision,
                self.config.network.device,
                views=shown_views(self.game, self.config.actor),
                one_view=True,
            )
        else:
            self.evaluator.load(network)
        clear(self.search_batch.cache)
        self.generation = generation
        search, exploration = self.config.search, self.config.exploration
        self.plan = SelfPlayParams(
            simulations=simulations,
            opening_fraction=self.config.actor.opening_fraction,
            opening_plies=self.config.actor.opening_plies,
            temperature_start=exploration.temperature_start,
            temperature_end=exploration.temperature_end,
            temperature_halflife=exploration.temperature_halflife,
            tree_reuse=search.tree_reuse,
            decided_value=search.decided_value if search.decided_value < 1 else NEVER,
            decided_plies=search.decided_plies,
            decided_simulations=max(1, round(simulations * search.decided_share)),
            single_share=self.config.actor.single_share,
            single_plies=self.config.actor.single_plies,
        )
        return self.evaluator.precision

    def play(
        self, min_rows: int, is_stopped: Callable[[], bool] = lambda: False
    ) -> tuple[Games, Work]:
        """Play until finished games hold at least `min_rows` training rows, or until `is_stopped`
        says so between two batch steps; return those games."""
        begin, counts = time.perf_counter(), self._counts()
        parts, rows = [], 0
        while rows < min_rows and not is_stopped():
            self._step()
            if self._should_take(min_rows - rows):
                parts.append(take_finished(self.records, self.options, self.generation))
                rows += parts[-1].rows
        if rows < min_rows:
            parts.append(take_finished(self.records, self.options, self.generation))
        return concatenate(parts), self._work(counts, begin)

    def _should_take(self, wanted: int) -> bool:
        """Can finished games hold the rows that are wanted still, or do they fill a quarter of
        their room? To take them costs a fraction of a millisecond however many there are."""
        records, done = self.records, int(self.records.counts[DONE])
        return done > 0 and (
            4 * done >= len(records.done)
            or int(records.length[records.done[:done]].sum()) >= wanted
        )

    def _step(self) -> None:
        begin = time.perf_counter()
        rows = play_step(self.search_batch, self.plan, self.options, self.records)
        self.select_seconds += time.perf_counter() - begin
        if rows:
            self.evaluator.evaluate(self.search_batch.batch, rows)
            begin = time.perf_counter()
            expand_and_backup(self.search_batch, rows)
            self.backup_seconds += time.perf_counter() - begin

    def _counts(self) -> np.ndarray:
        played, evaluator = self.records.counts, self.evaluator
        counts = [
            played[MOVES],
            played[SIMULATIONS],
            evaluator.rows,
            self.search_batch.cache.counts[1],
        ]
        return np.array([*counts, evaluator.seconds, self.select_seconds, self.backup_seconds])

    def _work(self, before: np.ndarray, begin: float) -> Work:
        moves, simulations, evaluations, hits, network, select, backup = self._counts() - before
        return Work(
            moves=int(moves),
            simulations=int(simulations),
            evaluations=int(evaluations),
            cache_hits=int(hits),
            seconds=time.perf_counter() - begin,
            network_seconds=float(network),
            select_seconds=float(select),
            backup_seconds=float(backup),
            precision=self.evaluator.precision,
        )


def add_work(parts: list[Work]) -> Work:
    """Work of several calls; seconds are summed, so rates from it are per actor."""
    total = {
        name: sum(getattr(part, name) for part in parts)
        for name in Work.__dataclass_fields__
        if name != "precision"
    }
    return Work(**total, precision=parts[0].precision)
