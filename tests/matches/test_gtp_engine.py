"""Outside engines as players: what they are told, how they fail, and real ones (GNU Go, GRhino)
where they are there.

Most engines here are a few lines of Python that play Connect Four's lowest free column and
misbehave when asked to.
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

import games
from selfplay import cli
from selfplay.faces.sgf import stones
from selfplay.matches import arena, players
from selfplay.matches.gtp_engine import RESIGN, EnginePlayer, Program
from selfplay.searching import time_control
from selfplay.searching.clock import Clock
from tests.faces.sitting import sit
from tests.matches.engines import GNUGO, installed, meet
from tests.matches.test_arena import Lowest

pytestmark = pytest.mark.slow

ENGINE = """
import os, sys, time

fault, log = sys.argv[1], open(sys.argv[2], "a")
moves, asked = [], 0
for line in sys.stdin:
    words = line.split()
    log.write(line); log.flush()
    answer = "= "
    if words[0] == "clear_board":
        moves = []
    elif words[0] == "play":
        moves.append(words[2])
    elif words[0] == "genmove":
        asked += 1
        if asked == 3:
            if fault == "dies":
                sys.stderr.write("out of cheese\\n")
                sys.exit(7)
            if fault == "is killed":
                os.kill(os.getpid(), 9)
            if fault == "hangs":
                os.system("sleep 1000")
            if fault == "closes":
                os.close(1); time.sleep(1000)
            if fault == "babbles":
                print("hello there"); sys.stdout.flush(); continue
            if fault == "floods":
                while True: print("= " + "x" * 100000)
            if fault == "refuses":
                print("? cannot think\\n"); sys.stdout.flush(); continue
        word = min(column for column in "1234567" if moves.count(column) < 6)
        if asked == 3 and fault in ("9", "resign", "full"):
            word = fault
        if fault == "chatters":
            sys.stderr.write("thinking " * 20000)
        moves.append(word)
        answer += word
    elif words[0] == "known_command" and fault.startswith("knows"):
        answer += str(words[1] == fault.split()[1]).lower()
    elif words[0] == "quit":
        if fault == "stays": time.sleep(1000)
        print("= \\n"); break
    print(answer + "\\n"); sys.stdout.flush()
