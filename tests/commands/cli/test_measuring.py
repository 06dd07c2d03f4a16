"""Commands that measure: exams, arenas and benchmarks, for people and as JSON, and in which
precision."""

import json
import os
import sys

import pytest

from selfplay.network import openvino_backend
from selfplay.network.precision import installed_precisions
from tests.commands.cli.shell import selfplay


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
