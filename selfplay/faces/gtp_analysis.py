"""The analysis commands of the Go Text Protocol in Leela Zero's dialect (lz-) and KataGo's (kata-):
what their words ask for, and how their lines are written (leela-zero, src/GTP.cpp, `AnalyzeTags`;
lightvector/KataGo, docs/GTP_Extensions.md).

    COMMAND [COLOUR] [CENTISECONDS] [WORD VALUE] ...

    interval CENTISECONDS          time between two lines
    minmoves N, maxmoves N         write at least, at most so many moves; the likeliest fill up
    avoid COLOUR VERTICES PLIES    the colour avoids these moves for so many plies
    allow COLOUR VERTICES PLIES    the colour takes no others there
    rootInfo, pvVisits, pvEdgeVisits, noResultValue, ownership, ... true|false    kata- alone

VERTICES are joined by commas, a rectangle is A1:C3. Every word is obeyed, or the command is refused
with one line before any other. The four words for ownership are the exception: controllers send
them always and read lines without their part, and owners are known when a game is over alone, so
that part is left out.
"""

import math
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from games.game import Game, win_rate
from native.perspective import FIRST, SECOND
from selfplay.faces.engine_session import EngineSession, Show
from selfplay.faces.gtp_arguments import COLOURS, MOST_PLIES, colour, number, vertex
from selfplay.searching.anytime import AnytimeSearch
from selfplay.searching.result import MoveInfo, SearchResult, lower_bound, principal_variation
from selfplay.searching.time_control import LONGEST_TIME

INTERVAL = 1.0  # seconds between two lines of analysis, unless told
SHORTEST_INTERVAL = 0.01  # seconds: one centisecond
MOST_MOVES = 1_000_000_000  # KataGo's bound of minmoves and maxmoves
KATA_FLAGS = ("rootInfo", "pvVisits", "pvEdgeVisits", "noResultValue")
LEFT_OUT = ("ownership", "ownershipStdev", "movesOwnership", "movesOwnershipStdev")


@dataclass
class Wishes:
    """What an analysis command asks for."""

    side: int
    interval: float = INTERVAL  # seconds
    fewest: int = 0  # moves on a line
    most: int = MOST_MOVES
    flags: set[str] = field(default_factory=set)  # those of KATA_FLAGS that are true
    avoid_until: np.ndarray | None = None  # i32[2, A], see `native.search.forest.restrict`


# Commands


def analyze(session: EngineSession, arguments: list[str], is_kata: bool) -> Iterator[str]:
    """Lines of a search that grows until something comes in."""
    wishes = read_wishes(session, arguments, is_kata)
    show = writer(session, wishes, is_kata)
    return session.watch(wishes.side, wishes.interval, show, wishes.avoid_until)


def genmove_analyze(
    session: EngineSession, arguments: list[str], is_kata: bool, plays: bool = True
) -> Iterator[str]:
    """Lines of a search for a move, and the move, which is played if it `plays`."""
    wishes = read_wishes(session, arguments, is_kata)
    show = writer(session, wishes, is_kata)
    return session.watch_move(wishes.side, wishes.interval, show, wishes.avoid_until, plays)


ANALYSIS_COMMANDS = {
    "lz-analyze": lambda session, arguments: analyze(session, arguments, False),
    "lz-genmove_analyze": lambda session, arguments: genmove_analyze(session, arguments, False),
    "kata-analyze": lambda session, arguments: analyze(session, arguments, True),
    "kata-genmove_analyze": lambda session, arguments: genmove_analyze(session, arguments, True),
    "kata-search_analyze": lambda session, arguments: genmove_analyze(
        session, arguments, True, plays=False
    ),
}


# Words


def read_wishes(session: EngineSession, arguments: list[str], is_kata: bool) -> Wishes:
    """What the words ask for. ValueError with the word that cannot be obeyed."""
    try:
        return Reader(session, arguments, is_kata).read()
    except ValueError as error:
        raise ValueError(
            f"cannot parse analyze tags: {str(error).removeprefix('syntax error: ')}"
        ) from None


