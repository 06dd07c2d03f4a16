"""A game in a terminal: players, moves, clocks and engine searches. How it looks is in
`selfplay.faces.terminal`."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from games.game import Game, Position
from selfplay.faces.game_record import Record, allowed
from selfplay.faces.game_session import choice, moves_to_come
from selfplay.matches.gtp_engine import EnginePlayer
from selfplay.matches.players import Player, SearchPlayer
from selfplay.searching.clock import Clock
from selfplay.searching.result import SearchResult
from selfplay.searching.timed import TimedSearcher


@dataclass
class TerminalGame:
    """Seats are by side; None is a person."""

    game: Game
    seats: list[Player | None]
    hint: Player | None
    record: Record
    clock: Clock = field(default_factory=Clock)
    ponders: bool = False
    now: Callable[[], float] = time.monotonic
    resigned: int | None = None  # the side that gave up
    # by side, of players that search
    thinkers: dict[int, TimedSearcher] = field(default_factory=dict)

    def __post_init__(self):
        for side, player in enumerate(self.seats):
            if isinstance(player, SearchPlayer) and player.simulations:
                self.thinkers[side] = TimedSearcher(player, self.ponders, self.now)

    @property
    def position(self) -> Position:
        return self.record.position()

    def play(self, side: int, action: int) -> None:
        """Play on, behind the end too. ValueError that says why the rules do not allow it."""
        self.record = self.record.with_step(allowed(self.position, side, action))

    def player_to_move(self, position: Position) -> Player | None:
        return self.seats[position.mover]

    def name(self, side: int) -> str:
        return self.seats[side].name if self.seats[side] else "you"

    def choose(self, position: Position) -> int:
        """The move, or RESIGN, of a player that says no more."""
        player = self.player_to_move(position)
        if isinstance(player, EnginePlayer) and self.clock.is_limited:
            player.tell_time(self.clock)
        return choice(player, self.record, position)

    def analyse(self, position: Position) -> SearchResult | None:
        """The mover's search, within its time, if it searches; what it says otherwise, if
        anything."""
        if (timed := self.thinkers.get(position.mover)) is None:
            return self.player_to_move(position).analyse(position.state)
        seconds = self.clock.budget(position.mover, moves_to_come(position))
        search = timed.think(tuple(self.record.moves), position.state, seconds)
        return self.player_to_move(position).result_of(search)

    def pondering(self, position: Position) -> AbstractContextManager:
        """While a person is asked: the engine opposite thinks on, if it shall."""
        timed = self.thinkers.get(1 - position.mover) if self.ponders else None
        return timed.pondering(tuple(self.record.moves), position.state) if timed else nullcontext()
