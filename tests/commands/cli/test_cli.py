"""The command line as its users meet it: what it prints, exit codes, own games and options."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import games
from tests.commands.cli.shell import interrupted, selfplay
from tests.learning.test_loop import SMALL


def test_training_says_how_to_play_the_result(run, capsys):
    code, out, err = selfplay("train", "--resume", "--out", str(run), capsys=capsys)
    assert code == 0 and out == f"play it with: selfplay play {run}\n"
    assert "exam: of 4,520 positions" in err and "against mcts:1000" in err


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from selfplay import cli\ntry: cli.main(['--help'])\nexcept SystemExit: "
        "pass\nprint(sorted(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    assert "usage: selfplay" in out and "train" in out
    for heavy in ("torch", "ray", "numba", "numpy", "rich", "tensorboard", "msgspec"):
        assert f"'{heavy}'" not in out


@pytest.mark.parametrize(
    "command", ["games", "train", "play", "arena", "gtp", "analysis", "exam", "bench", "check"]
)
def test_every_command_has_help(command, capsys):
    code, out, _ = selfplay(command, "--help", capsys=capsys)
    assert code == 0 and f"selfplay {command}" in out


def test_games_lists_what_can_be_played(capsys):
    code, out, _ = selfplay("games", capsys=capsys)
    assert code == 0 and "connect4-quick" in out and "Tic-tac-toe" in out


@pytest.mark.slow
def test_a_board_s_bare_name_is_played_and_listed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    code, out, _ = selfplay("play", "hex", "--second", "random", capsys=capsys)
    assert code == 0 and "11" in out and "selfplay play hex" in out
    code, out, _ = selfplay("games", capsys=capsys)
    for family, name in games.USUAL.items():
        assert f"({family} is {name})" in out
    code, out, _ = selfplay(
        "arena",
        "random",
        "random",
        "--game",
        "breakthrough",
        "--games",
        "1",
        "--json",
        capsys=capsys,
    )
    assert code == 0 and json.loads(out)["game"] == "breakthrough8"


def test_clocks_and_pondering_are_asked_for_again_when_one_goes_on(run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    code, out, _ = selfplay("play", str(run), "--time", "5m + 3s", "--ponder", capsys=capsys)
    assert code == 0 and "time: X 5:00, O 5:00" in out
    assert "--time '5m + 3s' --ponder" in " ".join(out.split())


@pytest.mark.slow
def test_check_proves_and_disproves(capsys, tmp_path):
    code, out, _ = selfplay("check", "tictactoe", "--games", "5", capsys=capsys)
    assert code == 0 and "all laws hold" in out
    source = Path(games.__file__).with_name("tictactoe.py").read_text()
    (tmp_path / "broken.py").write_text(
        source.replace("stones & line == line", "stones & line == 3")
    )
    code, out, _ = selfplay("check", str(tmp_path / "broken.py"), "--games", "5", capsys=capsys)
    assert (
        code == 1
        and "FAILS  a symmetric image of a game is the same game" in out
        and "after " in out
    )


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_cleanly_and_says_how_to_go_on(tmp_path):
    (tmp_path / "long.toml").write_text(SMALL.replace("generations = 4", "generations = 4000"))
    command = [
        sys.executable,
        "-m",
        "selfplay.cli",
        "train",
        "long.toml",
        "--out",
        "run",
        "--actors",
        "0",
    ]
    second = tmp_path / "run" / "checkpoints" / "0002"
    code, _, err = interrupted(command, tmp_path, second.exists, 0.05)
    assert code == 130
    assert err.rstrip().endswith(
        "the same command goes on: selfplay train long.toml --out run --actors 0"
    )
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("end", ["| head -1", "| true"])
def test_a_closed_pipe_is_no_traceback(end):
    command = f"{sys.executable} -m selfplay.cli check tictactoe --games 20 {end}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") <= 1


def test_a_game_of_one_s_own_is_trained_played_and_met_by_its_file(tmp_path, monkeypatch, capsys):
    """Its file's path stands wherever a game's name does, and the run finds it from any folder."""
    monkeypatch.chdir(tmp_path)
    source = Path(games.__file__).with_name("tictactoe.py").read_text()
    (tmp_path / "mine.py").write_text(source.replace('name="tictactoe"', 'name="mine"'))
    (tmp_path / "mine.toml").write_text(
        SMALL.replace('"tictactoe"', '"mine.py"').replace("generations = 4", "generations = 1")
    )
    code, out, err = selfplay("train", "mine.toml", "--actors", "0", capsys=capsys)
    assert code == 0 and out == "play it with: selfplay play runs/mine\n", err
    monkeypatch.chdir("/")
    run = str(tmp_path / "runs" / "mine")
    code, out, _ = selfplay("arena", run, "random", "--games", "4", "--json", capsys=capsys)
    assert code == 0 and json.loads(out)["game"] == "mine"
    code, _, err = selfplay("play", "tictactoe", "--second", run, capsys=capsys)
    assert code == 2 and "plays mine, not tictactoe" in err


def test_options_of_a_game_are_set_by_name(capsys):
    arena = "arena random random --game go5 --games 2 --option komi=25.5 --json"
    code, out, _ = selfplay(*arena.split(), capsys=capsys)
    (met,) = json.loads(out)["matches"]
    assert code == 0 and met["score_moving_first"] == 0.0, (
        "with 25.5 points White has won before the first stone"
    )
    for wrong, message in (
        ("komi=much", "--option takes NAME=NUMBER, such as komi=5.5, not 'komi=much'"),
        ("kome=5", "go5 has no option 'kome'; it has: komi, handicap"),
        ("komi=inf", "go5: option komi must be a finite number, not inf"),
    ):
        code, out, err = selfplay(
            "arena", "random", "random", "--game", "go5", "--option", wrong, capsys=capsys
        )
        assert (code, out, err) == (2, "", f"selfplay: {message}\n")