"""


@pytest.fixture
def engine(tmp_path, connect4):
    """Make an engine with a fault; `engine.log` has what it was told."""
    (tmp_path / "engine.py").write_text(ENGINE)
    log = tmp_path / "log"

    def make(fault="none", timeout=20.0):
        command = [sys.executable, "-S", str(tmp_path / "engine.py"), fault, str(log)]
        return EnginePlayer("gtp:" + shlex.join(command), connect4, timeout)

    make.log = log
    return make


def is_gone(pid: int) -> bool:
    """No process of that number, not even one that waits to be buried; soon none of its group
    either (init's task)."""
    for _ in range(500):
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return not Path(f"/proc/{pid}").exists()
        if Path(f"/proc/{pid}").exists():
            return False
        time.sleep(0.01)
    return False


def test_an_engine_plays_many_games_side_by_side_as_if_each_were_its_only_one(engine, connect4):
    told = meet(connect4, engine(), players.RandomPlayer(connect4, 1), 10)
    known = meet(connect4, Lowest(connect4), players.RandomPlayer(connect4, 1), 10)
    assert told.sequences == known.sequences and told.outcomes.tolist() == known.outcomes.tolist()


def test_a_game_that_goes_on_is_told_by_its_new_moves_alone(engine, connect4):
    player, position = engine(), connect4.start()
    for moves in ([3], [3, 0, 3], [3, 0, 3, 0, 5]):
        position = connect4.start()
        for move in moves:
            position.play(move)
        assert player.choose(position.state[None], [moves]).tolist() == [0]
    told = engine.log.read_text().splitlines()
    begin = ["protocol_version", "clear_board", "play b 4", "genmove w"]
    assert told == [*begin, "play b 4", "genmove w", "play b 6", "genmove w"]
    player.choose(connect4.start().play("3").play("3").state[None], [[2, 2]])
    assert engine.log.read_text().splitlines()[len(told) :] == [
        "clear_board",
        "play b 3",
        "play w 3",
        "genmove b",
    ]


def test_go_engines_are_told_size_and_komi(tmp_path):
    (tmp_path / "engine.py").write_text(
        ENGINE.replace('min(column for column in "1234567"', '"pass" or min(x for x in "1"')
    )
    log = tmp_path / "log"
    game = games.load("go9").with_options(komi=5.5)
    player = EnginePlayer(f"gtp:{sys.executable} -S {tmp_path / 'engine.py'} none {log}", game)
    assert player.choose(game.start().play("E5").state[None], [[40]]).tolist() == [81]
    told = log.read_text().splitlines()
    assert told == [
        "protocol_version",
        "boardsize 9",
        "clear_board",
        "komi 5.5",
        "play b E5",
        "genmove w",
    ]


@pytest.mark.parametrize(
    "control, fault, settings, black, white",
    [
        ("1m", "none", "time_settings 60 0 0", "60 0", "60 0"),
        ("1m+5x30s", "none", "time_settings 60 30 1", "60 0", "60 0"),
        (
            "1m+5x30s",
            "knows kgs-time_settings",
            "kgs-time_settings byoyomi 60 30 5",
            "60 0",
            "60 0",
        ),
        ("0+5x30s", "none", "time_settings 0 30 1", "30 5", "30 5"),
        ("0+25/5m", "knows kgs-time_settings", "time_settings 0 300 25", "300 24", "300 25"),
        ("0.2s/move", "none", "time_settings 0 1 1", "0 1", "0 1"),
        ("5m+3s", "none", "time_settings 300 0 0", "303 0", "300 0"),
        (
            "5m+0.5s",
            "knows kata-time_settings",
            "kata-time_settings fischer 300 0.5",
            "300 0",
            "300 0",
        ),
    ],
)
def test_engines_are_told_the_time(engine, connect4, control, fault, settings, black, white):
    """Where a person, who is Black, has moved once."""
    player = engine(fault)
    sit(connect4, ["4"], second=player, control=time_control.parse(control), now=lambda: 0.0)
    told = [
        line for line in engine.log.read_text().splitlines() if not line.startswith("known_command")
    ]
    times = [f"time_left b {black}", f"time_left w {white}"]
    assert told == ["protocol_version", settings, *times, "clear_board", "play b 4", "genmove w"]


def test_an_engine_may_take_the_time_it_has(engine, connect4):
    player = engine(timeout=2.0)
    player.tell_time(Clock(time_control.parse("10m+5x30s")))
    assert player.program.timeout > 600 + 5 * 30


def test_go_engines_are_told_the_handicap():
    """GNU Go's stones are ours, and White moves."""
    game, program = games.load("go9").with_options(handicap=3), installed("gnugo", "gnugo")
    player, position = EnginePlayer(f"gtp:{program} {GNUGO}", game), game.start()
    position.play(int(player.choose(position.state[None], [[]])[0]))
    ours = [game.format(cell) for cell, owner in enumerate(stones(position)) if owner == 1]
    assert (
        sorted(player.program.ask("list_stones black")[0][1].split())
        == sorted(ours)
        == ["C3", "C7", "G7"]
    )


def test_a_position_that_the_moves_do_not_lead_to_is_refused(engine, connect4):
    with pytest.raises(ValueError, match="only be told games that begin as connect4 always does"):
        engine().choose(connect4.start().state[None], [[3]])


def test_an_engine_that_resigns_has_lost(engine, connect4):
    result = meet(connect4, engine("resign"), players.RandomPlayer(connect4, 1), 2)
    assert result.losses >= 1 and all(RESIGN not in moves for moves in result.sequences)
    lost = [moves for moves, outcome in zip(result.sequences, result.outcomes) if outcome < 0]
    assert min(map(len, lost)) < 7 + 4  # before anyone could have four


def test_who_resigns_loses_on_either_side(connect4):
    state = connect4.start().state
    assert arena.play(connect4, state, RESIGN, "x") == -1.0
    assert arena.play(connect4, connect4.start().play("1").state, RESIGN, "x") == 1.0


FAULTS = [
    ("dies", "ended with exit code 7; it said: out of cheese"),
    ("is killed", "was ended by SIGKILL"),
    ("hangs", "gave no answer in 1 s"),
    ("closes", "closed its output"),
    ("babbles", "answered 'hello there', which is not the Go Text Protocol"),
    ("floods", "does not stop answering"),
    ("refuses", "refuses `genmove"),
    ("9", "answered genmove with '9'"),
    ("full", "answered genmove with 'full'"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_an_engine_that_fails_is_named_and_leaves_nothing_behind(engine, connect4, fault, message):
    player = engine(fault, timeout=1.0 if fault == "hangs" else 20.0)
    with pytest.raises(ValueError) as caught:
        meet(connect4, player, players.RandomPlayer(connect4, 1))
    assert str(caught.value).startswith(player.name) and message in str(caught.value)
    assert "\n" not in str(caught.value) and is_gone(player.program.process.pid)


def test_an_illegal_move_is_an_error_that_tells_the_move(engine, connect4):
    player = engine()
    moves = [0, 0, 0, 0, 0, 0]
    position = connect4.start()
    for move in moves:
        position.play(move)
    player.choose(position.state[None], [moves])
    player.held = tuple(moves)  # it holds a move more than we say
    with pytest.raises(ValueError, match="chose 1, which is not legal after 6 moves"):
        player._legal(position, "1")
    assert is_gone(player.program.process.pid)


def test_an_engine_that_says_much_on_the_side_does_not_stop(engine, connect4):
    assert meet(connect4, engine("chatters"), Lowest(connect4), 2).outcomes.shape == (2,)


def test_an_engine_ends_when_nobody_needs_it(engine, connect4):
    for fault in ("none", "stays"):
        player = engine(fault)
        pid = player.program.process.pid
        assert not is_gone(pid)
        del player
        assert is_gone(pid), fault


def test_an_engine_ends_with_the_program(tmp_path, engine):
    engine("none").program.close()  # writes the script
    command = f"{sys.executable} -S {tmp_path / 'engine.py'} stays {tmp_path / 'log'}"
    program = (
        "import games\nfrom selfplay.matches.gtp_engine import EnginePlayer\nplayer = "
        f"EnginePlayer('gtp:{command}', "
        "games.load('connect4'))\nprint(player.program.process.pid)\nraise ValueError('something "
        "else')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and is_gone(int(done.stdout))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gtp:", "no command after gtp:"),
        ("gtp:'unfinished", "no closing quotation"),
        ("gtp:no-such-program --at all", "cannot be started: No such file"),
        ("gtp:true", "ended with exit code 0"),
        ("gtp:echo hello", "answered 'hello', which is not the Go Text Protocol"),
        ("gtp:cat", "answered 'protocol_version', which is not the Go Text Protocol"),
        ("gtp:/etc", "cannot be started: Permission denied"),
        ("gtp:" + "x" * 100_000, "cannot be started: File name too long"),
        ("gtp:a\0b", "cannot be started: this is no command"),
        ("gtp:a\ud800b", "cannot be started: this is no command"),
        ("gtp:" + "x " * 50_000 + "'", "no closing quotation"),
        # What floods is named, whatever it floods with.
        ("gtp:yes ''", "prints empty lines and no answer"),
        ("gtp:yes", "answered 'y', which is not the Go Text Protocol"),
        ("gtp:yes '= x'", "does not stop answering"),
        ("gtp:yes '#'", "answered '#', which is not the Go Text Protocol"),
        ("gtp:yes '? x'", "does not stop answering"),
        ("gtp:cat /dev/zero", "does not stop answering"),
        ("gtp:sh -c 'while :; do printf \"= 4\\n\\n\"; done'", "without being asked"),
        (
            "gtp:sh -c 'printf \"Welcome\\n\"; cat >/dev/null'",
            "'Welcome', which is not the Go Text Protocol",
        ),
        ("gtp:sh -c 'yes >&2 & yes \"\"'", "prints empty lines and no answer"),
    ],
)
def test_a_command_that_is_no_engine_gets_one_line_and_exit_code_2(name, message, capsys):
    assert cli.main(["arena", name, "random", "--game", "connect4"]) == 2
    said = capsys.readouterr()
    assert (
        message in said.err and said.err.count("\n") == 1 and said.out == "" and len(said.err) < 700
    )


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "while True: sys.stdout.write('x'); sys.stdout.flush(); time.sleep(0.02)",
            "gave no answer in 0.5 s",
        ),
        ("while True: print(); sys.stdout.flush(); time.sleep(0.02)", "gave no answer in 0.5 s"),
        (
            "print('= 2'); [print(i, flush=True) or time.sleep(0.02) for i in range(9999)]",
            "gave no answer in 0.5 s",
        ),
        (
            "print('= 2\\n\\n= 2\\n\\n= 4\\n', flush=True); time.sleep(99)",
            "printed '= 2\\n\\n= 4' without being asked",
        ),
        ("sys.stderr.close(); os.close(2); time.sleep(99)", "gave no answer in 0.5 s"),
    ],
    ids=["bytes", "empty lines", "one answer", "answers", "closed stderr"],
)
def test_a_program_that_drips_has_no_more_time_than_one_that_hangs(tictactoe, script, message):
    command = [sys.executable, "-Sc", f"import os, sys, time\n{script}"]
    begin = time.monotonic()
    with pytest.raises(ValueError) as caught:
        EnginePlayer("gtp:" + shlex.join(command), tictactoe, timeout=0.5).program.ask(
            "name", "name"
        )
    assert (
        message in str(caught.value)
        and "\n" not in str(caught.value)
        and time.monotonic() - begin < 20
    )


def test_a_program_that_reads_nothing_is_named_before_its_pipe_is_full_for_ever(tictactoe):
    command = [
        sys.executable,
        "-Sc",
        "print('= 2\\n', flush=True); print('= \\n', flush=True); import time; time.sleep(99)",
    ]
    program = Program("gtp:deaf", command, 0.5)
    with pytest.raises(ValueError, match="gtp:deaf took no command in 0.5 s"):
        program.ask(*["name " + "x" * 1000] * 1000)
    assert is_gone(program.process.pid)


def test_a_person_meets_an_engine_and_takes_its_resignation(engine, connect4):
    said, _ = sit(connect4, ["7", "7", "6"], second=engine("resign"))
    assert "plays 1" in said and "X (you) win: the other side resigns." in said
    said, _ = sit(connect4, ["7", "hint", "undo", "6", "quit"], second=engine())
    assert "no engine to ask" in said and "--moves '6 1'" in said
