"""Search for the moves of one game: follow the moves played, stop in time, and ponder on the
opponent's time.

A search ends with its simulations, with its time, or when no simulation left can change its move
(`selfplay.searching.early_stop`). Under a time limit the number of simulations left is estimated
from the rate so far.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

import numpy as np

from selfplay.config import MatchConfig
from selfplay.searching.anytime import AnytimeSearch, until

# seconds of one opponent's move that are thought through; then the machine may rest
LONGEST_PONDER = 300.0
FASTER = 1.33  # a search may speed up by so much: what it meets again is answered from memory
LEARNED = 0.1  # share of a move's time after which the rate of simulations is believed
LOOK_EVERY = 64  # simulations between two looks whether a search is certain, at most
Moves = tuple[int, ...]  # a game's actions from its start


class Searches(Protocol):
    """What of a player thinks; see `players.SearchPlayer`."""

    simulations: int  # for a move
    has_fixed_simulations: (
        bool  # does its name say how many, so that there are never more, whatever the time?
    )
    seconds: float | None  # for a move, if its name says so
    config: MatchConfig

    def anytime_search(self) -> AnytimeSearch: ...

    def endless_search(self) -> AnytimeSearch: ...


class TimedSearcher:
    """One player in one game."""

    def __init__(
        self, player: Searches, ponders: bool = False, now: Callable[[], float] = time.monotonic
    ):
        self.player, self.ponders, self.now = player, ponders, now
        # as the player searches for its number of simulations
        self.own: AnytimeSearch | None = None
        # PUCT, as large as memory allows: what grows can be followed
        self.endless: AnytimeSearch | None = None

    def think(
        self, moves: Moves | None, state: np.ndarray, seconds: float | None = None
    ) -> AnytimeSearch:
        """The search of the position u8[S], unfinished, that these moves led to (None: it stands
        alone); within `seconds` if given."""
        return self.begin(moves, state, seconds).finish()

    def begin(
        self,
        moves: Moves | None,
        state: np.ndarray,
        seconds: float | None = None,
        avoid_until: np.ndarray | None = None,
    ) -> "MoveSearch":
        """The same, still to be done; restricted if `avoid_until` i32[2, A] is given (see
        `native.search.forest.restrict`)."""
        begun = self.now()
        seconds = least(seconds, self.player.seconds)
        is_open = seconds is not None and not self.player.has_fixed_simulations
        find = self.at if is_open or self.ponders else self._own_at
        search = find(moves, state, avoid_until)
        goal = search.simulations if is_open else self.player.simulations
        return MoveSearch(search, goal, begun, seconds, self.player.config.early_stop, self.now)

    def at(
        self, moves: Moves | None, state: np.ndarray, avoid_until: np.ndarray | None = None
    ) -> AnytimeSearch:
        """The endless search of a position, with what is known of it; nothing is, of a restricted
        one."""
        if self.endless is None:
            self.endless = self.player.endless_search()
        return come(self.endless, moves, state, avoid_until)

    def _own_at(
        self, moves: Moves | None, state: np.ndarray, avoid_until: np.ndarray | None
    ) -> AnytimeSearch:
        if self.own is None:
            self.own = self.player.anytime_search()
        return come(self.own, moves, state, avoid_until)

    def ponder(self, moves: Moves, state: np.ndarray, stop: Callable[[], bool]) -> None:
        """Search the opponent's position until stop() is true (soon: it is asked every batch step),
        memory is full, or LONGEST_PONDER ends."""
        search, has_ended = self.at(moves, state), until(self.now() + LONGEST_PONDER, self.now)
        # a network that has gone wrong says so when it has to move
        with suppress(FloatingPointError):
            search.run(search.simulations, lambda: stop() or has_ended())

    @contextmanager
    def pondering(self, moves: Moves, state: np.ndarray) -> Iterator[None]:
        """Ponder in a thread while the caller waits for something else; none is left behind."""
        self.at(moves, state)  # what fails for want of memory fails here
        stop = Event()
        thread = Thread(target=self.ponder, args=(moves, state, stop.is_set), name="ponder")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@dataclass
class MoveSearch:
    """A search for one move."""

    search: AnytimeSearch
    goal: int  # simulations of the tree
    begun: float
    seconds: float | None
    stops_early: bool
    now: Callable[[], float]

    def __post_init__(self):
        self.known = self.next_look = self.search.visits  # simulations that were there before
        self.is_done = False

    def go_on(self, pause: Callable[[], bool] = lambda: False) -> bool:
        """Search until the thought is done (True) or pause() is true and stays so; a simulation at
        least."""
        is_whole = self.search.run(self.goal, lambda: self._is_done() or pause())
        self.is_done = self.is_done or is_whole
        return self.is_done

    def finish(self) -> AnytimeSearch:
        self.go_on()
        return self.search

    def _is_done(self) -> bool:
        self.is_done = (
            self.is_done or self._time_is_up() or (self.stops_early and self._is_certain())
        )
        return self.is_done

    def _time_is_up(self) -> bool:
        return self.seconds is not None and self.now() - self.begun >= self.seconds

    def _is_certain(self) -> bool:
        """A simulation takes two off the distance to being certain at most (one less is left, the
        lead is one more): no need to look before half of it is gone. But the rate changes too."""
        visits = self.search.visits
        if visits < self.next_look or visits == 0:
            return False
        distance = self.left() + 1 - float(self.search.overtaken_in()[0])
        self.next_look = visits + max(1, min(LOOK_EVERY, int(distance / 2)))
        return distance <= 0

    def left(self) -> float:
        """Simulations that may still come: those that the goal lacks, or there is time for."""
        done, passed = self.search.visits, self.now() - self.begun
        left = float(self.goal - done)
        if self.seconds is None or passed < LEARNED * self.seconds:
            return left
        return min(left, FASTER * (done - self.known) / passed * max(0.0, self.seconds - passed))


def come(
    search: AnytimeSearch,
    moves: Moves | None,
    state: np.ndarray,
    avoid_until: np.ndarray | None = None,
) -> AnytimeSearch:
    if moves is None or avoid_until is not None:
        search.set_position(state, avoid_until)
    else:
        search.go_to(moves, state)
    return search


def least(*limits: float | None) -> float | None:
    """The tightest of some limits, None where there is none."""
    return min((limit for limit in limits if limit is not None), default=None)
