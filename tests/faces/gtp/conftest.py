"""A session at a 5x5 board."""

import pytest

import games
from tests.faces.gtp.sessions import session_of


@pytest.fixture(scope="module")
def go5_table():
    return session_of(games.load("go5"))
