"""The whole loop in miniature: play, learn, measure, save; killed at any moment it goes on; with a
fixed seed it repeats."""

import io
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import torch

import games
from selfplay import config, config_file
from selfplay.commands import training
from selfplay.learning import loop
from selfplay.learning.progress import ProgressReporter
from selfplay.matches import players
from selfplay.network.weights import shape_for
from selfplay.storage import checkpoint
from selfplay.storage.files import DamagedFile
from selfplay.storage.records import Shards
from selfplay.storage.run import Run, first_difference, read_ledger

SMALL = """
game = "tictactoe"
generations = 4
[network]
blocks = 1
channels = 4
precision = "fp32"
[search]
simulations = [2, 4]
[actor]
games = 8
[replay]
rows_per_generation = 60
window_min = 100
[learner]
batch = 16
threads = 1
warmup = 2
[ledger]
games = 4
positions = 50
budget = 1.0
"""


def settings(**changes):
    return msgspec.structs.replace(config_file.parse(SMALL), **changes)


def train(folder: Path, wanted=None, time_limit=None):
    """Run the loop in this process and return (last checkpoint, what the screen said)."""
    wanted = wanted or settings()
    torch.set_num_threads(1)
    run, stream = Run(folder, wanted), io.StringIO()
    screen = ProgressReporter(folder, wanted.generations, stream=stream)
    pool = training.open_pool(
        run, shape_for(games.load(wanted.game), wanted.network, wanted.learner), 0, None, screen
    )
    try:
        return loop.train(run, pool, screen, time_limit), stream.getvalue()
    finally:
        pool.close()
        screen.close()
        run.lock.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return folder, *train(folder)


def test_a_run_leaves_what_the_design_says(finished):
    folder, newest, said = finished
    assert newest.generation == 4
    names = {
        path.name.split(".")[0] if path.name.startswith("events") else path.name
        for path in folder.iterdir()
    }
    assert names == {
        "config.toml",
        "games",
        "checkpoints",
        "ledger.jsonl",
        "events",
        "log.txt",
        ".lock",
    }
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == [
        "0000",
        "0001",
        "0002",
        "0003",
        "0004",
    ]
    assert sorted(p.name for p in (folder / "games").iterdir()) == [
        f"{g:04d}.safetensors" for g in (1, 2, 3, 4)
    ]
    kept = [p.parent.name for p in (folder / "checkpoints").glob("*/learner.safetensors")]
    assert sorted(kept) == ["0003", "0004"]
    assert said.count("gen ") >= 4


def test_the_ledger_measures_every_generation(finished):
    entries = read_ledger(finished[0])
    assert [entry["generation"] for entry in entries] == [1, 2, 3, 4]
    for entry in entries:
        assert entry["progress"] == pytest.approx(entry["gain"] - entry["gap"])
        assert entry["gain_low"] <= entry["gain"] <= entry["gain_high"]
        for share in (
            "exam_net",
            "exam_search",
            "kept",
            "distinct",
            "calibration_error",
            "cache_share",
        ):
            assert 0 <= entry[share] <= 1
        assert entry["kl"] >= 0 and entry["policy_entropy"] >= 0 and entry["rows"] >= 60
    assert [entry["simulations"] for entry in entries] == [2, 2, 4, 4]


def test_a_run_with_owners_and_score_is_learned_gone_on_with_and_played(tmp_path):
    taught = config_file.parse(
        SMALL,
        ["learner.ownership_weight=1.5", "learner.score_weight=0.5", "replay.value_lambda=0.2"],
    )
    train(tmp_path, taught, 0.001)  # ends after its first generation
    newest, _ = train(tmp_path, taught)
    assert newest.generation == 4 and newest.shape.owner and newest.shape.score
    assert all(
        entry["loss_owner"] > 0 and entry["loss_score"] > 0 for entry in read_ledger(tmp_path)
    )
    assert players.create(f"{tmp_path}@4", games.load("tictactoe")).has_network


def test_a_finished_run_has_nothing_left_to_do(finished):
    folder, newest, _ = finished
    before = (folder / "ledger.jsonl").read_bytes()
    again, _ = train(folder)
    assert again == newest and (folder / "ledger.jsonl").read_bytes() == before


@pytest.mark.slow
def test_with_a_fixed_seed_two_runs_in_lockstep_are_identical(tmp_path):
    newest, _ = train(tmp_path / "once", settings(lockstep=True))
    other, _ = train(tmp_path / "again", settings(lockstep=True))
    assert games_of(tmp_path / "once") == games_of(tmp_path / "again")
    for a, b in zip(newest.network().state_dict().values(), other.network().state_dict().values()):
        assert torch.equal(a, b)
    third, _ = train(tmp_path / "other", settings(lockstep=True, seed=2))
    assert games_of(tmp_path / "once") != games_of(tmp_path / "other") and third.generation == 4


def games_of(folder: Path) -> list:
    """Every recorded game: generation, random state and moves."""
    found = []
    for generation in range(1, 100):
        part = Shards(folder / "games").load(generation)
        if part is not None:
            seeds = [tuple(seed) for seed in part.seed.tolist()]
            found += list(zip([generation] * part.count, seeds, part.sequences()))
    return found


def test_a_run_stopped_by_time_goes_on(tmp_path):
    stopped, _ = train(tmp_path / "r", time_limit=1e-6)
    assert stopped.generation == 1  # a generation that has begun is finished
    assert train(tmp_path / "r")[0].generation == 4


