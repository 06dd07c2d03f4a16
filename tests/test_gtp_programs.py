"""Real programs on the other end of the Go Text Protocol: pipes that break, our own arena, Sabaki's client."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import games
from tests.test_gtp import COMMANDS
from tests.test_play import Parrot


def selfplay_gtp(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "selfplay.cli", "gtp", *arguments]


def test_the_end_of_the_input_is_the_end_without_a_word():
    done = subprocess.run(
        selfplay_gtp("random", "--game", "connect4"), input=b"name\n", capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"= selfplay\n\n", b"")


def test_a_broken_pipe_is_no_traceback():
    command = selfplay_gtp("mcts:10", "--game", "connect4")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"lz-analyze 1\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"=\n" and process.stdout.readline().startswith(b"info")
    process.stdout.close()  # while the analysis goes on
    assert process.wait(30) == 141 and process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


def test_our_engine_is_an_outside_engine_to_our_arena(connect4):
    from selfplay.arena import match
    from selfplay.engine import EnginePlayer

    command = " ".join(selfplay_gtp("random", "--game", "connect4"))
    result = match(connect4, EnginePlayer(f"gtp:{command}", connect4), Parrot(connect4), 2, 2, seed=1)
    assert len(result.outcomes) == 2


@pytest.fixture(scope="module")
def sabaki(tmp_path_factory) -> str:
    """The folder of Sabaki's client; the test is skipped with a sentence where it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed here: Sabaki's client cannot run")
    folder = tmp_path_factory.mktemp("sabaki")
    options = ["--silent", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", str(folder)]
    done = subprocess.run(
        ["npm", "install", *options, "@sabaki/gtp@3.0.0"], capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        pytest.skip(f"npm cannot fetch Sabaki's client @sabaki/gtp here: {done.stderr[-200:]}")
    return str(folder / "node_modules" / "@sabaki" / "gtp")


def test_sabaki_s_client_plays_undoes_and_analyses(sabaki):
    script = Path(__file__).with_name("sabaki.js")
    command = ["node", str(script), sabaki, *selfplay_gtp("mcts:50", "--game", "go9")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["name"] == said["after"] == "selfplay" and set(COMMANDS) <= set(said["commands"])
    go9 = games.load("go9")
    position = go9.start().play("E5").play("C3")
    assert said["board"].split("\n")[0].strip() == str(position).split("\n")[0].strip()
    assert said["board"].count("X") == said["board"].count("O") == 1
    assert said["occupied"] == "error: illegal move: there is a stone already"
    assert go9.parse(said["move"]) in position.legal
    assert [command["args"] for command in said["history"]] == [["B", "E5"], ["W", "C3"], ["B", said["move"].upper()]]
    assert len(said["lines"]) >= 3 and all(" winrate " in line and " pv " in line for line in said["lines"])
