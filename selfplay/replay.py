"""The replay window: the newest games, as training rows drawn at random under random symmetries."""

import numpy as np

from games.game import Game
from native.rows import Lessons, Rows, new_lessons, new_rows, new_scratch, read_lessons, write_rows
from native.selfplay import SEARCHED, SETTLED
from selfplay.config import ReplayConfig
from selfplay.records import Games, concatenate


def window_rows(config: ReplayConfig, total_rows: int) -> int:
    """How many of `total_rows` ever played to keep (KataGo, Wu 2019, appendix C, with its shift s = the minimum):

    W(N) = min + beta * ((N - min + s)^a - s^a) / (a * s^(a-1)); everything while N <= min.
    """
    smallest, exponent = config.window_min, config.window_exponent
    if total_rows <= smallest:
        return total_rows
    grown = total_rows**exponent - smallest**exponent
    return int(smallest + config.window_growth * grown / (exponent * smallest ** (exponent - 1)))


def is_drawn(origin: np.ndarray, settled_weight: float) -> np.ndarray:
    """bool[M]: every searched move is a row; of those in settled games, evenly, the share `settled_weight` is."""
    settled = origin == SETTLED
    counted = np.cumsum(settled) * settled_weight
    return (origin == SEARCHED) | (settled & (np.floor(counted) > np.floor(counted - settled_weight)))


class Replay:
    """Keeps whole generations of games, newest last, until they hold the rows of the window."""

    def __init__(self, game: Game, config: ReplayConfig):
        self.game, self.config = game, config
        self.generations: list[Games] = []
        self.lessons: list[Lessons] = []  # of each generation
        self.total_rows = 0
        self.scratch = new_scratch(game.state_bytes, game.planes, game.cells, game.actions)

    def add(self, games: Games) -> None:
        """Append a generation and let go of the oldest that the window no longer reaches."""
        self.generations.append(games)
        self.lessons.append(self._read(games))
        self.total_rows += games.rows
        wanted = window_rows(self.config, self.total_rows)
        while len(self.generations) > 1 and sum(g.rows for g in self.generations[1:]) >= wanted:
            self.generations.pop(0)
            self.lessons.pop(0)
        self._index(wanted)

    def _read(self, games: Games) -> Lessons:
        lessons = new_lessons(games.count, len(games.action), self.game.cells)
        read_lessons(self.game.rules, games.moves(), float(self.config.search_share), self.scratch[0], lessons)
        return lessons

    def _index(self, wanted: int) -> None:
        window = concatenate(self.generations)
        self.moves = window.moves()
        self.row_move = np.flatnonzero(is_drawn(window.origin, self.config.settled_weight))[-wanted:]
        self.learned = Lessons(*(np.concatenate(parts) for parts in zip(*self.lessons)))
        self.row_game = np.searchsorted(window.first_move, self.row_move, side="right") - 1

    @property
    def rows(self) -> int:
        return len(self.row_move)

    def buffer(self, batch: int) -> Rows:
        game = self.game
        return new_rows(batch, game.planes, game.cells, game.scalars, game.actions)

    def draw(self, random: np.random.Generator, rows: Rows) -> Rows:
        """Fill `rows` with rows of the window, uniformly, each under a random symmetry of the board; returns it."""
        game, count = self.game, len(rows.outcome)
        index = random.integers(self.rows, size=count)
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
