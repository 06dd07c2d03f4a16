"""Rules called with guard bytes around all memory that they are given: does any of them write where
it may not?

This comes before every other law, because a rule that writes outside its memory breaks whoever asks
about the rest. It finds what lies within GUARD bytes; a rule that writes farther off may still end
the process, so `selfplay check` asks in another one.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from games.game import Game, Position
from native import abi

GUARD = 1 << 14  # bytes on either side of an array
CANARY = bytes([0xA5]) * GUARD
FEW, MANY = 400, 2000  # plies that are looked at: before an own game's first use, and to prove it
AFTER_THE_END = 64  # actions that are tried on a finished game

MEMORY = "rules write into the memory that they are given, and nowhere else"
RAISES = "rules never raise"
LOOKING = "looking at a position does not change it"
SORTED = "legal moves are ascending, distinct and in range"
EMPTY = "there is no legal move exactly when the game is over"
BOUNDED = "outcomes lie in [-1, 1]"
MOVER = "the mover is 0 or 1"
ENDS = "a game ends within max_plies"


@dataclass(frozen=True)
class Violation:
    law: str
    explanation: str


class Broken(Exception):
    """A rule did what it may not."""

    def __init__(self, law: str, explanation: str):
        super().__init__(law, explanation)
        self.law, self.explanation = law, explanation


class Guarded:
    """An array with GUARD known bytes before and behind it."""

    def __init__(self, what: str, shape: tuple[int, ...], dtype: type):
        self.what, size = what, int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.whole = np.frombuffer(CANARY + bytes(size) + CANARY, np.uint8).copy()
        self.array = self.whole[GUARD : GUARD + size].view(dtype).reshape(shape)

    def is_broken(self) -> bool:
        return self.whole[:GUARD].tobytes() != CANARY or self.whole[-GUARD:].tobytes() != CANARY


class Probe:
    """A game's rules, one call at a time; `note` is told the name of each before it is called."""

    def __init__(self, game: Game, note: Callable[[str], None], raised: list[str]):
        self.game, self.note, self.raised = game, note, raised
        values = game.option_values()
        self.state = Guarded("the position", (game.state_bytes,), np.uint8)
        self.options = Guarded("the options", values.shape, np.float64)
        self.options.array[:] = values
        self.actions = Guarded("the list of actions", (game.actions,), np.int32)
        self.planes = Guarded("the planes", (game.planes, game.cells), np.float32)
        self.scalars = Guarded("the scalars", (game.scalars,), np.float32)
        self.owner = Guarded("the owners", (game.cells,), np.int8)

    def call(self, name: str, *given) -> float | int | None:
        """One rule on guarded memory. Broken if it wrote outside it, or raised."""
        self.note(name)
        arrays = [one.array if isinstance(one, Guarded) else one for one in given]
        answer = getattr(abi, f"call_{name}")(self.game.rules, self.state.array, *arrays)
        for one in (self.state, *given):
            if isinstance(one, Guarded) and one.is_broken():
                raise Broken(MEMORY, f"{name} wrote outside {one.what}, {one.array.nbytes} bytes")
        if self.raised:
            raise Broken(RAISES, f"{name} raised {self.raised[-1]}")
        return answer

    def game_through(self, random: np.random.Generator, most: int) -> int:
        """One random game of at most `most` plies; returns its plies. Broken for the first harm,
        with the moves."""
        moves: list[int] = []
        try:
            self.state.array[:] = 0  # that start does not count on it is another law
            self.call("start", self.options)
            outcome, legal = np.nan, self.look(np.nan)
            while np.isnan(outcome) and len(moves) < most:
                moves.append(int(random.choice(legal)))
                outcome = self.call("play", moves[-1])
                if not (np.isnan(outcome) or -1 <= outcome <= 1):
                    raise Broken(BOUNDED, f"play gave {outcome}")
                if len(moves) >= self.game.max_plies and np.isnan(outcome):
                    raise Broken(ENDS, f"the game still goes on after {len(moves)} plies")
                legal = self.look(outcome)
            for action in range(0 if np.isnan(outcome) else min(self.game.actions, AFTER_THE_END)):
                self.call("play", action)
        except Broken as broken:
            board = f":\n{self.board()}" if broken.law not in (MEMORY, RAISES) else ""
            raise Broken(
                broken.law, f"{broken.explanation} {after(self.game, moves)}{board}"
            ) from None
        return len(moves)

    def board(self) -> str:
        return drawn(Position(self.game, self.state.array.copy()))

    def look(self, outcome: float) -> np.ndarray:
        """Ask all that can be asked of a position, and once more; returns its legal actions."""
        if (mover := self.call("mover")) not in (0, 1):
            raise Broken(MOVER, f"mover gave {mover}")
        key, legal = self.call("key"), self.legal()
        if (len(legal) == 0) != (not np.isnan(outcome)):
            raise Broken(
                EMPTY,
                f"{len(legal)} legal moves with outcome {None if np.isnan(outcome) else outcome}",
            )
        self.call("observe", self.planes, self.scalars)
        self.call("final", self.owner)
        for name, first, again in (
            ("mover", mover, self.call("mover")),
            ("key", key, self.call("key")),
        ):
            if first != again:
                raise Broken(
                    LOOKING, f"{name} gave {first}, and {again} when the others had been asked"
                )
        if legal.tolist() != (again := self.legal().tolist()):
            raise Broken(
                LOOKING,
                f"legal gave {legal.tolist()[:20]}, and {again[:20]} when the others had been "
                "asked",
            )
        return legal

    def legal(self) -> np.ndarray:
        count, most = self.call("legal", self.actions), self.game.actions
        if not 0 <= count <= most:
            raise Broken(SORTED, f"legal gave {count} actions, of {most} that there are")
        legal = self.actions.array[:count].copy()
        if count and (np.any(np.diff(legal) <= 0) or legal[0] < 0 or legal[-1] >= most):
            raise Broken(SORTED, f"legal gave {legal.tolist()[:20]}, of {most} actions")
        return legal


def after(game: Game, moves: Sequence[int]) -> str:
    """The moves in the game's notation, or as numbers where it has none for them."""
    try:
        words = [str(game.format(move)) for move in moves]
    except Exception:
        words = [str(move) for move in moves]
    return f"after {' '.join(words) or 'no moves'}"


def drawn(position: Position) -> str:
    try:
        return str(position)
    except Exception:
        return "(a position that cannot be drawn)"


def find_harm(
    game: Game, plies: int = MANY, seed: int = 0, note: Callable[[str], None] = lambda name: None
) -> Violation | None:
    """The first harm that a game's rules do in random games of so many plies together; None if they
    do none."""
    random = np.random.default_rng(seed)
    with raised_by_rules() as raised:
        try:
            probe = Probe(game, note, raised)
            while plies > 0:
                plies -= 1 + probe.game_through(random, min(game.max_plies, plies))
        except Broken as broken:
            return Violation(broken.law, broken.explanation)
    return None


@contextmanager
def raised_by_rules() -> Iterator[list[str]]:
    """Collects what compiled rules raise, which Python would print: they are called from code that
    has nobody to raise to."""
    raised: list[str] = []
    before, sys.unraisablehook = (
        sys.unraisablehook,
        lambda what: raised.append(f"{what.exc_type.__name__}: {what.exc_value}"),
    )
    try:
        yield raised
    finally:
        sys.unraisablehook = before
