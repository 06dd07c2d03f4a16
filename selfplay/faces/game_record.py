"""A game as it was played, whatever the rules think of it: how it began, and one step after the
other.

A step is a move of a side, or a change of what stands on the board. Who moves is no pass: a side
that moves twice, or behind the end that the rules see, is made the mover and nobody has passed. A
record may hold moves that our rules forbid. It knows no file format; that is `selfplay.faces.sgf`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from games.game import Game, Position
from native.perspective import FIRST

FORBIDDEN = "the rules forbid it here"


@dataclass(frozen=True)
class Setup:
    """How a game begins: its options, and stones (cells) that stand beforehand, with who moves
    then. Without stones the game begins as it always does."""

    options: dict[str, float] = field(default_factory=dict)
    black: tuple[int, ...] = ()
    white: tuple[int, ...] = ()
    mover: int = FIRST

    @property
    def has_stones(self) -> bool:
        return bool(self.black or self.white) or self.mover != FIRST

    def start(self, game: Game) -> Position:
        """The position. ValueError where the game allows no stones beforehand, or not these."""
        if self.black or self.white:
            return set_up(game, self.options, self.black, self.white, self.mover)
        position = game.start(**self.options)
        return position if self.mover == FIRST else given_turn(position, self.mover, self.options)


@dataclass(frozen=True)
class Move:
    side: int
    action: int


@dataclass(frozen=True)
class Change:
    """Stones that are put or taken away (+1 the first player's, -1 the second's, 0 none), by
    ascending cell; who moves then, None if that stays."""

    stones: tuple[tuple[int, int], ...] = ()
    mover: int | None = None


Step = Move | Change


@dataclass(frozen=True)
class Record:
    game: Game
    setup: Setup = Setup()
    steps: tuple[Step, ...] = ()
    names: tuple[str, str] = ("", "")
    result: str = ""  # RE; "" lets the position speak
    note: str = ""  # why a file was not read to its end

    @property
    def moves(self) -> list[int]:
        """The actions alone, which lead to the position where the record `is_plain`."""
        return [step.action for step in self.steps if isinstance(step, Move)]

    @property
    def is_plain(self) -> bool:
        """Do the moves, played by the rules from the game's own start, lead to the position?"""
        if self.setup != Setup() or any(isinstance(step, Change) for step in self.steps):
            return False
        position = self.game.start()
        for step in self.steps:
            if step.side != position.mover or step.action not in position.legal:
                return False
            position.play(step.action)
        return True

    def position(self) -> Position:
        """The last one. ValueError if a step cannot be done."""
        position = self.setup.start(self.game)
        for step in self.steps:
            position = after(position, step, self.setup.options)
        return position

    def with_step(self, step: Step) -> "Record":
        return Record(self.game, self.setup, (*self.steps, step), self.names)

    def cut(self, count: int) -> "Record":
        """The first `count` steps."""
        return Record(self.game, self.setup, self.steps[:count], self.names)

    def before_move(self, number: int) -> "Record":
        """What was before the `number`-th move, counted from 1: all if there are fewer."""
        places = [place for place, step in enumerate(self.steps) if isinstance(step, Move)]
        return self.cut(places[number - 1]) if number <= len(places) else self


def plain(game: Game, moves: Iterable[int]) -> Record:
    """The record of legal moves from the game's own start."""
    position, steps = game.start(), []
    for action in moves:
        steps.append(Move(position.mover, action))
        position.play(action)
    return Record(game, steps=tuple(steps))


# What a step does


def after(position: Position, step: Step, options: dict[str, float]) -> Position:
    """The position behind a step, a new one; `options` are those that the game began with.
    ValueError, with why, if there is none."""
    return (
        with_change(position, step, options)
        if isinstance(step, Change)
        else executed(position, step, options)
    )


def turned(position: Position, side: int) -> Position:
    """A copy in which `side` moves, though nobody has passed, and an end by passes is taken back.
    ValueError in games without passes, and where there is nothing left to play."""
    turn = position.copy()
    if position.outcome is None and position.mover == side:
        return turn
    if position.game.resume is None:
        raise ValueError(
            "the game is over" if position.outcome is not None else "it is the other player's turn"
        )
    position.game.resume(turn, side)
    if turn.outcome is not None:
        raise ValueError("the game is over")
    return turn


def is_played_out(position: Position) -> bool:
    """Has a game with passes come to an end at which neither side has a move? Then passing is all
    that is left."""
    if position.outcome is None or position.game.resume is None:
        return False
    turn = position.copy()
    position.game.resume(turn, position.mover)
    return turn.outcome is not None


def is_idle(position: Position, action: int) -> bool:
    """A pass behind the end: the end stays, and nobody plays on."""
    return position.outcome is not None and action == pass_of(position.game)


def allowed(position: Position, side: int, action: int) -> Move:
    """A move that the rules allow as soon as the side has the turn. ValueError that says why they
    do not."""
    if is_idle(position, action):
        return Move(side, action)
    turn = turned(position, side)
    if action not in turn.legal:
        raise ValueError("there is a stone already" if is_taken(turn, action) else FORBIDDEN)
    return Move(side, action)


def executed(position: Position, move: Move, options: dict[str, float]) -> Position:
    """The position behind a move of a record, which the rules may forbid: as its game knows how to
    do it."""
    if is_idle(position, move.action):
        return position.copy()
    turn = given_turn(position, move.side, options)
    if move.action in turn.legal:
        return turn.play(move.action)
    if turn.game.force is None:
        raise ValueError("there is a stone already" if is_taken(turn, move.action) else FORBIDDEN)
    turn.game.force(turn, move.action)
    return turn


def given_turn(position: Position, side: int, options: dict[str, float]) -> Position:
    """`turned`, also where a game knows no pass but boards that are set up: the same stones, the
    other mover."""
    can_turn = position.game.resume is not None or position.game.setup is None
    if can_turn or position.outcome is not None or position.mover == side:
        return turned(position, side)
    return with_change(position, Change(mover=side), options)


def with_change(position: Position, change: Change, options: dict[str, float]) -> Position:
    mover = position.mover if change.mover is None else change.mover
    if not change.stones and position.game.resume is not None:
        return turned(position, mover)  # the same game goes on, with its superko
    board = dict(enumerate(stones(position))) | dict(change.stones)
    black, white = (
        tuple(cell for cell, owner in board.items() if owner == side) for side in (1, -1)
    )
    return set_up(position.game, options, black, white, mover)


def set_up(game: Game, options: dict[str, float], black, white, mover: int) -> Position:
    if game.setup is None:
        raise ValueError(f"{game.title} cannot begin with stones set up")
    options = {
        name: value for name, value in (game.options | options).items() if name != "handicap"
    }
    return game.setup(list(black), list(white), mover, **options)


def is_taken(position: Position, action: int) -> bool:
    """Would the action put a stone where one stands?"""
    layout, found = position.game.layout, stones(position)
    return (
        (layout.kind, layout.planes) == ("cells", 1) and action < len(found) and found[action] != 0
    )


def stones(position: Position) -> list[int]:
    """What stands on each cell: +1 the first player's stone, -1 the second's, 0 none."""
    return position.game.stones(position).ravel().tolist()


def pass_of(game: Game) -> int | None:
    """The action that is a pass, in games that have one."""
    try:
        return game.parse("pass")
    except ValueError:
        return None
