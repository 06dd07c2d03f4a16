"""The command line as its users meet it: what it prints, exit codes, one clear line for every
mistake."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import games
from selfplay import cli
from selfplay.network import openvino_backend
from selfplay.network.precision import installed_precisions
from tests.learning.test_loop import SMALL


def selfplay(*arguments: str, capsys) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a command run in this process."""
    try:
        code = cli.main(list(arguments))
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished miniature run of tic-tac-toe."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "small.toml").write_text(SMALL)
    path = folder / "run"
    assert (
        cli.main(
            [
                "train",
                str(folder / "small.toml"),
                "--out",
                str(path),
                "--actors",
                "0",
                "--set",
                "generations=2",
            ]
        )
        == 0
    )
    return path


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


def test_exam_and_arena_give_one_json_object(run, capsys):
    code, out, _ = selfplay("exam", f"{run}@8", "--positions", "100", "--json", capsys=capsys)
    result = json.loads(out)
    assert (
        code == 0
        and result["positions"] == 100
        and result["simulations"] == 8
        and 0 <= result["network"] <= 1
    )
    code, out, _ = selfplay(
        "arena", f"{run}@4", "random", "mcts:10", "--games", "10", "--json", capsys=capsys
    )
    result = json.loads(out)
    assert code == 0 and len(result["matches"]) == 3 and len(result["ratings"]) == 3


def test_an_exam_in_a_named_precision_gives_the_same_figures_again(run, capsys):
    exams = []
    for _ in range(2):
        code, out, _ = selfplay("exam", f"{run}@8", "--precision", "fp32", "--json", capsys=capsys)
        exams.append(json.loads(out))
        assert code == 0
    assert exams[0] == exams[1] and exams[0]["precision"] == "fp32"
    code, out, _ = selfplay(
        "exam", f"{run}@8", "--precision", "bf16", "--positions", "50", capsys=capsys
    )
    assert code == 0 and "the network in bf16" in out


def test_an_arena_names_the_precision_of_every_network(run, capsys):
    asked = ("arena", f"{run}@4", "random", "--games", "3", "--precision", "bf16")
    found = [json.loads(selfplay(*asked, "--json", capsys=capsys)[1]) for _ in range(2)]
    assert found[0] == found[1]
    (match,) = found[0]["matches"]
    assert (match["games"], match["first_precision"], match["second_precision"]) == (
        3,
        "bf16",
        None,
    )
    assert [rating["precision"] for rating in found[0]["ratings"]] == ["bf16", None]
    code, out, _ = selfplay(*asked, capsys=capsys)
    assert code == 0 and f"\nrun@4: {run}@4, network in bf16\n" in out and "run@4 - random" in out


def test_the_result_of_a_run_names_the_precision_of_its_network(run):
    result = json.loads((run / "result.json").read_text())
    assert (
        result["precision"]
        == result["exam"]["precision"]
        == result["match"]["first_precision"]
        == "fp32"
    )
    assert result["match"]["second_precision"] is None
    assert all("in fp32" in line for line in result["lines"][1:]) and len(result["lines"]) == 3


@pytest.mark.parametrize(
    "command",
    [
        "exam RUN",
        "arena RUN random",
        "play RUN",
        "gtp RUN",
        "analysis RUN",
        "bench net",
        "bench selfplay",
        "bench rules",
    ],
)
def test_a_precision_that_cannot_be_had_is_refused_in_one_line(run, command, capsys, monkeypatch):
    monkeypatch.setattr(openvino_backend, "precisions", lambda: ())
    monkeypatch.setattr(sys, "stdin", open(os.devnull))
    words = command.replace("RUN", str(run)).split()
    code, out, err = selfplay(*words, "--precision", "fp64" + "4" * 100_000, capsys=capsys)
    assert (
        code == 2
        and out == ""
        and err.count("\n") == 1
        and len(err) < 300
        and "--precision must be one of" in err
    )
    if command != "bench rules":  # there is no network in it
        code, out, err = selfplay(*words, "--precision", "openvino-int8", capsys=capsys)
        assert code == 2 and out == "" and err.count("\n") == 1
        assert "precision 'openvino-int8' cannot be had here, fp32, bf16 can" in err


