"""Exams: positions whose every move has a known exact value, and how often a player keeps the
position's value.

Connect Four's positions are data (`exams/`, with the script that made them); tic-tac-toe's are all
there are, solved when asked. A game without an exam has none: `load` returns None.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import games
from games.game import Game, Position, for_side

FOLDER = Path(__file__).parent.parent / "exams"
SOLVED_COMPLETELY = ("tictactoe",)


@dataclass(frozen=True)
class Exam:
    """n positions: states u8[n, S]; keeps bool[n, A], the moves that keep the value; value f64[n]
    for the FIRST player."""

    game: str
    source: str
    states: np.ndarray
    keeps: np.ndarray
    value: np.ndarray
    plies: np.ndarray  # i32[n]

    def __len__(self) -> int:
        return len(self.states)

    def grade(self, actions: np.ndarray) -> np.ndarray:
        """bool[n]: did each move keep the value?"""
        return self.keeps[np.arange(len(self)), actions]

    def first(self, count: int) -> "Exam":
        """`count` positions spread evenly over the exam."""
        if count >= len(self):
            return self
        index = np.linspace(0, len(self) - 1, count).round().astype(int)
        return Exam(
            self.game,
            self.source,
            *(a[index] for a in (self.states, self.keeps, self.value, self.plies)),
        )


@cache
def load(game_name: str, validation: bool = False) -> Exam | None:
    """The exam of one of the package's games, or None; a file is looked for under no other name.
    `validation` asks for the positions that runs may look at while they train."""
    game_name = games.full_name(game_name)
    if game_name not in games.GAMES:
        return None
    if game_name in SOLVED_COMPLETELY:
        return solve_all(games.load(game_name))
    path = FOLDER / f"{game_name}{'_validation' if validation else ''}.txt"
    return read(path, games.load(game_name)) if path.exists() else None


def read(path: Path, game: Game) -> Exam:
    """Lines `moves values`: moves from the start in the game's notation, one character each; per
    action its value for the player who moves, `.` if it is illegal."""
    lines = [
        line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")
    ]
    positions = [_replay(game, moves) for moves, _ in lines]
    values = np.array(
        [[np.nan if v == "." else float(v) for v in text.split(",")] for _, text in lines]
    )
    return _exam(game, path.name, positions, values)


def solve_all(game: Game) -> Exam:
    """Every reachable unfinished position of a small game, solved by plain minimax."""
    # by key: the position and its actions' values for the first player
    solved: dict[int, tuple[Position, np.ndarray]] = {}
    _solve(game.start(), solved)
    positions = [position for position, _ in solved.values()]
    values = np.stack([for_side(values, position.mover) for position, values in solved.values()])
    return _exam(game, "every reachable position", positions, values)


def _solve(position: Position, solved: dict[int, tuple[Position, np.ndarray]]) -> float:
    """The first player's value of a position; notes it and all unfinished ones below it in
    `solved`."""
    if position.outcome is not None:
        return position.outcome
    if (key := position.key) not in solved:
        values = np.full(position.game.actions, np.nan)
        for action in position.legal:
            values[action] = _solve(position.copy().play(int(action)), solved)
        solved[key] = position, values
    values = solved[key][1]
    return float(np.nanmax(values) if position.mover == 0 else np.nanmin(values))


def _exam(game: Game, source: str, positions: list[Position], values: np.ndarray) -> Exam:
    """values f64[n, A] for the MOVER, NaN where illegal."""
    best = np.nanmax(values, 1)
    return Exam(
        game=game.name,
        source=source,
        states=np.stack([position.state for position in positions]),
        keeps=values == best[:, None],
        value=for_side(best, np.array([position.mover for position in positions])),
        plies=np.array([position.plies for position in positions], np.int32),
    )


def _replay(game: Game, moves: str) -> Position:
    position = game.start()
    for move in moves:
        position.play(move)
    return position
