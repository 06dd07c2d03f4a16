"""What a game is to people and to the rest of the program: the frozen record `Game` and the
`Position` one plays on.

The rules themselves are the compiled functions in `Game.rules` (see `native.abi`). Illegal input is
refused here, at the Python edge, because rules never raise.
"""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from games import fields
from games.quoting import quoted
from native import abi

LONGEST_WORD = 20  # characters of a word that an error repeats
# actions more than there are: a wrong rule that writes a few too many breaks nothing of ours
SPARE = 64


def for_side(value, side):
    """A value of the first player (a number or an array) as a side sees it: 0 the first player, 1
    the second. And back: a side's value as the first player's. Outside the compiled core
    (`native.perspective`) values change sides here alone."""
    return value * (1.0 - 2.0 * side)


def win_rate(value: float, side: int) -> float:
    """A side's win rate in [0, 1], a draw counting half, from a value of the FIRST player in [-1,
    1]."""
    return float(min(1.0, max(0.0, (1.0 + for_side(value, side)) / 2.0)))


@dataclass(frozen=True)
class Layout:
    """How actions lie on the board, so that a convolutional policy head can be shaped for them.

    kind "cells":   action = plane * cells + cell, then `extra` actions of no cell (a pass)
    kind "columns": action = plane * columns + column (a disc dropped), then `extra`
    """

    kind: str
    planes: int = 1
    extra: int = 0


def owned_cells(position: "Position") -> np.ndarray:
    """The stones of a game in which players own the cells that they have stones on, and no others:
    int8[rows, columns]."""
    return position.final()[0]


@dataclass(frozen=True, eq=False)
class Game:
    """A game's fixed facts. Shapes: C = rows * columns cells, P planes, K scalars, A actions, S
    symmetries.

    Cells are numbered row by row from the top left. `cell_maps[s, c]` and `action_maps[s, a]` say
    where symmetry s takes a cell and an action; symmetry 0 is the identity.
    """

    name: str
    title: str
    dtype: np.dtype
    rows: int
    columns: int
    planes: int
    actions: int
    max_plies: int  # no game is longer
    layout: Layout
    rules: abi.Rules
    format: Callable[[int], str]  # action -> text
    parse: Callable[[str], int]  # text -> action; ValueError for text that names no action
    draw: Callable[["Position"], str]  # plain board text
    cell_maps: np.ndarray  # int32[S, C]
    action_maps: np.ndarray  # int32[S, A]
    scalars: int = 0
    options: dict[str, float] = field(default_factory=dict)  # name -> default, such as komi
    owner_symbols: str = "XO"  # first player's and second player's stone in text
    # What records and protocols need beyond the rules.
    # int8[rows, columns]: +1, -1: whose stone is on the cell
    stones: Callable[["Position"], np.ndarray] = owned_cells
    # None where a game has no such thing; ValueError if it cannot be.
    # (black cells, white cells, mover, **options): a board with these stones
    setup: Callable[..., "Position"] | None = None
    # games with passes: make a side the mover, in place; see Position
    resume: Callable[["Position", int], None] | None = None
    # execute a move that the rules forbid, in place, as SGF does
    force: Callable[["Position", int], None] | None = None
    # `games.own.Source` of a user's own game, None of the package's and of others'
    source: object | None = None

    def __post_init__(self):
        fields.check(self)

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    @property
    def state_bytes(self) -> int:
        return self.dtype.itemsize

    def with_options(self, **options: float) -> "Game":
        """The same game with other defaults: `go.with_options(komi=5.5).start()`. ValueError for an
        unknown option."""
        values = self.option_values(**options)
        return replace(self, options=dict(zip(self.options, values.tolist()))) if options else self

    def start(self, **options: float) -> "Position":
        """The first position. Keyword options override the game's defaults; unknown ones raise
        ValueError."""
        return Position(self, self.start_state(**options))

    def start_state(self, **options: float) -> np.ndarray:
        """The first position's bytes, uint8[S]."""
        state = np.zeros(self.state_bytes, np.uint8)
        abi.call_start(self.rules, state, self.option_values(**options))
        return state

    def option_values(self, **options: float) -> np.ndarray:
        unknown = [name for name in options if name not in self.options]
        if unknown:
            known = ", ".join(self.options) or "none"
            raise ValueError(f"{self.name} has no option {quoted(unknown[0])}; it has: {known}")
        if infinite := [name for name, value in options.items() if not np.isfinite(value)]:
            raise ValueError(
                f"{self.name}: option {infinite[0]} must be a finite number, not "
                f"{options[infinite[0]]}"
            )
        return np.array(
            [float(options.get(name, default)) for name, default in self.options.items()],
            np.float64,
        )