def test_games_of_an_unfinished_generation_are_not_played_again(tmp_path):
    """Killed after a generation's games and before its checkpoint, the games on disk are used as
    they are."""
    train(tmp_path / "r", settings(generations=2))
    before = games_of(tmp_path / "r")
    shutil.rmtree(tmp_path / "r" / "checkpoints" / "0002")
    _, said = train(tmp_path / "r", settings(generations=2))
    assert games_of(tmp_path / "r") == before
    assert [entry["generation"] for entry in read_ledger(tmp_path / "r")] == [1, 2]


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_taken(tmp_path):
    train(tmp_path / "r", settings(generations=2))
    bad = tmp_path / "r" / "checkpoints" / "0002" / "weights.safetensors"
    bad.write_bytes(bad.read_bytes()[:100])
    newest, said = train(tmp_path / "r", settings(generations=2))
    assert "skipped" in said and "0002" in said and newest.generation == 2
    newest.network()
    assert [entry["generation"] for entry in read_ledger(tmp_path / "r")] == [1, 2]


def test_a_run_without_a_whole_checkpoint_is_refused_and_left_alone(tmp_path):
    """To begin again would delete its games."""
    train(tmp_path / "r", settings(generations=1))
    for path in (tmp_path / "r" / "checkpoints").glob("*/weights.safetensors"):
        path.write_bytes(b"")
    before = games_of(tmp_path / "r")
    with pytest.raises(ValueError, match="no checkpoint in .* can be gone on from"):
        train(tmp_path / "r", settings(generations=1))
    assert games_of(tmp_path / "r") == before


def test_what_a_killed_process_was_writing_is_swept_away(tmp_path):
    (tmp_path / "r" / "checkpoints" / ".0003.tmp").mkdir(parents=True)
    (tmp_path / "r" / ".config.toml.123.tmp").write_text("gam")
    Run(tmp_path / "r", settings()).lock.close()
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == [
        ".lock",
        "checkpoints",
        "config.toml",
        "games",
    ]
    assert not list((tmp_path / "r" / "checkpoints").iterdir())


def test_a_folder_with_another_run_or_other_things_is_refused(finished, tmp_path):
    with pytest.raises(ValueError, match="holds another run .seed is 1 there and 2 here"):
        Run(finished[0], settings(seed=2))
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="thesis.tex"):
        Run(tmp_path, settings())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="not a folder"):
        Run(tmp_path / "file", settings())


def test_two_processes_cannot_write_one_run(tmp_path):
    first = Run(tmp_path / "r", settings())
    with pytest.raises(ValueError, match="in use"):
        Run(tmp_path / "r", settings())
    first.lock.close()
    Run(tmp_path / "r", settings()).lock.close()


def test_the_first_difference_is_named():
    assert first_difference(settings(), settings()) is None
    assert (
        first_difference(settings(), settings(generations=5)) == "generations is 4 there and 5 here"
    )


def test_simulations_grow_by_equal_stages():
    wanted = settings(generations=6, search=config.SearchConfig(simulations=[2, 4, 8]))
    assert [loop.simulations_at(wanted, (g - 1) / 6) for g in range(1, 7)] == [2, 2, 4, 4, 8, 8]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5m", 90), ("45", 45), (None, None)],
)
def test_times_are_read(text, seconds):
    assert training.parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-3m", "0", "3d", "soon"])
def test_times_that_mean_nothing_are_refused(text):
    with pytest.raises(ValueError, match="--time"):
        training.parse_time(text)


@pytest.mark.slow
def test_killed_at_ten_random_moments_a_run_ends_as_an_undisturbed_one(tmp_path):
    """The real command, SIGKILL, the same command again. Every game that was on disk at a kill is
    there at the end."""
    wanted = msgspec.structs.replace(
        settings(generations=12),
        replay=msgspec.structs.replace(settings().replay, rows_per_generation=3000),
    )
    (tmp_path / "small.toml").write_text(config_file.dump(wanted))
    command = [
        sys.executable,
        "-m",
        "selfplay.cli",
        "train",
        "small.toml",
        "--out",
        "run",
        "--actors",
        "0",
    ]
    moments, seen = random.Random(7), set()
    for _ in range(10):
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if seen:
            time.sleep(moments.uniform(3, 9))  # the first seconds go into imports
        while not seen and process.poll() is None and not games_of(tmp_path / "run"):
            time.sleep(0.05)  # a busy machine takes longer to come to its first games
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen |= set(games_of(tmp_path / "run"))
    last = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert last.returncode == 0, last.stderr
    assert "skipped" not in last.stderr
    assert [entry["generation"] for entry in read_ledger(tmp_path / "run")] == list(range(1, 13))
    final = games_of(tmp_path / "run")
    assert seen and seen <= set(final) and len(set(final)) == len(final)
    assert checkpoint.find(str(tmp_path / "run")).generation == 12
    assert json.loads((tmp_path / "run" / "result.json").read_text())["generation"] == 12


def test_a_learner_s_state_that_is_damaged_is_passed_over(tmp_path):
    train(tmp_path / "r", settings(generations=1))
    bad = tmp_path / "r" / "checkpoints" / "0001" / "learner.safetensors"
    bad.write_bytes(b"")
    run = Run(tmp_path / "r", settings(generations=1))
    told = []
    assert run.newest(told.append).generation == 0 and "learner.safetensors" in told[0]
    with pytest.raises(DamagedFile):
        checkpoint.read(bad.parent).learner()
    run.lock.close()


def test_progress_is_drawn_for_a_terminal_and_plain_elsewhere(tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, live in ((io.StringIO(), False), (Terminal(), True)):
        screen = ProgressReporter(tmp_path, 3, stream=stream)
        assert (screen.live is not None) == live
        screen.playing(1, 0, 100)
        screen.line("a line that stays")
        screen.close()
        assert "a line that stays" in stream.getvalue()
        assert ("\x1b" in stream.getvalue()) == live
    names = [name for name, _ in ProgressReporter(tmp_path, 3, stream=io.StringIO()).facts()]
    assert names == ["generations", "phase", "time"]
