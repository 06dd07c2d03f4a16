"""One game on a table, and the player who is asked for moves in it: what a protocol's server holds.

It knows turns, stones set up beforehand, clocks and searches, and nothing of the protocol's words. Everything that is
refused is a ValueError with one line, and leaves the table as it was.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from games.game import FIRST, SECOND, Game, Position
from selfplay import sgf
from selfplay.analysis import OpenSearch, Show, endless_search_of, search_of, until
from selfplay.clock import Clock
from selfplay.engine import RESIGN
from selfplay.players import Player, SearchPlayer, moves_of
from selfplay.sgf import Record, Setup

HOPELESS = 0.05  # win rate below which a player that may resign does


class Table:
    """A game, a record of what was played in it, the position that led to, and who plays."""

    def __init__(self, game: Game, seat: Callable[[Game], Player], inbox, may_resign: bool = False):
        """`seat` makes the player for a game, or raises ValueError if it does not play that one. `inbox` tells by has_more()
        that something has come, which ends an analysis, and waits for it by wait(); is_interrupted() ends any search."""
        self.seat, self.inbox, self.may_resign = seat, inbox, may_resign
        self.clock = Clock()
        self._sit_down(game, seat(game))
        self.lay(Record(game))

    def _sit_down(self, game: Game, player: Player) -> None:
        self.game, self.player = game, player
        self.own: OpenSearch | None = None  # the player's search, for moves
        self.endless: OpenSearch | None = None  # for analysis

    # What was played

    def lay(self, record: Record) -> None:
        """Put a record of this game on the table."""
        self.position = record.position()
        self.record = record

    def take(self, game: Game) -> None:
        """Another game, with the options that the table has."""
        options = self.game.options | self.record.setup.options
        options = {name: value for name, value in options.items() if game.options.get(name, value) != value}
        self._sit_down(game, self.seat(game))
        self.lay(Record(game, Setup(options)))

    def clear(self, black: tuple[int, ...] = ()) -> None:
        """A new game, with Black's stones on these cells before White moves."""
        self.lay(Record(self.game, Setup(self.record.setup.options, black, mover=SECOND if black else FIRST)))

    def set_option(self, name: str, value: float) -> None:
        setup = replace(self.record.setup, options=self.record.setup.options | {name: value})
        self.lay(replace(self.record, setup=setup))

    def play(self, side: int, action: int) -> None:
        self._add(sgf.turn(self.position, side, action))

    def _add(self, turn: tuple[int, ...]) -> None:
        position = self.position.copy()
        for action in turn:
            position.play(action)
        self.position, self.record = position, replace(self.record, turns=(*self.record.turns, turn))

    def undo(self) -> None:
        if not self.record.turns:
            raise ValueError("cannot undo")
        self.lay(replace(self.record, turns=self.record.turns[:-1]))

    def turned(self, side: int) -> tuple[tuple[int, ...], Position]:
        """(the other's pass before, or nothing; the position in which `side` moves)."""
        before, position = sgf.passes_before(self.position, side), self.position.copy()
        for action in before:
            position.play(action)
        return before, position

    # Who plays

    def move(self, side: int) -> int:
        """Let the player move for a side; the action, or RESIGN."""
        begin = time.monotonic()
        action = self.choose(side)
        self.clock.spend(side, time.monotonic() - begin)
        if action != RESIGN:
            self.play(side, action)
        return action

    def choose(self, side: int) -> int:
        """The player's action for a side, within its time; RESIGN if it may and had better."""
        before, position = self.turned(side)
        action, value = self._opinion([*self.record.moves, *before], position)
        rate = (1.0 + (1.0 - 2.0 * side) * value) / 2.0
        return RESIGN if self.may_resign and rate < HOPELESS else action

    def _opinion(self, moves: list[int], position: Position) -> tuple[int, float]:
        """(action, value for the FIRST player, 0 where the player says nothing)."""
        if (search := self.own_search()) is not None:
            search.begin(position.state)
            search.run(self.player.simulations, self._time_is_up(position.mover))
            return search.choice()
        if (analysis := self.player.analyse(position.state)) is not None:
            return analysis.choice, analysis.value
        return int(moves_of(self.player, [moves], position.state[None])[0]), 0.0

    def own_search(self) -> OpenSearch | None:
        """The player's search, for players that have one."""
        if self.own is None and isinstance(self.player, SearchPlayer) and self.player.simulations:
            self.own = search_of(self.player)
        return self.own

    def _time_is_up(self, side: int) -> Callable[[], bool]:
        budget = self.clock.budget(side)
        is_late = until(None if budget is None else time.monotonic() + budget)
        return lambda: is_late() or self.inbox.is_interrupted()

    # Who watches

    def watch(self, side: int, interval: float, show: Show) -> Iterator[str]:
        """Lines, one every `interval` seconds, of a search that grows until something comes in."""
        _, position = self.turned(side)
        if not isinstance(self.player, SearchPlayer):
            raise ValueError(f"{self.player.name} does not search")
        if self.endless is None:
            self.endless = endless_search_of(self.player)
        return self._watch(position, interval, show)

    def _watch(self, position: Position, interval: float, show: Show) -> Iterator[str]:
        search, has_more = self.endless, self.inbox.has_more
        search.begin(position.state)
        while not has_more():
            due = until(time.monotonic() + interval)
            is_whole = search.run(search.simulations, lambda due=due: has_more() or due())
            yield show(self.game, search.candidates())
            if is_whole:
                self.inbox.wait()

    def watch_move(self, side: int, interval: float, show: Show) -> Iterator[str]:
        """Lines of the search for a move, and the move in the last."""
        before, position = self.turned(side)
        if self.own_search() is None:
            raise ValueError(f"{self.player.name} does not search")
        return self._watch_move(before, position, interval, show)

    def _watch_move(self, before: tuple[int, ...], position: Position, interval: float, show: Show) -> Iterator[str]:
        begin, search, time_is_up = time.monotonic(), self.own, self._time_is_up(position.mover)
        search.begin(position.state)
        is_over = False  # a simulation is made in any case
        while not is_over:
            due = until(time.monotonic() + interval)
            is_whole = search.run(self.player.simulations, lambda due=due: due() or time_is_up())
            yield show(self.game, search.candidates())
            is_over = is_whole or time_is_up()
        action, _ = search.choice()
        self.clock.spend(position.mover, time.monotonic() - begin)
        self._add((*before, action))
        yield f"play {self.game.format(action)}"
