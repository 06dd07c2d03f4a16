"""The doctor is right on real runs that were spoiled on purpose:
`benchmarks/strength/spoiled.py` trained them, and their ledgers lie in tests/data/doctor."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from selfplay import cli, config_file
from selfplay.learning.doctor import MOST, diagnose

LEDGERS = Path(__file__).parents[1] / "data" / "doctor"
RUNS = {  # folder -> the finding that should come first
    "value-sign": "value sign",
    "rate": "learning rate",
    "no-noise": "few openings",
    "one-generation": "memorised",
    "small-network": "small network",
    "starved": "learner wait",
}


def ledger(name: str) -> list[dict]:
    return [json.loads(line) for line in (LEDGERS / f"{name}.jsonl").read_text().splitlines()]


def settings(name: str):
    return config_file.parse((LEDGERS / f"{name}.toml").read_text())


@pytest.mark.parametrize("name", RUNS)
def test_what_was_spoiled_is_what_is_said_first(name):
    found = diagnose(ledger(name), settings(name))
    assert found[0].name == RUNS[name] and len(found) <= MOST
    assert [finding.severity for finding in found] == sorted(
        (finding.severity for finding in found), reverse=True
    )


@pytest.mark.parametrize("name", ["healthy", "one-opening"])
def test_a_healthy_run_has_nothing_wrong(name):
    """Nor has a small one whose games all begin at the start: noise keeps them apart."""
    assert not diagnose(ledger(name), settings(name))


def test_nothing_is_said_of_a_few_generations_or_of_figures_that_are_not_there():
    entries = ledger("rate")
    assert not diagnose(entries[:3], settings("rate"))
    known = ("generation", "games", "rows", "length", "kl")
    bare = [{name: entry[name] for name in known} for entry in entries]
    assert not diagnose(bare, settings("rate"))


def test_what_is_advised_can_be_set():
    """Each advice that begins with a key names one that there is."""
    keys = {
        f"{section}.{name}"
        for section in ("search", "actor", "replay", "learner", "ledger", "network")
        for name in msgspec.structs.asdict(getattr(settings("healthy"), section))
    }
    for name in RUNS:
        for finding in diagnose(ledger(name), settings(name)):
            word = finding.change.split()[0].partition("=")[0].rstrip(",;:")
            assert "." not in word or word in keys, finding.change


def test_the_command_says_it_in_words_and_as_json(tmp_path, capsys):
    shutil.copy(LEDGERS / "rate.jsonl", tmp_path / "ledger.jsonl")
    shutil.copy(LEDGERS / "rate.toml", tmp_path / "config.toml")
    assert cli.main(["doctor", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "1. " in said and "change: learner.learning_rate=" in said
    assert cli.main(["doctor", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["findings"][0]["name"] == "learning rate" and told["generations"] >= 4


def test_a_folder_that_is_no_run_is_refused_in_one_line(tmp_path, capsys):
    assert cli.main(["doctor", str(tmp_path)]) == 2
    assert "is no run's folder" in capsys.readouterr().err