class Position:
    """One position of a game, and how people, tools and tests play it. Values belong to the first
    player."""

    __slots__ = ("game", "state", "outcome", "plies")

    def __init__(self, game: Game, state: np.ndarray, outcome: float | None = None, plies: int = 0):
        self.game, self.state, self.outcome, self.plies = game, state, outcome, plies

    @property
    def mover(self) -> int:
        """0 if the first player is to move, 1 if the second."""
        return int(abi.call_mover(self.game.rules, self.state))

    @property
    def legal(self) -> np.ndarray:
        """Legal actions, int32, ascending; empty when the game is over."""
        actions = np.empty(self.game.actions + SPARE, np.int32)
        count = abi.call_legal(self.game.rules, self.state, actions)
        if not 0 <= count <= self.game.actions:
            raise ValueError(
                f"{self.game.name}: legal gave {count} actions, of {self.game.actions} that there "
                "are"
            )
        return actions[:count].copy()

    def play(self, action: int | str) -> "Position":
        """Apply a legal action (a number or its text) in place and return self; ValueError if it is
        not legal."""
        index = self.game.parse(action) if isinstance(action, str) else int(action)
        if index not in self.legal:
            raise ValueError(self._refusal(action))
        outcome = float(abi.call_play(self.game.rules, self.state, index))
        self.outcome = None if np.isnan(outcome) else outcome
        self.plies += 1
        return self

    def _refusal(self, action: int | str) -> str:
        text = action[:LONGEST_WORD] if isinstance(action, str) else self._name(int(action))
        if self.outcome is not None:
            return f"the game is over; {text!r} cannot be played\n{self}"
        legal = " ".join(self.game.format(a) for a in self.legal)
        return f"{text!r} is not legal here; legal: {legal}\n{self}"

    def _name(self, action: int) -> str:
        return self.game.format(action) if 0 <= action < self.game.actions else str(action)

    @property
    def key(self) -> int:
        """64-bit hash of all that the network sees."""
        return int(abi.call_key(self.game.rules, self.state))

    def planes(self) -> np.ndarray:
        """The network's input from the mover's side, float32[P, rows, columns]."""
        return self.observe()[0]

    def observe(self) -> tuple[np.ndarray, np.ndarray]:
        """(planes float32[P, rows, columns], scalars float32[K]), from the mover's side."""
        game = self.game
        planes, scalars = (
            np.zeros((game.planes, game.cells), np.float32),
            np.zeros(game.scalars, np.float32),
        )
        abi.call_observe(game.rules, self.state, planes, scalars)
        return planes.reshape(game.planes, game.rows, game.columns), scalars

    def final(self) -> tuple[np.ndarray, float]:
        """(owner int8[rows, columns], score): +1 the first player's cell, -1 the second's, 0
        nobody's."""
        owner = np.zeros(self.game.cells, np.int8)
        score = float(abi.call_final(self.game.rules, self.state, owner))
        return owner.reshape(self.game.rows, self.game.columns), score

    def copy(self) -> "Position":
        return Position(self.game, self.state.copy(), self.outcome, self.plies)

    def __str__(self) -> str:
        return self.game.draw(self)


def recomputed(position: Position, recompute: abi.Rules, mover: int) -> Position:
    """The position, in place, after stones or the mover were changed: `recompute` are rules whose
    `play(state, mover)` writes all that follows from the stones and returns the outcome, NaN while
    the game goes on."""
    outcome = float(abi.call_play(recompute, position.state, mover))
    position.outcome = None if np.isnan(outcome) else outcome
    return position


