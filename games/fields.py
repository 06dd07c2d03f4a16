"""What the fields of a `Game` must be, whoever made it: each mistake is a ValueError with one line
that names the field."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numba import typeof
from numba.core.types import FunctionType, Type

from games.quoting import shown
from native import abi

if TYPE_CHECKING:
    from games.game import Game

MOST = {  # more of it is a slip of the finger, or would not fit in memory
    "rows": 1000,
    "columns": 1000,
    "planes": 10_000,
    "actions": 10_000_000,
    "max_plies": 100_000_000,
    "scalars": 10_000,
}
LEAST = {"scalars": 0}  # the least of all others is 1
LARGEST_STATE = 1 << 24  # bytes of a position
LONGEST_NAME = 100


def check(game: "Game") -> None:
    """ValueError with one line for the first field that is wrong."""
    for problem in problems(game):
        raise ValueError(f"Game: {problem}")


def problems(game: "Game") -> Iterator[str]:
    """What is wrong, the fields that others rest on first."""
    for name in ("name", "title"):
        text = getattr(game, name)
        if not (isinstance(text, str) and 0 < len(text) <= LONGEST_NAME and text.isprintable()):
            yield (
                f"{name} must be a text of 1 to {LONGEST_NAME} letters on one line, not "
                f"{shown(text)}"
            )
    for name, most in MOST.items():
        number, least = getattr(game, name), LEAST.get(name, 1)
        if (
            isinstance(number, bool)
            or not isinstance(number, int | np.integer)
            or not least <= number <= most
        ):
            yield f"{name} must be a whole number from {least} to {most:,}, not {shown(number)}"
    yield from memory_problems(game)
    yield from layout_problems(game)
    yield from rules_problems(game)
    yield from python_problems(game)
    yield from maps_problems(game)


def memory_problems(game: "Game") -> Iterator[str]:
    if not (isinstance(game.dtype, np.dtype) and game.dtype.names and not game.dtype.hasobject):
        yield f"dtype must be a structured NumPy dtype of plain numbers, not {shown(game.dtype)}"
    if not 0 < game.dtype.itemsize <= LARGEST_STATE:
        yield f"dtype must take 1 to {LARGEST_STATE:,} bytes, not {game.dtype.itemsize:,}"


def layout_problems(game: "Game") -> Iterator[str]:
    kind, planes, extra = (getattr(game.layout, name, None) for name in ("kind", "planes", "extra"))
    places = {"cells": game.rows * game.columns, "columns": game.columns}
    if (
        not isinstance(kind, str)
        or kind not in places
        or not isinstance(planes, int)
        or not isinstance(extra, int)
    ):
        yield f"layout must be a Layout of the kind cells or columns, not {shown(game.layout)}"
    elif planes < 1 or extra < 0 or planes * places[kind] + extra != game.actions:
        yield (
            f"actions must be layout.planes x {kind} + layout.extra = "
            f"{shown(planes * places[kind] + extra)}, not {game.actions}"
        )


def rules_problems(game: "Game") -> Iterator[str]:
    if not isinstance(game.rules, abi.Rules):
        yield f"rules must be native.abi.Rules, not {shown(game.rules)}"
    for name, signature in abi.FUNCTIONS.items():
        if called(found := typeof(getattr(game.rules, name))) != called(FunctionType(signature)):
            yield (
                f"rules.{name} must be compiled by @rule({name.upper()}), not as "
                f"{shown(str(found))}"
            )
    log = game.rules.log
    if isinstance(log, bool) or not isinstance(log, int | np.integer) or log < 0:
        yield f"rules.log must be the byte at which the log begins, not {shown(log)}"


def called(function: Type) -> str:
    """How machine code calls it: whether 64 bits are meant with a sign or without changes nothing
    there."""
    return str(function).replace("uint64", "int64")


def python_problems(game: "Game") -> Iterator[str]:
    for name in ("format", "parse", "draw", "stones"):
        if not callable(getattr(game, name)):
            yield f"{name} must be a function, not {shown(getattr(game, name))}"
    if not (game.setup is None or callable(game.setup)):
        yield f"setup must be a function or None, not {shown(game.setup)}"
    if not (
        isinstance(game.owner_symbols, str)
        and len(game.owner_symbols) == 2
        and game.owner_symbols.isprintable()
    ):
        yield f"owner_symbols must be two letters, not {shown(game.owner_symbols)}"
    if not (isinstance(game.options, dict) and all(isinstance(name, str) for name in game.options)):
        yield f"options must be names with their defaults, not {shown(game.options)}"
    for name, value in game.options.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            yield f"options.{shown(name)} must be a finite number, not {shown(value)}"


def maps_problems(game: "Game") -> Iterator[str]:
    """Shapes and kinds; that they are permutations is a law."""
    for name, size in (("cell_maps", game.rows * game.columns), ("action_maps", game.actions)):
        maps = getattr(game, name)
        if not (
            isinstance(maps, np.ndarray) and maps.dtype == np.int32 and maps.ndim == 2 and len(maps)
        ):
            yield f"{name} must be an array int32[symmetries, {size}], not {shown(kind_of(maps))}"
        elif maps.shape[1] != size or len(maps) != len(game.cell_maps):
            yield f"{name} must be [{len(game.cell_maps)}, {size}], not {list(maps.shape)}"


def kind_of(value: object) -> object:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else value
