"""The games: one file each, rules only. `load` compiles (or finds compiled) just the game asked for."""

import importlib
import importlib.util
import sys
import zlib
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from games.game import Game, Position

__all__ = ["Game", "Position", "load", "names"]

MODULES = {"tictactoe": "games.tictactoe", "connect4": "games.connect4"}


def names() -> list[str]:
    """Names that `load` takes."""
    return list(MODULES)


@cache
def load(name: str) -> Game:
    """The game of that name, or the `GAME` of a Python file given by its path. ValueError if there is none."""
    if name.endswith(".py"):
        return _load_file(Path(name))
    if name not in MODULES:
        near = get_close_matches(name, MODULES, 1, 0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"games: {', '.join(MODULES)}"
        raise ValueError(f"unknown game {name!r}; {hint}")
    return importlib.import_module(MODULES[name]).GAME


def _load_file(path: Path) -> Game:
    if not path.is_file():
        raise ValueError(f"no such game file: {path}")
    # Under a name of its own, known to Python before the file runs: compiled functions are found again by it.
    name = f"{path.stem}_{zlib.crc32(str(path.resolve()).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    if not isinstance(getattr(module, "GAME", None), Game):
        raise ValueError(f"{path} defines no GAME of type games.Game")
    return module.GAME
