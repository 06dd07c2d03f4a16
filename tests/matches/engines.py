"""Engines of others, where they are installed, and short matches with any."""

import os
import shutil

import pytest

from selfplay.matches import arena


def meet(game, first, second, num_games=4):
    return arena.match(game, first, second, num_games, 4, seed=1)


GNUGO = "--mode gtp --level 1 --chinese-rules --positional-superko --capture-all-dead"


def installed(name: str, package: str) -> str:
    """The path of a real engine; the test is skipped with a sentence where it is missing."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/games")
    if found is None:
        pytest.skip(f"{name} is not installed here; Debian has it in the package {package}")
    return found
