"""A run that is old: many generations, other clocks, and what other versions left in it."""

import itertools
import json
import shutil
import time

import msgspec
import pytest

import games as library
from selfplay.commands import training
from selfplay.storage import checkpoint
from selfplay.storage.files import DamagedFile
from selfplay.storage.run import Run
from selfplay.storage.run_settings import store_config
from tests.learning.test_loop import settings, train
from tests.storage.run.train import command

CONCLUDE = training.conclude


def test_a_run_beyond_generation_9999_goes_on_from_its_newest(run, monkeypatch):
    """Sorted as text, 9999 stayed the newest for ever and the learner's state of later ones was
    deleted."""
    old = settings(generations=10_001)
    store_config(run, old)
    for generation in (1, 2):
        later = 9_998 + generation
        (run / "checkpoints" / f"{generation:04d}").rename(run / "checkpoints" / f"{later:04d}")
        (run / "games" / f"{generation:04d}.safetensors").rename(
            run / "games" / f"{later:04d}.safetensors"
        )
        path = run / "checkpoints" / f"{later:04d}" / "checkpoint.json"
        facts = json.loads(path.read_text()) | {
            "generation": later,
            "config": msgspec.to_builtins(old),
        }
        del facts["crc32"]
        path.write_text(json.dumps(facts | {"crc32": checkpoint.checksum(facts)}))
    newest, _ = train(run, old)
    assert newest.generation == 10_001
    names = [path.name for path in checkpoint.all_in(run / "checkpoints")]
    assert names == ["0000", "9999", "10000", "10001"]
    assert [
        p.name
        for p in checkpoint.all_in(run / "checkpoints")
        if (p / "learner.safetensors").exists()
    ] == names[2:]
    assert checkpoint.find(str(run)).generation == 10_001
    assert (run / "games" / "10001.safetensors").exists()
    assert train(run, old)[0] == newest


def test_only_the_games_that_the_window_reaches_are_read(run, monkeypatch):
    from selfplay.storage.records import Shards

    wanted, read, load = settings(generations=9), [], Shards.load

    def spy(shards, generation, *on_damage):
        games = load(shards, generation, *on_damage)
        if games is not None:
            read.append(generation)
        return games

    shutil.rmtree(run)
    train(run, wanted)
    monkeypatch.setattr(Shards, "load", spy)
    train(run, wanted)
    # 60 rows each: after 540 the window has 100 + 0.4 * (112.0 - 31.6) / 0.237 = 235
    assert read == [9, 8, 7, 6]


def test_only_the_monotonic_clock_counts(run, monkeypatch):
    """The wall clock may stand anywhere, and jump."""
    jumps = itertools.cycle([0.0, 1.9e9, 1e6])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    newest = command(run, "generations=3")
    assert newest.generation == 3 and 0 < newest.progress["seconds"] < 600


@pytest.mark.parametrize(
    "known",
    ["[]", "{}", '{"generation": 2}', '{"generation": 2, "lines": 7}', "[" * 100_000, "\x00"],
)
def test_a_result_that_is_none_is_made_anew(run, known, monkeypatch):
    (run / "result.json").write_text(known)
    monkeypatch.setattr(
        "selfplay.commands.report.conclusion",
        lambda newest: {"generation": newest.generation, "lines": ["won"]},
    )
    monkeypatch.setattr(training, "conclude", CONCLUDE)
    command(run)
    assert json.loads((run / "result.json").read_text()) == {"generation": 2, "lines": ["won"]}


def test_a_checkpoint_of_another_shape_than_the_game_wants_is_refused(run):
    with Run(run, settings(generations=2)) as opened:
        newest = opened.newest(print)
    with pytest.raises(DamagedFile, match="another shape"):
        checkpoint.check_game(newest, library.load("connect4"))
