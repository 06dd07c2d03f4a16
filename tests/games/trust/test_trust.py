"""Nothing read from a run, a checkpoint or a record runs code: an own game's file runs when its
user names it or has named it before.

The kind of fault: a model's configuration that names a Python file beside it (mlx-lm#1385,
modelscope#1702), a cache that lies beside the data and is read with pickle (beancount#1034,
numba#10839).
"""

import io
import json
import os
import shutil
import stat
import sys

import pytest

import games
from games import own, trust
from selfplay import config, config_file
from selfplay.matches import exam, player_names, players
from selfplay.storage import checkpoint
from selfplay.storage.run import Run, stored_config
from tests.commands.cli.shell import selfplay
from tests.games.trust.runs import TICTACTOE, make_it_name

pytestmark = pytest.mark.slow


@pytest.fixture
def evil(mine, tmp_path):
    """A run whose game's file leaves a trace when it runs, and that trace."""
    trace = tmp_path / "it ran"
    run = tmp_path / "evil"
    shutil.copytree(mine / "run", run)
    (run / "game.py").write_text(f"open({str(trace)!r}, 'w').close()\n" + TICTACTOE)
    return run, trace


NAMES = {
    "absolute": lambda run: str(run / "game.py"),
    "relative": lambda run: "game.py",
    "by the working directory": lambda run: os.path.relpath(run / "game.py"),
    "by /proc/self/cwd": lambda run: f"/proc/self/cwd/{os.path.relpath(run / 'game.py')}",
    "with ..": lambda run: str(run / "games" / ".." / "game.py"),
    "in another case": lambda run: str(run / "game.PY"),
    "with a space behind": lambda run: str(run / "game.py") + " ",
    "through a link": lambda run: str(run / "link.py"),
    "as a folder": lambda run: str(run / "folder.py"),
    "as an entry point": lambda run: "evil:GAME",
    "of another game's name": lambda run: str(run / "game.py") + "\0go9",
}
COMMANDS = [
    "play {}",
    "play tictactoe --second {}",
    "gtp {}",
    "analysis {}",
    "exam {}",
    "arena {} random --games 2",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_a_run_names_never_runs(evil, name, capsys, monkeypatch):
    run, trace = evil
    monkeypatch.chdir(run)
    (run / "link.py").symlink_to("game.py")
    (run / "folder.py").mkdir()
    shutil.copy(run / "game.py", run / "folder.py" / "__init__.py")
    shutil.copy(run / "game.py", run / "game.PY")
    for digest in ("", own.read(str(run / "game.py")).digest):
        make_it_name(run, NAMES[name](run), digest)
        for command in [*COMMANDS, "train --resume --actors 0 --out {}"]:
            monkeypatch.setattr(sys, "stdin", (run / "log.txt").open())
            code, _, err = selfplay(
                *(str(run) if word == "{}" else word for word in command.split()), capsys=capsys
            )
            assert code == 2 and err.startswith("selfplay: ") and err.count("\n") == 1, (
                command,
                err,
            )
            assert not trace.exists(), command


def test_the_refusal_says_how_the_file_may_run(evil, capsys, monkeypatch):
    run, trace = evil
    make_it_name(run, "game.py", own.read(str(run / "game.py")).digest)
    code, _, err = selfplay("gtp", str(run), capsys=capsys)
    file = run / "game.py"
    assert code == 2 and f"{file} is a run's own game, and it runs only if you name it" in err
    assert err.endswith(f"read it, then add --game {file}\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    assert selfplay("play", str(run), "--game", str(file), capsys=capsys)[0] == 0 and trace.exists()
    trace.unlink()
    (
        own.LOADED.clear(),
        own.NAMED.clear(),
        sys.modules.pop(f"own_{own.read(str(file)).digest[:16]}_game"),
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    # the user named it before
    assert selfplay("play", str(run), capsys=capsys)[0] == 0 and trace.exists()


def test_python_s_own_face_runs_no_file_that_a_run_names(evil, tmp_path):
    run, trace = evil
    make_it_name(run, str(run / "game.py"))
    attempts = [
        lambda: config.game_of(checkpoint.find(str(run)).config),
        lambda: config.game_of(stored_config(run)),
        lambda: player_names.parse_name(str(run)).game(),
        lambda: players.create(str(run), games.load("tictactoe")),
        lambda: games.recall(str(run / "game.py")),
        lambda: config.game_of(config_file.load(str(run / "config.toml"))),
        lambda: config.game_of(Run(run, stored_config(run)).config),
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match="runs only if you name it"):
            attempt()
        assert not trace.exists()


def test_an_exam_s_name_reaches_no_file(evil, tmp_path):
    """`exams/` joined with an absolute name is that name: a data file there would have made the
    game beside it run."""
    run, trace = evil
    (run / "game.py.txt").write_text("")
    assert (
        exam.load(str(run / "game.py")) is None
        and exam.load("../presets/dummy") is None
        and not trace.exists()
    )


def test_a_saved_game_s_name_reaches_no_file(evil, capsys):
    run, trace = evil
    (run / "saved.json").write_text(
        json.dumps({"format": "selfplay-game-1", "game": str(run / "game.py"), "moves": ["a1"]})
    )
    code, _, err = selfplay("play", "tictactoe", "--load", str(run / "saved.json"), capsys=capsys)
    assert code == 2 and "is a game of" in err and not trace.exists()


def test_a_file_that_changed_since_it_was_named_does_not_run(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(TICTACTOE)
    game = games.load(str(path))
    path.write_text("raise RuntimeError\n")
    assert games.recall(str(path)).rules is game.rules  # the bytes that the user named
    with pytest.raises(ValueError, match="digest is another"):
        games.recall(str(path), "0" * 64)
    own.NAMED.clear()
    with pytest.raises(ValueError, match="runs only if you name it"):
        games.recall(str(path))


def test_two_files_of_one_path_are_two_games(tmp_path):
    """A cache by path would give the second file the first one's compiled code."""
    path = tmp_path / "mine.py"
    path.write_text(TICTACTOE)
    first = games.load(str(path))
    path.write_text(TICTACTOE.replace('title="Tic-tac-toe"', 'title="Noughts"'))
    second = games.load(str(path))
    assert (first.title, second.title) == (
        "Tic-tac-toe",
        "Noughts",
    ) and first.source.digest != second.source.digest


def test_compiled_code_that_lies_beside_a_game_s_file_is_not_read(tmp_path, home):
    """Numba reads its cache with pickle, so one that came with a run would run code
    (numba#10839)."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "game.py").write_text(TICTACTOE + "# compiled here for the first time\n")
    (folder / "__pycache__").mkdir()
    games.load(str(folder / "game.py"))
    assert list((folder / "__pycache__").iterdir()) == []
    assert list(home.rglob("*.nb*")), "it lies in the user's own folder"


def test_the_list_counts_only_if_it_is_the_user_s_alone(home, tmp_path):
    digest = "a" * 64
    trust.add(digest, "/x/y\n.py")
    trust.add("b" * 64, "/z.py")
    place = trust.list_path()
    assert trust.digests() == {digest, "b" * 64} and len(place.read_text().splitlines()) == 2
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    place.chmod(0o622)
    assert trust.digests() == set()
    place.chmod(0o600)
    place.write_bytes(
        b"\xff\xfe nonsense\n" + b"A" * 64 + b"\n" + b"c" * 64 + b"  /c.py\n" + b"d" * 40
    )
    trust.add("e" * 64, "/e.py")  # after a line that a kill cut
    assert trust.digests() == {"c" * 64, "e" * 64}


@pytest.mark.parametrize("kind", ["no folder", "a file in its place", "none"])
def test_without_a_home_a_game_is_named_each_time(kind, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(TICTACTOE)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(
        "HOME",
        {"no folder": "/proc/none", "a file in its place": str(tmp_path / "file"), "none": ""}[
            kind
        ],
    )

    game = games.remember(games.load(str(tmp_path / "mine.py")))
    assert game.start().play("a1").mover == 1
    if kind != "none":
        assert trust.digests() == set()


def test_a_game_s_file_that_is_none_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "long.py").write_bytes(b"#" * (own.LARGEST + 1))
    (tmp_path / "round.py").symlink_to("round.py")
    for name in (
        "pipe.py",
        "folder.py",
        "long.py",
        "round.py",
        "no.py",
        "a\0b.py",
        "x" * 100_000 + ".py",
    ):
        with pytest.raises(ValueError) as caught:
            games.load(str(tmp_path / name))
        assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)
