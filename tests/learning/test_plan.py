"""Forecasts against runs worked by hand, and against what past runs say."""

import json

import pytest

from selfplay import config_file
from selfplay.learning.plan import FEWEST, PAST_RUNS, Speeds, forecast, strength
from tests.commands.cli.shell import selfplay

# 1,000 positions a generation, each drawn twice in batches of 100: 20 steps
SETTINGS = """
game = "tictactoe"
generations = 4
[search]
simulations = [10, 20]
[replay]
rows_per_generation = 1000
samples_per_row = 2.0
[learner]
batch = 100
[ledger]
games = 0
positions = 0
"""
SPEEDS = Speeds(actors=1, positions={10: 100.0, 20: 50.0}, step=0.5)  # 10 s, 20 s; learning 10 s


def settings(*changes: str):
    return config_file.parse(SETTINGS, list(changes))


def test_playing_is_a_line_through_what_was_measured():
    assert [SPEEDS.playing(1000, n) for n in (10, 15, 20, 40)] == pytest.approx([10, 15, 20, 40])
    assert Speeds(1, {10: 100.0}, 0.5).playing(1000, 20) == pytest.approx(20)


def test_side_by_side_whoever_is_slower_counts():
    """Played alone 10; beside learning 10 (10 simulations), 20, 20; then learned from alone 10."""
    found = forecast(settings(), SPEEDS, None)
    assert (found.generations, found.positions, found.simulations) == (4, 4000, 20)
    assert found.seconds == pytest.approx(10 + 10 + 20 + 20 + 10)
    assert found.playing == pytest.approx(60 / 70) and found.learning == pytest.approx(40 / 70)


def test_in_lockstep_everything_counts():
    found = forecast(settings("lockstep=true"), SPEEDS, None)
    assert found.seconds == pytest.approx(4 * 10 + 10 + 10 + 20 + 20)


def test_measuring_takes_its_budget_of_the_learner_s_time():
    found = forecast(settings("ledger.games=2", "ledger.budget=0.2"), SPEEDS, None)
    assert found.learning * found.seconds == pytest.approx(4 * 10 / 0.8)


def test_a_run_by_time_ends_near_its_limit():
    found = forecast(settings("generations=1000"), SPEEDS, 600.0)
    assert 560 <= found.seconds <= 620 and found.generations < 60
    assert forecast(settings("generations=1000"), SPEEDS, 1.0).generations == 1


def test_balance_finds_the_simulations_that_let_neither_wait():
    found = forecast(
        settings("generations=30", "search.simulations_by=balance", "search.simulations=[5, 40]"),
        Speeds(1, {5: 400.0, 40: 50.0}, 0.5),
        None,
    )
    assert 18 <= found.simulations <= 22 and min(found.playing, found.learning) > 0.85


def test_strength_is_read_off_past_runs():
    """The intervals hold the runs themselves, and reach further where none has been."""
    past = json.loads(PAST_RUNS.read_text())["connect4-quick"]
    for positions, *reached in past["runs"]:
        found = strength("connect4-quick", positions)
        assert [each.what for each in found] == past["percent"]
        assert all(e.low <= seen <= e.high for e, seen in zip(found, reached))
    near, far = strength("connect4-quick", 500_000)[0], strength("connect4-quick", 20_000_000)[0]
    assert far.percent > near.percent and far.high - far.low > near.high - near.low
    assert len(past["runs"]) >= FEWEST and strength("go9", 100_000) == []


def test_the_command_measures_and_goes_through_the_run(capsys, monkeypatch):
    monkeypatch.setattr("selfplay.commands.planning.SECONDS", 0.3)
    code, out, _ = selfplay("plan", "dummy", "--actors", "0", capsys=capsys)
    assert code == 0 and "generations of" in out and "steps" not in out
    asked = ["plan", "dummy", "--hours", "0.01", "--json", "--set", "lockstep=true"]
    code, out, _ = selfplay(*asked, "--actors", "0", capsys=capsys)
    told = json.loads(out)
    assert code == 0 and told["forecast"]["generations"] >= 1 and told["strength"] == []
    assert told["speeds"]["step"] > 0 and all(told["speeds"]["positions"].values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "nothing"),
        (["dummy", "--hours", "0"], "--hours"),
        (["dummy", "--hours", "nan"], "--hours"),
        (["dummy", "--set", "learner.rat=1"], "unknown key"),
    ],
)
def test_what_cannot_be_planned_is_one_line(words, said, capsys):
    code, _, err = selfplay("plan", *words, capsys=capsys)
    assert code == 2 and said in err and err.count("\n") == 1
