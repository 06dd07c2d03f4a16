"""A run keeps its game: a copy that goes with it, and runs only if the user named its bytes."""

import io
import json
import shutil
import sys

import msgspec
import pytest

from games import own
from selfplay import config
from selfplay.network.weights import new_network, shape_for, weights_of
from selfplay.storage.run import stored_config
from tests.commands.cli.shell import selfplay
from tests.games.trust.runs import TICTACTOE, make_it_name

pytestmark = pytest.mark.slow


def test_a_run_that_was_moved_goes_on_without_the_original(mine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(mine / "home"))
    assert (mine / "run" / "game.py").read_text() == TICTACTOE
    assert str(mine) not in (mine / "run" / "config.toml").read_text()
    moved = tmp_path / "moved"
    shutil.copytree(mine / "run", moved)
    monkeypatch.chdir(tmp_path)
    (mine / "mine.py").rename(mine / "gone.py")
    try:
        code, out, err = selfplay(
            "train", "--resume", "--out", str(moved), "--actors", "0", capsys=capsys
        )
        assert code == 0 and out == f"play it with: selfplay play {moved}\n", err
        code, out, _ = selfplay(
            "arena", str(moved), "random", "--games", "2", "--json", capsys=capsys
        )
        assert code == 0 and json.loads(out)["game"] == "mine"
    finally:
        (mine / "gone.py").rename(mine / "mine.py")


def test_a_copy_that_is_not_the_run_s_own_is_refused_by_name(mine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(mine / "home"))
    moved = tmp_path / "moved"
    shutil.copytree(mine / "run", moved)
    (moved / "game.py").write_text(TICTACTOE + "# another\n")
    for command in ("gtp {}", "train --resume --out {} --actors 0"):
        code, _, err = selfplay(*command.format(moved).split(), capsys=capsys)
        assert (
            code == 2
            and f"{moved}/game.py is not the game's file that the run was made with" in err
        )


def test_a_checkpoint_that_was_moved_alone_needs_the_game_s_name(
    mine, tmp_path, monkeypatch, capsys
):
    shutil.copytree(mine / "run" / "checkpoints" / "0001", tmp_path / "alone" / "0001")
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    code, _, err = selfplay("play", str(tmp_path / "alone" / "0001"), capsys=capsys)
    assert code == 2 and "no such game file" in err and "name it: --game FILE.py" in err
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    code, _, err = selfplay(
        "play", str(tmp_path / "alone" / "0001"), "--game", str(mine / "mine.py"), capsys=capsys
    )
    assert code == 0, err


def test_another_user_is_asked_to_read_the_file_first(mine, tmp_path, monkeypatch, capsys):
    code, _, err = selfplay(
        "train", "--resume", "--out", str(mine / "run"), "--actors", "0", capsys=capsys
    )
    assert code == 2 and "runs only if you name it" in err
    file = str(mine / "run" / "game.py")
    code, _, err = selfplay(
        "train",
        "--resume",
        "--out",
        str(mine / "run"),
        "--actors",
        "0",
        "--game",
        file,
        capsys=capsys,
    )
    assert code == 0, err
    (tmp_path / "other.py").write_text(TICTACTOE + "# another\n")
    code, _, err = selfplay(
        "train",
        "--resume",
        "--out",
        str(mine / "run"),
        "--game",
        str(tmp_path / "other.py"),
        capsys=capsys,
    )
    assert code == 2 and "the file's digest is another" in err


def test_a_run_from_before_runs_kept_copies_goes_on_while_the_file_is_there(
    mine, tmp_path, monkeypatch, capsys
):
    old = tmp_path / "old"
    shutil.copytree(mine / "run", old)
    (old / "game.py").unlink()
    make_it_name(old, str(mine / "mine.py"))
    code, _, err = selfplay("train", "--resume", "--out", str(old), "--actors", "0", capsys=capsys)
    assert code == 2 and "runs only if you name it" in err
    monkeypatch.setenv("HOME", str(mine / "home"))
    code, _, err = selfplay("train", "--resume", "--out", str(old), "--actors", "0", capsys=capsys)
    assert code == 0, err
    code, _, err = selfplay(
        "train", str(mine / "mine.toml"), "--out", str(old), "--actors", "0", capsys=capsys
    )
    assert code == 0, err


def test_a_worker_needs_no_file(mine):
    """A Ray worker, perhaps on another machine, gets the driver's leave and the bytes, and has not
    the path."""
    pytest.importorskip("ray")
    from selfplay.actors.ray_pool import Worker

    source = own.Source("/nowhere/mine.py", (mine / "mine.py").read_bytes())
    settings = msgspec.structs.replace(stored_config(mine / "run"), game=source.path)
    own.allow(source)
    shape = shape_for(config.game_of(settings), settings.network, settings.learner)
    own.NAMED.clear()
    with pytest.raises(ValueError, match="no such game file: /nowhere/mine.py"):
        Worker(settings, shape, 1, 1, None)
    worker = Worker(settings, shape, 1, 1, source)
    worker.load(weights_of(new_network(shape, 0)), 0, 2, "fp32")
    games_played, _ = worker.play(5)
    assert worker.actor.game.name == "mine" and len(games_played.outcome) > 0
