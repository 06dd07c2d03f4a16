"""A session of one player behind a protocol: it plays either side, changes its game, gives up,
thinks on while it waits, and writes lines while it searches."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np

import games
from games.game import Game, Position, win_rate
from native.perspective import FIRST, SECOND
from selfplay.config import MatchConfig
from selfplay.faces.game_record import Move, Record, Setup, is_played_out, pass_of, turned
from selfplay.faces.game_session import GameSession, thinker_of
from selfplay.matches.gtp_engine import RESIGN
from selfplay.matches.players import Player
from selfplay.searching.anytime import AnytimeSearch, until
from selfplay.searching.clock import Clock

# how a protocol writes what a search has found; nothing is written if it is empty
Show = Callable[[AnytimeSearch], str]


class Incoming(Protocol):
    """What the controller sends."""

    def has_more(self) -> bool:
        """Has something come? It ends an analysis."""

    def is_interrupted(self) -> bool:
        """Is any search to end?"""

    def wait(self) -> None:
        """Until something has come."""


class EngineSession(GameSession):
    """The same player sits on both sides, with one search for both."""

    def __init__(
        self,
        game: Game,
        make_player: Callable[[Game], Player],
        inbox: Incoming,
        may_resign: bool = False,
        ponders: bool = False,
        now: Callable[[], float] = time.monotonic,
        load: Callable[[str], Game] = games.load,
    ):
        """`load` finds a game by its name. `make_player` makes the player for a game, or raises
        ValueError if it does not play that one."""
        self.make_player, self.inbox, self.may_resign = make_player, inbox, may_resign
        self.load = load
        super().__init__(Record(game), [None, None], ponders=ponders, now=now)
        self._sit_down(make_player(game))

    def _sit_down(self, player: Player) -> None:
        self.player, self.timed = player, thinker_of(player, self.now)
        self.seats, self.thinkers = [player, player], [self.timed, self.timed]

    # What was played

    def lay(self, record: Record) -> None:
        super().lay(record)
        self.hopeless = [0, 0]  # moves in a row, by side, in which it had hardly a chance
        # the game up to the player's last move, while it is worth pondering
        self.answered: Record | None = None

    def take(self, game: Game) -> None:
        """Another game, with the options that the table has."""
        options = self.game.options | self.record.setup.options
        options = {
            name: value for name, value in options.items() if game.options.get(name, value) != value
        }
        self._sit_down(self.make_player(game))
        self.clock = Clock(self.clock.control)
        self.lay(Record(game, Setup(options)))

    def clear(self, black: tuple[int, ...] = ()) -> None:
        """A new game and fresh clocks, with Black's stones on these cells before White moves."""
        setup = Setup(self.record.setup.options, black, mover=SECOND if black else FIRST)
        self.clock = Clock(self.clock.control)
        self.lay(Record(self.game, setup))

    def set_option(self, name: str, value: float) -> None:
        setup = replace(self.record.setup, options=self.record.setup.options | {name: value})
        self.lay(replace(self.record, setup=setup))

    # Who plays

    def move(self, side: int) -> int:
        """Let the player move for a side; the action, or RESIGN if it may and had better."""
        begun = self.now()
        action, value = self._opinion(side)
        return self._done(side, action, value, begun)

    def choose(self, side: int) -> int:
        """The player's action for a side, within its time; nothing is played."""
        return self._opinion(side)[0]

    def _opinion(self, side: int) -> tuple[int, float]:
        """(action, value for the FIRST player, 0 where the player says nothing) if a side moves
        now."""
        if is_played_out(self.position):
            return pass_of(self.game), 0.0
        action, found = self.think(side, self.inbox.is_interrupted)
        return action, found.value if found is not None else 0.0

    def _done(self, side: int, action: int, value: float, begun: float) -> int:
        """Play what was found, or give up; count the time it took."""
        self.clock.spend(side, self.now() - begun)
        if action != RESIGN and self._gives_up(side, value):
            action = RESIGN
        if action != RESIGN:
            self._add(Move(side, action))
            self.answered = self.record
        return action

    def _gives_up(self, side: int, value: float) -> bool:
        """Is the side's game hopeless once more, and so often in a row that it resigns? `value` is
        the FIRST player's."""
        config = self.player.config if self.timed else MatchConfig()
        is_hopeless = win_rate(value, side) < config.resign_below
        self.hopeless[side] = self.hopeless[side] + 1 if is_hopeless else 0
        return self.may_resign and self.hopeless[side] >= config.resign_moves

    # While others think

    def ponder(self) -> None:
        """Think on behind the player's own move, where it shall, until something comes in."""
        is_awaited = self.answered is self.record and self.position.outcome is None
        if self.ponders and is_awaited and self.searches(self.position.mover):
            self.timed.ponder(tuple(self.record.moves), self.position.state, self.inbox.has_more)

    # Who watches

    def watch(
        self, side: int, interval: float, show: Show, avoid_until: np.ndarray | None = None
    ) -> Iterator[str]:
        """Lines, one every `interval` seconds, of a search that grows until something comes in.
        `avoid_until` i32[2, A] restricts it (see `native.search.forest.restrict`)."""
        position = turned(self.position, side)
        if self.timed is None:
            raise ValueError(f"{self.player.name} does not search")
        check_restriction(position, avoid_until)
        return self._watch(position, interval, show, avoid_until)

    def _watch(self, position: Position, interval: float, show: Show, avoid_until) -> Iterator[str]:
        moves, has_more = tuple(self.record.moves), self.inbox.has_more
        search = self.timed.at(moves, position.state, avoid_until)
        while not has_more():
            due = until(self.now() + interval, self.now)
            is_whole = search.run(search.simulations, lambda due=due: has_more() or due())
            if line := show(search):
                yield line
            if is_whole:
                self.inbox.wait()

    def watch_move(
        self,
        side: int,
        interval: float,
        show: Show,
        avoid_until: np.ndarray | None = None,
        plays: bool = True,
    ) -> Iterator[str]:
        """Lines of the search for a move, and the move in the last. Nothing is played unless it
        `plays`."""
        position = turned(self.position, side)
        if not self.searches(side):
            raise ValueError(f"{self.player.name} does not search")
        check_restriction(position, avoid_until)
        return self._watch_move(position, interval, show, avoid_until, plays)

    def _watch_move(
        self, position: Position, interval: float, show: Show, avoid_until, plays: bool
    ) -> Iterator[str]:
        begun, move_search = self.now(), self._begin(position, avoid_until)
        while not move_search.is_done:
            pause = until(self.now() + interval, self.now)
            move_search.go_on(lambda pause=pause: pause() or self.inbox.is_interrupted())
            if line := show(move_search.search):
                yield line
            if self.inbox.is_interrupted():
                break
        action, value = move_search.search.choice()
        if plays:
            action = self._done(position.mover, action, value, begun)
        yield f"play {'resign' if action == RESIGN else self.game.format(action)}"


def check_restriction(position: Position, avoid_until: np.ndarray | None) -> None:
    """ValueError if a restriction leaves the mover no move."""
    if avoid_until is not None and not np.any(avoid_until[position.mover, position.legal] == 0):
        raise ValueError("no move is left that is allowed")
