"""Real programs on the other end of the Go Text Protocol: pipes that break, our own arena, Sabaki's
client."""

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import games
from selfplay.faces import sgf
from selfplay.faces.game_record import Change, Move, Record, after, allowed, stones
from selfplay.matches.gtp_engine import Program
from tests.faces.gtp.talk import COMMANDS
from tests.faces.sitting import Parrot

pytestmark = pytest.mark.slow


def selfplay_gtp(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "selfplay.cli", "gtp", *arguments]


def test_the_end_of_the_input_is_the_end_without_a_word():
    done = subprocess.run(
        selfplay_gtp("random", "--game", "connect4"),
        input=b"name\n",
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"= selfplay\n\n", b"")


def test_a_broken_pipe_is_no_traceback():
    command = selfplay_gtp("mcts:10", "--game", "connect4")
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(b"lz-analyze 1\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"=\n" and process.stdout.readline().startswith(b"info")
    process.stdout.close()  # while the analysis goes on
    assert process.wait(30) == 141 and process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


def test_our_engine_is_an_outside_engine_to_our_arena(connect4):
    from selfplay.matches.arena import match
    from selfplay.matches.gtp_engine import EnginePlayer

    command = " ".join(selfplay_gtp("random", "--game", "connect4"))
    result = match(
        connect4, EnginePlayer(f"gtp:{command}", connect4), Parrot(connect4), 2, 2, seed=1
    )
    assert len(result.outcomes) == 2


@pytest.fixture(scope="module")
def sabaki(tmp_path_factory) -> str:
    """The folder of Sabaki's client; the test is skipped with a sentence where it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed here: Sabaki's client cannot run")
    folder = tmp_path_factory.mktemp("sabaki")
    options = ["--silent", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", str(folder)]
    done = subprocess.run(
        ["npm", "install", *options, "@sabaki/gtp@3.0.0"],
        capture_output=True,
        text=True,
        timeout=300,
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
    assert [command["args"] for command in said["history"]] == [
        ["B", "E5"],
        ["W", "C3"],
        ["B", said["move"].upper()],
    ]
    assert len(said["lines"]) >= 3 and all(
        " winrate " in line and " pv " in line for line in said["lines"]
    )


def ordinary_record(game, random):
    """A record with turns of either side, passes behind passes, and stones that are set up in
    between; no move or stone on a taken point, no suicide, and no stone that is taken away: GNU Go
    reads over AE."""
    record, position = Record(game), game.start()
    for number in range(int(random.integers(5, 60))):
        side = position.mover if random.random() < 0.7 else 1 - position.mover
        cell, board = int(random.integers(game.cells)), stones(position)
        step = Move(side, cell if random.random() < 0.9 else game.cells)
        if random.random() < 0.1 and number and not board[cell]:
            step = Change(((cell, int(random.choice([1, -1]))),), side)
        with suppress(ValueError):
            if isinstance(step, Move):
                allowed(position, side, step.action)
            position = after(position, step, {})
            record = record.with_step(step)
    return record


@pytest.mark.skipif(shutil.which("gnugo") is None, reason="GNU Go is not installed here")
def test_records_that_we_write_lead_gnu_go_to_the_same_board(go9, tmp_path):
    random, gnugo = (
        np.random.default_rng(1),
        Program("gnugo", ["gnugo", "--mode", "gtp", "--level", "1"]),
    )
    for number in range(40):
        record, path = ordinary_record(go9, random), tmp_path / f"{number}.sgf"
        sgf.write(path, record)
        said = gnugo.ask(f"loadsgf {path}", "list_stones black", "list_stones white")
        board = enumerate(stones(record.position()))
        ours = {(go9.format(cell), owner) for cell, owner in board if owner}
        assert ours == {
            (word, side) for (_, text), side in zip(said[1:], (1, -1)) for word in text.split()
        }, record
    gnugo.close()


@pytest.mark.skipif(shutil.which("gnugo") is None, reason="GNU Go is not installed here")
def test_gnu_go_and_we_go_on_behind_two_passes_alike(go9):
    """The same commands to both: colours in any order, play behind the end, any komi; both say yes
    and have the same board."""
    commands = [
        "komi 375",
        *(
            "play w E5",
            "play w E6",
            "play b pass",
            "play w pass",
            "play b C3",
            "play b C4",
            "play b pass",
            "play b pass",
        ),
        *("play w D3", "undo", "play w D4"),
    ]
    gnugo = Program("gnugo", ["gnugo", "--mode", "gtp", "--level", "1"])
    ours = Program("ours", selfplay_gtp("random", "--game", "go9"))
    for program in (gnugo, ours):
        assert all(
            success for success, _ in program.ask("boardsize 9", "clear_board", *commands)
        ), program.name
        assert all(
            success for success, _ in program.ask("genmove b", "undo", "genmove w", "undo")
        ), program.name
    assert sorted(ours.ask("final_status_list alive")[0][1].split()) == [
        "C3",
        "C4",
        "D4",
        "E5",
        "E6",
    ]
    listed = [text.split() for _, text in gnugo.ask("list_stones black", "list_stones white")]
    assert sorted(listed[0] + listed[1]) == ["C3", "C4", "D4", "E5", "E6"]
    for program in (gnugo, ours):
        program.close()