class Reader:
    """The words of one command, from the first to the last."""

    def __init__(self, session: EngineSession, arguments: list[str], is_kata: bool):
        self.game, self.words = session.game, deque(arguments)
        self.wishes, self.told = Wishes(session.position.mover), set()
        # (word, side) -> the moves of each
        self.restrictions: dict[tuple[str, int], list[set[int]]] = {}
        self.flags = {name.lower(): name for name in (*KATA_FLAGS, *LEFT_OUT) if is_kata}

    def read(self) -> Wishes:
        while self.words:
            self._take(self.words.popleft())
        if self.wishes.fewest > self.wishes.most:
            raise ValueError("minmoves is above maxmoves")
        for side in (FIRST, SECOND):
            self._check_restrictions(side)
        return self.wishes

    def _take(self, word: str) -> None:
        key = word.lower()
        if key in COLOURS:
            self._once("the colour")
            self.wishes.side = COLOURS[key]
        elif key == "interval" or is_number(word):
            self._once("the interval")
            self.wishes.interval = self._interval(
                word if key != "interval" else self._next("the interval")
            )
        elif key in ("minmoves", "maxmoves"):
            self._once(key)
            setattr(
                self.wishes,
                "fewest" if key == "minmoves" else "most",
                self._whole(key, 0, MOST_MOVES),
            )
        elif key in ("avoid", "allow"):
            self._restrict(key)
        elif key in self.flags:
            self._flag(self.flags[key])
        else:
            raise ValueError(f"unknown word {word[:20]!r}")

    def _once(self, what: str) -> None:
        if what in self.told:
            raise ValueError(f"{what} is told twice")
        self.told.add(what)

    def _next(self, what: str) -> str:
        if not self.words:
            raise ValueError(f"{what} is missing")
        return self.words.popleft()

    def _interval(self, word: str) -> float:
        if not 0.0 <= (value := number([word], 0, "the interval", float)) <= 100.0 * LONGEST_TIME:
            raise ValueError("the interval is out of range")
        return max(SHORTEST_INTERVAL, value / 100.0)

    def _whole(self, what: str, least: int, most: int) -> int:
        if not least <= (value := number([self._next(what)], 0, what)) <= most:
            raise ValueError(f"{what} is out of range")
        return int(value)

    def _flag(self, name: str) -> None:
        self._once(name)
        word = self._next(name)
        if word.lower() not in ("true", "false"):
            raise ValueError(f"{name} is true or false, not {word[:20]!r}")
        if word.lower() == "true" and name in KATA_FLAGS:
            self.wishes.flags.add(name)

    def _restrict(self, word: str) -> None:
        side = colour([self._next("the colour")])
        moves = {
            move
            for part in self._next("the vertex").split(",")
            if part
            for move in vertices_of(self.game, part)
        }
        plies = self._whole("the number of plies", 1, MOST_PLIES)
        if not moves:
            raise ValueError("the vertex is missing")
        self.restrictions.setdefault((word, side), []).append(moves)
        if self.wishes.avoid_until is None:
            self.wishes.avoid_until = np.zeros((2, self.game.actions), np.int32)
        avoided = moves if word == "avoid" else set(range(self.game.actions)) - moves
        for action in avoided:
            self.wishes.avoid_until[side, action] = max(
                plies, self.wishes.avoid_until[side, action]
            )

    def _check_restrictions(self, side: int) -> None:
        """Both programs refuse what could be meant in two ways. (To allow some moves and to avoid
        the pass is plain.)"""
        allowed, avoided = (self.restrictions.get((word, side), []) for word in ("allow", "avoid"))
        if len(allowed) > 1:
            raise ValueError("allow is told twice for one colour")
        if allowed and any(
            self.game.format(move).lower() != "pass" for moves in avoided for move in moves
        ):
            raise ValueError("allow and avoid are told for one colour")


