"""One clear line and exit code 2 for every mistake, and nothing written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.cli.shell import selfplay

MISTAKES = [
    (["tarin"], "unknown command 'tarin'; did you mean 'train'"),
    ([], "the following arguments are required: COMMAND"),
    (["check", "conect4"], "unknown game 'conect4'; did you mean 'connect4'"),
    (["check", "nowhere.py"], "no such game file: nowhere.py"),
    (["train", "conect4"], "unknown preset 'conect4'; did you mean 'connect4'"),
    (["train"], "name what to train"),
    (["train", "nowhere.toml"], "no such file 'nowhere.toml'"),
    (["train", "dummy", "--set", "learner.btach=3"],
     "unknown key 'learner.btach'; did you mean 'learner.batch'"),
    (["train", "dummy", "--set", "learner.batch=many"], "learner.batch: expected `int`, got `str`"),
    (["train", "dummy", "--actors", "-1"], "--actors must be 0 or more"),
    (["train", "dummy", "--time", "soon"], "--time takes a number"),
    (["train", "--resume", "--out", "nothing"], "there is no run to resume in nothing"),
    (["play", "conect4"], "unknown player 'conect4'"),
    (["play", "random"], "'random' plays any game; say which"),
    (["play", "connect4", "--second", "rnadom"], "unknown player 'rnadom'"),
    (["play", "connect4", "--moves", "4 9"], "move 2, '9', is not legal"),
    (["play", "connect4", "--load", "nowhere.json"], "nowhere.json is missing or damaged"),
    (["arena", "random"], "two players or more"),
    (["arena", "random", "mcts:5"], "say which --game"),
    (["arena", "random", "mcts:5", "--game", "connect5"],
     "unknown game 'connect5'; did you mean 'connect4'"),
    (["arena", "random", "mcts:5", "--game", "connect4", "--games", "0"],
     "--games must be at least 1"),
    (["exam", "nothing"], "unknown player 'nothing'"),
    (["exam", "random"], "'random' has no network to examine"),
    (["bench", "everything"], "everything"),
    (["bench", "net", "--games", "0"], "--games must be at least 1"),
    (["bench", "rules", "--seconds", "0"], "--seconds must be above 0"),
    (["check", "connect4", "--games", "0"], "--games must be at least 1"),
    (["train", "dummy", "--time", "infm"], "--time takes a number"),
    (["train", "dummy", "--address", "localhost:1"], "--address needs --actors"),
    (["train", "dummy", "--set", "learner.learning_rate=nan"],
     "learner.learning_rate must lie between"),
    (["play", "connect4", "--second", "mcts:99999999999"], "at most 10,000,000 simulations"),
    (["play", "connect4", "--time", "soon"], "'soon' is no time control; they are 10m, 5m+3s"),
    (["play", "connect4", "--time", ""], "'' is no time control"),
    (["play", "connect4", "--second", "mcts:0s"], "player 'mcts:0s': '0s' is no time"),
    (["arena", "mcts:1x", "random", "--game", "connect4"], "player 'mcts:1x': '1x' is no time"),
    (["exam", "nothing@0.5s"], "unknown player 'nothing@0.5s'"),
    (["play", "x" * 300], "unknown player 'xxxx"),
    (["play", "go25"], "unknown game 'go25'; go is played on go5, go6"),
    (["train", "go9", "--set", "options.kome=5"],
     "options: go9 has no option 'kome'; it has: komi, handicap"),
    (["train", "go9", "--set", "options.komi=much"], "options.komi: expected a number, got 'much'"),
    (["arena", "gtp:/nowhere/engine", "random", "--game", "go9"],
     "cannot be started: No such file or directory"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=[" ".join(a) or "nothing" for a, _ in MISTAKES]
)
def test_a_mistake_gets_one_clear_line_and_exit_code_2(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = selfplay(*arguments, capsys=capsys)
    assert code == 2 and out == ""
    assert err.count("\n") == 1 and err.startswith("selfplay: ") and message in err
    assert list(tmp_path.iterdir()) == []  # nothing written


def test_a_wrong_type_in_a_file_names_the_key_and_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text('game = "connect4"\n[network]\nblocks = "four"\n')
    code, _, err = selfplay("train", "mine.toml", capsys=capsys)
    assert code == 2 and "mine.toml: network.blocks: expected `int`, got `str`" in err
    (tmp_path / "mine.toml").write_text('game = "chess"\n')
    code, _, err = selfplay("train", "mine.toml", capsys=capsys)
    assert code == 2 and "unknown game 'chess'" in err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_a_checkpoint_of_another_game_is_refused(run, capsys):
    code, _, err = selfplay("play", "connect4", "--second", str(run), capsys=capsys)
    assert code == 2 and "plays tictactoe, not connect4" in err
    code, _, err = selfplay("arena", str(run), "random", "--game", "connect4", capsys=capsys)
    assert code == 2 and "different games" in err


@pytest.mark.parametrize("name", ["weights.safetensors", "checkpoint.json"])
def test_a_cut_checkpoint_is_refused_by_name(run, tmp_path, name, capsys):
    shutil.copytree(run / "checkpoints" / "0002", tmp_path / "cut")
    path = tmp_path / "cut" / name
    path.write_bytes(path.read_bytes()[:50])
    code, _, err = selfplay("exam", str(tmp_path / "cut"), capsys=capsys)
    assert code == 2 and name in err and err.count("\n") == 1


def test_a_full_disk_that_does_not_say_where_it_is_full_is_named_by_the_run_s_folder(
    tmp_path, capsys, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")  # as from a file's write

    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 0))
    code, _, err = selfplay(
        "train", "dummy", "--out", str(tmp_path / "r"), "--actors", "0", capsys=capsys
    )
    assert code == 2 and f"{tmp_path / 'r'}: No space left on device" in err


def test_an_output_folder_with_another_run_is_refused_and_left_alone(run, capsys):
    before = sorted((p.name, p.stat().st_mtime) for p in run.rglob("*"))
    code, _, err = selfplay("train", "dummy", "--out", str(run), "--actors", "0", capsys=capsys)
    assert code == 2 and "holds another run" in err
    assert sorted((p.name, p.stat().st_mtime) for p in run.rglob("*")) == before


def test_no_space_left_is_one_line(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "weights.safetensors")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = selfplay(
        "train", "dummy", "--out", str(tmp_path / "r"), "--actors", "0", capsys=capsys
    )
    assert code == 2 and "No space left on device" in err and err.count("selfplay: ") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_output_that_cannot_be_written_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "selfplay.cli", "games"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2 and done.stderr == "selfplay: the output: No space left on device\n"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("gtp random", "say which --game"),
        ("gtp mcts:x --game go9", "is no number of simulations"),
        ("gtp random --game go4", "unknown game 'go4'"),
        ("analysis", "name the player: selfplay analysis CHECKPOINT|RUN|PLAYER"),
        ("analysis mcts:5", "say which --game"),
        ("analysis random --game go9", "random does not search"),
        ("analysis -model net.bin.gz", "unknown player 'net.bin.gz'"),
    ],
)
def test_an_engine_s_wrong_start_is_one_line_and_exit_code_2(command, message, capsys, monkeypatch):
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading) as empty:
        monkeypatch.setattr(sys, "stdin", empty)
        code, out, err = selfplay(*command.split(), capsys=capsys)
    assert code == 2 and message in err and err.count("\n") == 1 and out == ""
