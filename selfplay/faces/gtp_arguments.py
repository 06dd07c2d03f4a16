"""What the arguments of the Go Text Protocol's commands mean: words in, numbers out, or a
ValueError that says which word was wrong."""

import math
import re
from contextlib import suppress

from games.game import Game
from native.perspective import FIRST, SECOND
from selfplay.faces.engine_session import EngineSession
from selfplay.matches.gtp_engine import RESIGN
from selfplay.searching.time_control import LONGEST_TIME

COLOURS = {"b": FIRST, "black": FIRST, "w": SECOND, "white": SECOND}
NUMBER = re.compile(r"[-+.0-9eE]+")  # Python alone would read 1_000 and other alphabets' digits too
MOST_PLIES = (1 << 31) - 1  # plies that a restriction of moves lasts at most
MOST_PERIODS = 1_000_000  # periods of overtime, and moves in one


def argument(arguments: list[str], index: int, what: str) -> str:
    if len(arguments) <= index:
        raise ValueError(f"syntax error: {what} is missing")
    return arguments[index]


def number(arguments: list[str], index: int, what: str, kind: type = int) -> float:
    word = argument(arguments, index, what)
    with suppress(ValueError, OverflowError):
        if NUMBER.fullmatch(word) and math.isfinite(value := kind(word)):
            return value
    raise ValueError(f"syntax error: {what} is no number")


def colour(arguments: list[str]) -> int:
    word = argument(arguments, 0, "the colour")
    if word.lower() not in COLOURS:
        raise ValueError(f"syntax error: {word[:20]!r} is no colour")
    return COLOURS[word.lower()]


def vertex(game: Game, word: str) -> int:
    try:
        return game.parse(word)
    except ValueError:
        raise ValueError(f"invalid coordinate {word[:20]!r}") from None


def moves(session: EngineSession, arguments: list[str]) -> list[tuple[int, int]]:
    """[(side, action)] of COLOUR VERTEX COLOUR VERTEX ..."""
    if len(arguments) % 2:
        raise ValueError("syntax error: the vertex is missing")
    return [
        (colour(arguments[i:]), vertex(session.game, arguments[i + 1]))
        for i in range(0, len(arguments), 2)
    ]


def move_word(game: Game, action: int) -> str:
    return "resign" if action == RESIGN else game.format(action)


def seconds(arguments: list[str], index: int, what: str) -> float:
    if not 0.0 <= (value := number(arguments, index, what, float)) <= LONGEST_TIME:
        raise ValueError(f"syntax error: {what} is out of range")
    return value


def count(arguments: list[str], index: int, what: str) -> int:
    if not 0 <= (value := number(arguments, index, what)) <= MOST_PERIODS:
        raise ValueError(f"syntax error: {what} is out of range")
    return value
