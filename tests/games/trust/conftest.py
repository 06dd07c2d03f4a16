"""A run of an own game, and a home that knows no game."""

import pytest

from games import own
from selfplay import cli
from selfplay.commands import report
from tests.games.trust.runs import TICTACTOE
from tests.learning.test_loop import SMALL


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own, and a process in which nobody has named a game yet."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(own, "NAMED", [])
    monkeypatch.setattr(own, "LOADED", {})
    return tmp_path / "home"


@pytest.fixture(scope="session")
def mine(tmp_path_factory):
    """A run of an own game, whose TOML names the file beside it, trained from another folder; and
    the home that knows it."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.py").write_text(TICTACTOE)
    toml = SMALL.replace('"tictactoe"', '"mine.py"').replace("generations = 4", "generations = 1")
    (folder / "mine.toml").write_text(toml)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        patch.setattr(report, "YARDSTICK_GAMES", 2)
        patch.chdir("/")
        assert (
            cli.main(
                ["train", str(folder / "mine.toml"), "--out", str(folder / "run"), "--actors", "0"]
            )
            == 0
        )
    return folder
