"""State of one game session (position, record, clock, player), independent of the protocol.

Either side may be asked for a move at any time, even after the end that the rules see: it becomes
the mover, and nobody has passed. Whatever is refused is a ValueError with one line and leaves the
session as it was.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

import games
from games.game import Game, Position, win_rate
from native.perspective import FIRST, SECOND
from selfplay.config import MatchConfig
from selfplay.faces.game_record import (
    Move,
    Record,
    Setup,
    after,
    allowed,
    is_played_out,
    pass_of,
    turned,
)
from selfplay.matches.gtp_engine import RESIGN
from selfplay.matches.players import Player, SearchPlayer
from selfplay.searching.anytime import AnytimeSearch, until
from selfplay.searching.clock import Clock
from selfplay.searching.timed import MoveSearch, TimedSearcher, least

# how a protocol writes what a search has found; nothing is written if it is empty
Show = Callable[[AnytimeSearch], str]


class GameSession:
    """A game, the record of what was played, the position that it leads to, and the player."""

    def __init__(
        self,
        game: Game,
        make_player: Callable[[Game], Player],
        inbox,
        may_resign: bool = False,
        ponders: bool = False,
        now: Callable[[], float] = time.monotonic,
        load: Callable[[str], Game] = games.load,
    ):
        """`load` finds a game by its name. `make_player` makes the player for a game, or raises
        ValueError if it does not play that one. `inbox` tells by has_more() that something has
        come, which ends an analysis, and waits for it by wait(); is_interrupted() ends any
        search."""
        self.make_player, self.inbox, self.may_resign, self.ponders, self.now = (
            make_player,
            inbox,
            may_resign,
            ponders,
            now,
        )
        self.load = load
        self.clock = Clock()
        self.most_seconds: float | None = None  # for any move, whatever the clock says
        self._sit_down(game, make_player(game))
        self.lay(Record(game))

    def _sit_down(self, game: Game, player: Player) -> None:
        self.game, self.player = game, player
        self.timed = (
            TimedSearcher(player, now=self.now) if isinstance(player, SearchPlayer) else None
        )

    @property
    def searches(self) -> bool:
        """Does the player search for its moves?"""
        return self.timed is not None and self.player.simulations > 0

    # What was played

    def lay(self, record: Record) -> None:
        """Put a record of this game on the table."""
        self.position = record.position()
        self.record = record
        self.hopeless = [0, 0]  # moves in a row, by side, in which it had hardly a chance
        # the game up to the player's last move, while it is worth pondering
        self.answered: Record | None = None

    def take(self, game: Game) -> None:
        """Another game, with the options that the table has."""
        options = self.game.options | self.record.setup.options
        options = {
            name: value for name, value in options.items() if game.options.get(name, value) != value
        }
        self._sit_down(game, self.make_player(game))
        self.clock = Clock(self.clock.control)
        self.lay(Record(game, Setup(options)))

    def clear(self, black: tuple[int, ...] = ()) -> None:
        """A new game and fresh clocks, with Black's stones on these cells before White moves."""
        self.clock = Clock(self.clock.control)
        self.lay(
            Record(
                self.game, Setup(self.record.setup.options, black, mover=SECOND if black else FIRST)
            )
        )

    def set_option(self, name: str, value: float) -> None:
        setup = replace(self.record.setup, options=self.record.setup.options | {name: value})
        self.lay(replace(self.record, setup=setup))

    def play(self, side: int, action: int) -> None:
        self._add(allowed(self.position, side, action))

    def _add(self, move: Move) -> None:
        self.position = after(self.position, move, self.record.setup.options)
        self.record = self.record.with_step(move)

    def undo(self, count: int = 1) -> None:
        """Take back so many steps, or none if there are fewer."""
        if not 0 <= count <= len(self.record.steps):
            raise ValueError("cannot undo")
        self.lay(self.record.cut(len(self.record.steps) - count))

    # Who plays

    def move(self, side: int) -> int:
        """Let the player move for a side; the action, or RESIGN if it may and had better."""
        begun = self.now()
        action, value = self._opinion(side)
        return self._done(side, action, value, begun)

    def choose(self, side: int) -> int:
        """The player's action for a side, within its time; nothing is played."""
        return self._opinion(side)[0]

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

    def _opinion(self, side: int) -> tuple[int, float]:
        """(action, value for the FIRST player, 0 where the player says nothing) if a side moves
        now."""
        if is_played_out(self.position):
            return pass_of(self.game), 0.0
        position = turned(self.position, side)
        if self.searches:
            move_search = self._thought(position)
            move_search.go_on(self.inbox.is_interrupted)
            return move_search.search.choice()
        if (analysis := self.player.analyse(position.state)) is not None:
            return analysis.choice, analysis.value
        return choice(self.player, self.record, position), 0.0

    def _thought(self, position: Position, avoid_until: np.ndarray | None = None) -> MoveSearch:
        self.timed.ponders = self.ponders
        seconds = least(
            self.clock.budget(position.mover, moves_to_come(position)), self.most_seconds
        )
        return self.timed.begin(tuple(self.record.moves), position.state, seconds, avoid_until)

    # While others think

    def ponder(self) -> None:
        """Think on behind the player's own move, where it shall, until something comes in."""
        is_awaited = self.answered is self.record and self.position.outcome is None
        if self.ponders and self.searches and is_awaited:
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
        if not self.searches:
            raise ValueError(f"{self.player.name} does not search")
        check_restriction(position, avoid_until)
        return self._watch_move(position, interval, show, avoid_until, plays)

    def _watch_move(
        self, position: Position, interval: float, show: Show, avoid_until, plays: bool
    ) -> Iterator[str]:
        begun, move_search = self.now(), self._thought(position, avoid_until)
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


def choice(player: Player, record: Record, position: Position) -> int:
    """The move, or RESIGN, of a player that says no more, in a record's position or one turned from
    it. ValueError if the player has to be told the way there and cannot be."""
    if player.needs_moves and not (record.is_plain and record.position().key == position.key):
        begins = f"that begin as {record.game.name} always does and whose sides take turns"
        raise ValueError(f"{player.name} can only be told games {begins}")
    return int(player.choose(position.state[None], [record.moves])[0])


def check_restriction(position: Position, avoid_until: np.ndarray | None) -> None:
    """ValueError if a restriction leaves the mover no move."""
    if avoid_until is not None and not np.any(avoid_until[position.mover, position.legal] == 0):
        raise ValueError("no move is left that is allowed")


def moves_to_come(position: Position) -> int:
    """That the mover can still make, at most, where the players take turns."""
    return (position.game.max_plies - position.plies + 1) // 2
