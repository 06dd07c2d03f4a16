"""What the values of SGF's properties mean, in and out: kinds of games, points, komi. (The
properties are in `selfplay.faces.sgf`, the text around them in `selfplay.faces.sgf_text`.)"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from games.game import Game
from native.perspective import FIRST, SECOND
from selfplay.faces.sgf_text import value_text


class GameKind(NamedTuple):
    """How SGF knows a family of games."""

    number: int  # GM
    size: int  # where SZ is missing
    has_score: bool  # is a win told by its margin?


GAME_KINDS = {
    "go": GameKind(1, 19, True),
    "othello": GameKind(2, 8, True),
    "gomoku": GameKind(4, 15, False),
    "hex": GameKind(11, 11, False),
}
MOVE_PROPERTIES = ("B", "W")  # the first player's, the second player's
SIDES = {"B": FIRST, "W": SECOND}
STONES = {"AB": 1, "AW": -1, "AE": 0}
PASSES = ("", "pass")
SWAPS = ("swap", "swap-pieces")
LONGEST_POINT = 20  # characters of what might be a move
HUNDREDTHS = 100  # a whole komi beyond it is one in hundredths
CHINESE = (3.75, 3.25, 2.75)  # a komi in stones, as China counts: half of one in points


# Points


def cells_of(game: Game, values: list[bytes]) -> Iterator[int]:
    """The cells of a list of points, which may hold rectangles such as aa:cc, by any two opposite
    corners."""
    for value in filter(None, dict.fromkeys(map(value_text, values))):
        corner, _, opposite = value.partition(":")
        rows, columns = zip(
            *(divmod(cell_of(game, end), game.columns) for end in (corner, opposite or corner))
        )
        for row in range(min(rows), max(rows) + 1):
            yield from (
                row * game.columns + column for column in range(min(columns), max(columns) + 1)
            )


def cell_of(game: Game, point: str) -> int:
    if (action := action_of(game, point.strip())) >= game.cells:
        raise ValueError(f"[{point[:20]}] is no point")
    return action


def action_of(game: Game, point: str) -> int:
    """The action of a move's value: two letters, letter and number, or a word."""
    point = point.lower()
    if point in PASSES or (point == "tt" and game.rows < 20):
        point = "pass"
    elif point in SWAPS:
        point = "swap"
    elif len(point) == 2 and point.isascii() and point.isalpha():
        column, row = (ord(letter) - ord("a") for letter in point)
        if column >= game.columns or row >= game.rows:
            raise ValueError("outside the board")
        return row * game.columns + column
    elif len(point) > LONGEST_POINT:
        raise ValueError("no point")
    return game.parse(point)


def point_of(game: Game, family: str, action: int) -> str:
    """The value of a move: letter and number in Hex, two letters in the other games."""
    word = game.format(action)
    if word in ("pass", "swap"):
        return {"pass": "", "swap": "swap-pieces"}[word]
    return word if family == "hex" else letters(game, action)


def letters(game: Game, cell: int) -> str:
    return "".join(chr(ord("a") + index) for index in (cell % game.columns, cell // game.columns))


# Komi


def read_komi(value: str) -> float:
    """A komi in points, from points, hundredths of them (Fox) or Chinese stones. ValueError for
    what is no number."""
    try:
        komi = float(value.replace(",", "."))
    except ValueError:
        komi = math.nan
    if not math.isfinite(komi):
        raise ValueError(f"KM[{value[:20]}] is no komi")
    if abs(komi) > HUNDREDTHS and value.lstrip("-+").isdecimal():
        komi /= HUNDREDTHS
        komi *= 2 if komi in CHINESE else 1
    return komi


def komi_text(komi: float) -> str:
    """The number; with a decimal point where a whole one would be read as hundredths."""
    return (
        f"{komi:g}"
        if abs(komi) <= HUNDREDTHS and float(f"{komi:g}") == komi
        else np.format_float_positional(komi, trim="0")
    )