def is_number(word: str) -> bool:
    with suppress(ValueError):
        return math.isfinite(float(word))
    return False


def vertices_of(game: Game, word: str) -> list[int]:
    """The moves that a vertex names, or two of them with a colon: all cells of the rectangle
    between."""
    first, colon, last = word.partition(":")
    if not colon:
        return [vertex(game, word)]
    ends = [vertex(game, first), vertex(game, last)]
    if game.layout.kind != "cells" or game.layout.planes != 1 or max(ends) >= game.cells:
        raise ValueError(f"{word[:20]!r} is no rectangle")
    (top, left), (bottom, right) = (divmod(end, game.columns) for end in ends)
    rows = range(min(top, bottom), max(top, bottom) + 1)
    columns = range(min(left, right), max(left, right) + 1)
    return [row * game.columns + column for row in rows for column in columns]


# Lines


def writer(session: EngineSession, wishes: Wishes, is_kata: bool) -> Show:
    """How a search of the session's player is written: empty if there is nothing to write."""
    info = kata_info if is_kata else leela_info

    def line(search: AnytimeSearch) -> str:
        found = session.player.result_of(search)
        moves = found.ranked(wishes.fewest)[: wishes.most]
        infos = [info(search, found, order, move, wishes.flags) for order, move in enumerate(moves)]
        return " ".join(infos + ([kata_root_info(found)] if "rootInfo" in wishes.flags else []))

    return line


def leela_info(
    search: AnytimeSearch, found: SearchResult, order: int, move: MoveInfo, flags: set[str]
) -> str:
    """A move as Leela Zero writes it: rates for the mover, in hundredths of a percent."""
    game, rate = search.game, win_rate(move.value, found.mover)
    line, _ = principal_variation(search, move.action)
    return (
        f"info move {game.format(move.action)} visits {move.visits} winrate {rate * 10000:.0f} "
        f"prior {move.prior * 10000:.0f} lcb {lower_bound(rate, move.visits) * 10000:.0f} "
        f"order {order} pv {line_words(game, line)}"
    )


def kata_info(
    search: AnytimeSearch, found: SearchResult, order: int, move: MoveInfo, flags: set[str]
) -> str:
    """A move as KataGo writes it: rates for the mover, in [0, 1], and points, of which our searches
    know none. No game of ours ends without a result."""
    game, rate = search.game, win_rate(move.value, found.mover)
    bound = lower_bound(rate, move.visits)
    line, line_visits = principal_variation(search, move.action)
    info = (
        f"info move {game.format(move.action)} visits {move.visits} utility {2 * rate - 1:.6f} "
        f"winrate {rate:.6f} scoreMean 0 scoreStdev 0 scoreLead 0 scoreSelfplay 0 prior "
        f"{move.prior:.6f} lcb {bound:.6f} utilityLcb {2 * bound - 1:.6f} "
        + ("noResultValue 0 " if "noResultValue" in flags else "")
    )
    info += f"order {order} pv {line_words(game, line)}"
    # in a tree each position of a line is reached by the line alone
    visits = " ".join(map(str, line_visits))
    return info + "".join(
        f" {name} {visits}" for name in ("pvVisits", "pvEdgeVisits") if name in flags
    )


def kata_root_info(found: SearchResult) -> str:
    """The whole search as KataGo writes it, for the side that moves; the position's own evaluation
    is a visit."""
    rate = win_rate(found.mean_value, found.mover)
    return (
        f"rootInfo visits {found.simulations + 1} utility {2 * rate - 1:.6f} winrate {rate:.6f} "
        "scoreMean 0 scoreStdev 0 scoreLead 0 scoreSelfplay 0"
    )


def line_words(game: Game, line: tuple[int, ...]) -> str:
    return " ".join(game.format(action) for action in line)
