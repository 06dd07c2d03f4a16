"""Names of players, games, moves and options that mean nothing: one short line, whatever they
are."""

import os

import pytest

import games
from selfplay import cli
from selfplay.matches import players

LONG = "a" * 100_000
PLAYERS = [
    LONG,
    "a" * 300,  # ENAMETOOLONG
    "a/" * 50_000,
    "@" * 100_000,
    "x@" + "9" * 100_000,
    "",
    "\0",
    "a\0b",
    "a\nb",
    "\ud800",
    "mcts:" + LONG,
    "mcts:" + "9" * 100_000,
    "mcts:" + "0" * 5000,
    "mcts:" + "9" * 5000 + "s",
    "mcts:\u0663",
    "mcts:1\n",
    "gtp:" + LONG,
    "gtp:\0",
    "gtp:\ud800",
    "/dev/null",
    "/dev/stdin",
    "/dev/zero",
    "/",
    "pipe",
    "pipe@5",
    "folder",
    "empty",
    "loop",
]


@pytest.fixture
def things(tmp_path, monkeypatch):
    """Things in the working directory that are no players and no games."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.mkfifo("pipe.py")
    os.mkdir("folder")
    os.mkdir("folder.py")
    os.symlink("loop", "loop")
    os.symlink("loop.py", "loop.py")
    open("empty", "w").close()


def is_one_short_line(message: str) -> bool:
    return message.isprintable() and len(message) <= 600


def test_a_player_who_is_none_is_told_so_in_one_short_line(things, tictactoe):
    for text in PLAYERS:
        with pytest.raises(ValueError) as caught:
            players.create(text, tictactoe)
        assert type(caught.value) is ValueError and is_one_short_line(str(caught.value)), (
            text[:30],
            caught.value,
        )


@pytest.mark.parametrize(
    "text", ["a" * 300, "pipe", "/dev/stdin", "a\nb", "folder", "pipe.py", "folder.py", "loop.py"]
)
@pytest.mark.parametrize("command", ["play", "gtp", "arena"])
def test_every_command_says_so_and_ends(things, capsys, monkeypatch, command, text):
    monkeypatch.setattr("sys.stdin", open(os.devnull))
    arguments = [text, "random", "--games", "2"] if command == "arena" else [text]
    assert cli.main([command, *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and len(said.err) < 600 and said.out == ""


def test_a_game_that_is_none_is_told_so_in_one_short_line(things):
    for text in (
        LONG,
        LONG + ".py",
        "a" * 300 + ".py",
        "go" + "9" * 100_000,
        "\0",
        "\0.py",
        "\ud800.py",
        "a\nb.py",
    ):
        with pytest.raises(ValueError) as caught:
            games.load(text)
        assert type(caught.value) is ValueError and is_one_short_line(str(caught.value)), (
            text[:30],
            caught.value,
        )
    for text in ("pipe.py", "folder.py", "loop.py", "/dev/stdin.py", "missing.py"):
        with pytest.raises(
            ValueError,
            match=f"no such game file: {text}|{text} is no regular "
            f"file|cannot read the game file {text}",
        ):
            games.load(text)


@pytest.mark.parametrize(
    "name", ["tictactoe", "go5", "hex5", "othello6", "connect4", "breakthrough5", "gomoku9"]
)
def test_a_move_or_option_that_is_none_is_told_so_in_one_short_line(name):
    game = games.load(name)
    for text in (LONG, "", "\0", "a\nb", "\ud800", "9" * 5000, "a" + "9" * 5000, "\u0663"):
        for ask in (game.parse, lambda text: game.with_options(**{text: 1.0})):
            with pytest.raises(ValueError) as caught:
                ask(text)
            assert is_one_short_line(str(caught.value)), (text[:30], caught.value)