def stones_of(black: list[int], white: list[int], cells: int) -> np.ndarray:
    """int8[C]: +1 where Black's stones are set up, -1 for White's. ValueError for a cell that is
    none or has two stones."""
    board = np.zeros(cells, np.int8)
    for owner, chosen in ((1, black), (-1, white)):
        for cell in chosen:
            if not 0 <= cell < cells or board[cell] not in (0, owner):
                raise ValueError("a stone needs a cell of its own")
            board[cell] = owner
    return board


def board_size(module_name: str, default: int) -> int:
    """The number at the end of a module's name, `games.go9` -> 9: how a file that serves many sizes
    knows its own."""
    digits = module_name[len(module_name.rstrip("0123456789")) :]
    return int(digits) if digits else default


def part(name: str, size: int) -> ModuleType:
    """The file `name`.py of this folder, run for one size as the module `games.<name><size>`: where
    a family's game has more than one file, they all know their size in the same way."""
    return run_file(f"games.{name}{size}", Path(__file__).with_name(f"{name}.py"))


def run_file(module_name: str, path: Path) -> ModuleType:
    """Run a file as the module of that name, once; Python knows the module before the file runs."""
    if module_name not in sys.modules:
        if not path.is_file():
            raise ValueError(f"no such game file: {path}")
        spec = importlib.util.spec_from_file_location(module_name, path)
        sys.modules[module_name] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
    return sys.modules[module_name]


def letters_and_numbers(
    rows: int, columns: int
) -> tuple[Callable[[int], str], Callable[[str], int]]:
    """(format, parse) for cells named a1 = top left, letter = column, number = row."""

    def format_cell(action: int) -> str:
        return f"{chr(ord('a') + action % columns)}{action // columns + 1}"

    names = {format_cell(cell): cell for cell in range(rows * columns)}

    def parse_cell(text: str) -> int:
        if (name := text.strip().lower()) not in names:
            raise ValueError(
                f"{text[:LONGEST_WORD]!r} is no cell; cells run from a1 (top left) to "
                f"{format_cell(rows * columns - 1)}"
            )
        return names[name]

    return format_cell, parse_cell


def vertices(size: int) -> tuple[Callable[[int], str], Callable[[str], int]]:
    """(format, parse) for the cells of a square as the Go Text Protocol names them: A1 bottom left,
    no I, any case."""
    columns = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter != "I"][:size]

    def format_vertex(action: int) -> str:
        return f"{columns[action % size]}{size - action // size}"

    names = {format_vertex(cell): cell for cell in range(size * size)}

    def parse_vertex(text: str) -> int:
        if (name := text.strip().upper()) not in names:
            last = f"{columns[-1]}{size}"
            raise ValueError(
                f"{text[:LONGEST_WORD]!r} is no vertex; they run from A1 (bottom left) to {last}, "
                "without I"
            )
        return names[name]

    return format_vertex, parse_vertex


def draw_cells(position: Position, header: str, row_names: list[str]) -> str:
    """Board text: one line a row, the stones in the game's symbols, dots for empty cells."""
    symbols = {1: position.game.owner_symbols[0], -1: position.game.owner_symbols[1], 0: "."}
    stones = position.game.stones(position)
    lines = [header] + [
        f"{name}{' '.join(symbols[int(s)] for s in row)}" for name, row in zip(row_names, stones)
    ]
    return "\n".join(lines)


def board_symmetries(rows: int, columns: int) -> np.ndarray:
    """int32[S, C]: the 8 symmetries of a square or the 4 of a rectangle, the identity first."""
    cells = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    square = (
        [np.rot90(cells, k) for k in range(4)] if rows == columns else [cells, np.rot90(cells, 2)]
    )
    views = square + [np.fliplr(view) for view in square]
    # views[s][r, c] is the old cell seen at (r, c); the map wanted says where an old cell goes,
    # which is its inverse.
    return np.stack([np.argsort(view.ravel()) for view in views]).astype(np.int32)
