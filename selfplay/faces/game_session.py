"""One game in progress, at a board or behind a protocol: what was played, who plays, their time.

Either side may be asked for a move at any time, even after the end that the rules see: it becomes
the mover, and nobody has passed. Whatever is refused is a ValueError with one line and leaves the
session as it was.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from games.game import Game, Position
from selfplay.faces.game_record import Move, Record, after, allowed, turned
from selfplay.matches.gtp_engine import EnginePlayer
from selfplay.matches.players import Player, SearchPlayer
from selfplay.searching.clock import Clock
from selfplay.searching.result import SearchResult
from selfplay.searching.timed import MoveSearch, TimedSearcher, least


def never() -> bool:
    return False


class GameSession:
    """A record, the position that it leads to, the player of each side (None is a person) and both
    clocks."""

    def __init__(
        self,
        record: Record,
        seats: list[Player | None],
        clock: Clock | None = None,
        ponders: bool = False,
        now: Callable[[], float] = time.monotonic,
    ):
        self.clock, self.ponders, self.now = clock or Clock(), ponders, now
        self.most_seconds: float | None = None  # for any move, whatever the clock says
        self.seats = seats
        self.thinkers = [thinker_of(player, now) for player in seats]
        self.lay(record)

    @property
    def game(self) -> Game:
        return self.record.game

    # What was played

    def lay(self, record: Record) -> None:
        """Put a record on the table."""
        self.position = record.position()
        self.record = record
        self.resigned: int | None = None  # the side that gave up

    def play(self, side: int, action: int) -> None:
        """Play on, behind the end too. ValueError that says why the rules do not allow it."""
        self._add(allowed(self.position, side, action))

    def _add(self, move: Move) -> None:
        self.position = after(self.position, move, self.record.setup.options)
        self.record = self.record.with_step(move)

    def undo(self, count: int = 1) -> None:
        """Take back so many steps, or none if there are fewer."""
        if not 0 <= count <= len(self.record.steps):
            raise ValueError("cannot undo")
        self.lay(self.record.cut(len(self.record.steps) - count))

    def resign(self, side: int) -> None:
        self.resigned = side

    # Who plays

    def searches(self, side: int) -> bool:
        """Does the side's player search for its moves?"""
        return self.thinkers[side] is not None and self.seats[side].simulations > 0

    def think(self, side: int, stop: Callable[[], bool] = never) -> tuple[int, SearchResult | None]:
        """What the side's player would play if the side moved now: its action, or RESIGN, and what
        it has found, if it says more than that. A search ends in time, or when stop() is true."""
        player, position = self.seats[side], turned(self.position, side)
        if self.searches(side):
            move_search = self._begin(position)
            move_search.go_on(stop)
            found = player.result_of(move_search.search)
        else:
            found = player.analyse(position.state)
        if found is not None:
            return found.choice, found
        if isinstance(player, EnginePlayer) and self.clock.is_limited:
            player.tell_time(self.clock)
        return chosen(player, self.record, position), None

    def _begin(self, position: Position, avoid_until: np.ndarray | None = None) -> MoveSearch:
        """The search for the mover's move, within its time, still to be done."""
        thinker, moves = self.thinkers[position.mover], tuple(self.record.moves)
        thinker.ponders = self.ponders
        budget = self.clock.budget(position.mover, moves_to_come(position))
        return thinker.begin(moves, position.state, least(budget, self.most_seconds), avoid_until)

    def pondering(self) -> AbstractContextManager:
        """While the mover, a person, is asked: the engine opposite thinks on, if it shall."""
        opposite = 1 - self.position.mover
        if not self.ponders or not self.searches(opposite):
            return nullcontext()
        return self.thinkers[opposite].pondering(tuple(self.record.moves), self.position.state)


def thinker_of(player: Player | None, now: Callable[[], float]) -> TimedSearcher | None:
    """The search of a player's that follows a game; None for those that have none."""
    return TimedSearcher(player, now=now) if isinstance(player, SearchPlayer) else None


def chosen(player: Player, record: Record, position: Position) -> int:
    """The move, or RESIGN, of a player that says no more, in a record's position or one turned from
    it. ValueError if the player has to be told the way there and cannot be."""
    if player.needs_moves and not (record.is_plain and record.position().key == position.key):
        begins = f"that begin as {record.game.name} always does and whose sides take turns"
        raise ValueError(f"{player.name} can only be told games {begins}")
    return int(player.choose(position.state[None], [record.moves])[0])


def moves_to_come(position: Position) -> int:
    """The moves that the mover can still make, at most, where the players take turns."""
    return (position.game.max_plies - position.plies + 1) // 2
