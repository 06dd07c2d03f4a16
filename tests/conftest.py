"""Shared by the tests: the games, positions reached at random, and hypothesis settings that suit
compiled code."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

import games

# One thread of torch a process: two processes of tests, each with a thread a core, would wait for
# each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("default", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("default")


# Small boards of every family: what is proved for them is proved for the file they share.
GAMES = ["tictactoe", "connect4", "go5", "othello6", "gomoku9", "hex5", "breakthrough5"]


# A first run compiles the search and the rules of some twenty boards, a minute and more each. Two
# processes that begin with these files, in this order, compile hardly anything twice.
FIRST = ["actors/test_actor.py", "games/test_games.py", "games/test_go.py", "native"]


def pytest_collection_modifyitems(items):
    def turn(item):
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((i for i, first in enumerate(FIRST) if path.startswith(first)), len(FIRST))

    items.sort(key=turn)


@pytest.fixture(params=GAMES)
def game(request):
    return games.load(request.param)


@pytest.fixture(scope="session")
def other_home(tmp_path_factory):
    """A home for tests that name files of their own, so that they leave nothing in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def connect4():
    return games.load("connect4")


@pytest.fixture
def tictactoe():
    return games.load("tictactoe")


@pytest.fixture
def go5():
    return games.load("go5")


@pytest.fixture
def go9():
    return games.load("go9")


def played(game, moves: str):
    """The position after moves such as "4435" or "a1 b2"."""
    position = game.start()
    for move in re.findall(r"[a-z]?\d", moves):
        position.play(move)
    return position