@pytest.mark.parametrize(
    "precision", [name for name in installed_precisions() if name.endswith("fp32")]
)
def test_a_bench_names_the_precision_it_measured(precision, capsys):
    asked = (
        "--blocks",
        "1",
        "--channels",
        "8",
        "--games",
        "4",
        "--repeats",
        "1",
        "--seconds",
        "0.1",
    )
    code, out, _ = selfplay(
        "bench", "net", *asked, "--precision", precision, "--json", capsys=capsys
    )
    said = json.loads(out)
    assert code == 0 and said["precision"] == precision and precision in said["setting"]


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


def test_a_time_a_move_is_taken_where_a_player_is_named(run, capsys):
    code, out, _ = selfplay("exam", f"{run}@20ms", "--positions", "5", "--json", capsys=capsys)
    said = json.loads(out)
    assert (
        code == 0
        and said["seconds_a_move"] == 0.02
        and said["simulations"] is None
        and said["search"] > 0.5
    )
    code, out, _ = selfplay("exam", f"{run}@20ms", "--positions", "5", capsys=capsys)
    assert code == 0 and "0.02 s a move" in out
    code, out, _ = selfplay(
        "arena", f"{run}@10ms", "mcts:10ms", "--games", "2", "--json", capsys=capsys
    )
    assert code == 0 and json.loads(out)["matches"][0]["first"] == f"{run}@10ms"


def test_clocks_and_pondering_are_asked_for_again_when_one_goes_on(run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("quit\n"))
    code, out, _ = selfplay("play", str(run), "--time", "5m + 3s", "--ponder", capsys=capsys)
    assert code == 0 and "time: X 5:00, O 5:00" in out
    assert "--time '5m + 3s' --ponder" in " ".join(out.split())


def test_tables_for_people_fit_a_pipe(run, capsys):
    code, out, _ = selfplay("arena", f"{run}@0", "random", "--games", "6", capsys=capsys)
    assert code == 0 and "score" in out and "\x1b" not in out
    code, out, _ = selfplay("exam", f"{run}@0", "--positions", "50", capsys=capsys)
    assert code == 0 and "network alone" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", ["rules", "search", "search --alone", "search --kind puct", "net", "selfplay --tune"]
)
def test_bench_measures_and_says_what_bounds_it(what, capsys):
    small = [
        "--game",
        "tictactoe",
        "--games",
        "4",
        "--simulations",
        "4",
        "--blocks",
        "1",
        "--channels",
        "4",
    ]
    code, out, _ = selfplay(
        "bench",
        *what.split(),
        *small,
        "--repeats",
        "3",
        "--seconds",
        "0.05",
        "--json",
        capsys=capsys,
    )
    result = json.loads(out)
    assert code == 0 and result["repeats"] == 3 and result["bound"]
    shares = [
        figure["median"] for name, figure in result["figures"].items() if name.startswith("share ")
    ]
    if what.startswith("search"):
        # the parts are measured one by one, and make the whole
        assert sum(shares) == pytest.approx(1, abs=0.25)
    for figure in result["figures"].values():
        assert 0 <= figure["low"] <= figure["median"] <= figure["high"]


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


def interrupted(command, folder, is_time, pause: float, **options) -> tuple[int, str, str]:
    """Exit code and outputs of a command that gets Ctrl-C as soon as is_time() says so."""
    # Tests that run in the background of a script inherit its deafness to Ctrl-C.
    hear = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=folder, preexec_fn=hear, **pipes, **options)
    while not is_time():
        assert process.poll() is None, process.communicate()
        time.sleep(pause)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


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
