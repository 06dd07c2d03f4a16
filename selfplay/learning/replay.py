"""The replay window: the newest games, as training rows drawn at random under random symmetries."""

from collections.abc import Iterable

import numpy as np

from games.game import Game
from native.episodes import DECIDED, SEARCHED
from native.rows import (
    Targets,
    TrainingBatch,
    compute_targets,
    new_scratch,
    new_targets,
    new_training_batch,
    write_rows,
)
from selfplay.config import ReplayConfig
from selfplay.storage.records import Games, concatenate


def window_rows(config: ReplayConfig, total_rows: int) -> int:
    """How many of `total_rows` ever played to keep (KataGo, Wu 2019, appendix C, with its shift s =
    the minimum):

    W(N) = min + beta * ((N - min + s)^a - s^a) / (a * s^(a-1)); everything while N <= min.
    """
    smallest, exponent = config.window_min, config.window_exponent
    if total_rows <= smallest:
        return total_rows
    grown = total_rows**exponent - smallest**exponent
    return int(smallest + config.window_growth * grown / (exponent * smallest ** (exponent - 1)))


def is_drawn(origin: np.ndarray, decided_weight: float) -> np.ndarray:
    """bool[M]: every searched move is a row; of those in decided games, evenly, the share
    `decided_weight` is."""
    is_decided = origin == DECIDED
    counted = np.cumsum(is_decided) * decided_weight
    return (origin == SEARCHED) | (
        is_decided & (np.floor(counted) > np.floor(counted - decided_weight))
    )


class Replay:
    """Holds whole generations of games, newest last, until they have the rows of the window."""

    def __init__(self, game: Game, config: ReplayConfig):
        self.game, self.config = game, config
        self.window: Games | None = None  # the games of all generations held, oldest first
        self.learned: Targets | None = None  # what came of them
        self.generations: list[tuple[int, int]] = []  # (games, rows) of each
        self.total_rows = 0  # rows of all games ever played
        self.scratch = new_scratch(game.state_bytes, game.planes, game.cells, game.actions)

    def add(self, games: Games) -> None:
        """Append a generation and let go of the oldest that the window no longer reaches."""
        self.total_rows += games.rows
        self._append([games])

    def restore(self, newest_first: Iterable[Games], total_rows: int) -> None:
        """Take up where `add` had got to: of the generations played, newest first, read only those
        that the window of `total_rows` rows reaches. The same rows in the same order as if all had
        been added."""
        wanted, parts, rows = window_rows(self.config, total_rows), [], 0
        for games in newest_first:
            parts.append(games)
            rows += games.rows
            if rows >= wanted:
                break
        self.total_rows = total_rows
        if parts:
            self._append(parts[::-1])

    def _append(self, parts: list[Games]) -> None:
        """Generations that follow those held, oldest first."""
        wanted = window_rows(self.config, self.total_rows)
        self.generations += [(games.count, games.rows) for games in parts]
        first, window = self._drop(wanted), concatenate(parts)
        learned = self._read(window)
        if self.window is not None:
            move = self.window.first_move[first]
            window = concatenate([self.window.part(first), window])
            learned = Targets(
                value=np.concatenate([self.learned.value[move:], learned.value]),
                owner=np.concatenate([self.learned.owner[first:], learned.owner]),
                score=np.concatenate([self.learned.score[first:], learned.score]),
            )
        self.moves = window.moves()
        # the same arrays, held once
        self.window, self.learned = (
            window._replace(**self.moves._asdict()),
            learned,
        )
        self.row_move = np.flatnonzero(is_drawn(window.origin, self.config.decided_weight))[
            -wanted:
        ]
        self.row_game = np.searchsorted(window.first_move, self.row_move, side="right") - 1

    def _drop(self, wanted: int) -> int:
        """Forget the oldest generations without which `wanted` rows are left; returns how many
        games they had."""
        first = 0
        while len(self.generations) > 1 and sum(rows for _, rows in self.generations[1:]) >= wanted:
            first += self.generations.pop(0)[0]
        return first

    def _read(self, games: Games) -> Targets:
        targets = new_targets(games.count, len(games.action), self.game.cells)
        compute_targets(
            self.game.rules,
            games.moves(),
            float(self.config.value_lambda),
            self.scratch[0],
            targets,
        )
        return targets

    @property
    def rows(self) -> int:
        return len(self.row_move)

    def buffer(self, batch: int) -> TrainingBatch:
        game = self.game
        return new_training_batch(batch, game.planes, game.cells, game.scalars, game.actions)

    def draw(
        self, random: np.random.Generator, rows: TrainingBatch, newest: bool = False
    ) -> TrainingBatch:
        """Fill `rows` with rows of the window, or of its `newest` generation, uniformly, each under
        a random symmetry of the board; returns it."""
        game, count = self.game, len(rows.outcome)
        first = sum(games for games, _ in self.generations[:-1]) if newest else 0
        low = int(np.searchsorted(self.row_game, first))
        index = random.integers(low, self.rows, size=count)
        symmetry = random.integers(len(game.cell_maps), size=count)
        write_rows(
            game.rules,
            self.moves,
            self.learned,
            self.row_game[index],
            self.row_move[index],
            symmetry,
            game.cell_maps,
            game.action_maps,
            self.scratch,
            rows,
        )
        return rows
