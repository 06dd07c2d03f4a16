"""A run's folder: what is in it belongs to the run or is refused; settings that may change, change
whole or not at all; what diverged is never stored; and whatever stands in ledger.jsonl, the run
goes on."""

import io
import itertools
import json
import math
import os
import re
import shutil
import time
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

import games as library
from selfplay import config_file
from selfplay.commands import training
from selfplay.config import RunConfig
from selfplay.learning import loop
from selfplay.learning.progress import ProgressReporter
from selfplay.network.network import Network
from selfplay.network.weights import Diverged
from selfplay.storage import checkpoint, divergence
from selfplay.storage.files import DamagedFile
from selfplay.storage.ledger_file import read_ledger
from selfplay.storage.run import Run
from selfplay.storage.run_settings import (
    CHANGEABLE,
    HEADS,
    changed,
    differences,
    flat,
    is_changeable,
    store_config,
    stored_config,
)
from tests.learning.test_loop import SMALL, settings, train

CONCLUDE = training.conclude


@pytest.fixture(autouse=True)
def no_conclusion(monkeypatch):
    """The match at a run's end takes longer than the run."""
    monkeypatch.setattr(training, "conclude", lambda *_: None)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A run of two generations."""
    folder = tmp_path_factory.mktemp("runs") / "two"
    train(folder, settings(generations=2))
    return folder


@pytest.fixture
def run(two, tmp_path):
    """A copy of it."""
    shutil.copytree(two, tmp_path / "a run")
    return tmp_path / "a run"


def command(folder: Path, *changes: str, resume: bool = True):
    """`selfplay train` in this process; RunConfig or ValueError."""
    preset = None if resume else str(folder.parent / "small.toml")
    return training.train(preset, str(folder), resume, list(changes), 0, None, None)


# Links, pipes, folders


@pytest.mark.parametrize(
    "name",
    [
        ".lock", "config.toml", "ledger.jsonl", "log.txt", "result.json", "games", "checkpoints",
        "games/0001.safetensors", "checkpoints/0001", "events.out.tfevents.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["outside", "inside", "nowhere"])
def test_a_link_in_a_run_s_folder_is_refused_by_name_and_its_target_is_left_alone(
    run, tmp_path, name, where
):
    """The target of `.lock` was emptied, and files in the target of `games` were deleted."""
    path, target = run / name, (run if where == "inside" else tmp_path) / "precious"
    is_folder = path.is_dir()
    if path.exists():
        path.rename(target)
    elif where != "nowhere":
        target.write_bytes(b"mine")
    if is_folder:
        (target / ".notes.1.tmp").write_bytes(b"mine")
        (target / "0009.safetensors").write_bytes(b"mine")
    if where == "nowhere" and target.exists():
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    path.symlink_to(target)
    before = contents(target)
    with pytest.raises(ValueError, match="is a symbolic link") as refusal:
        Run(run, settings(generations=2))
    assert str(path) in str(refusal.value)
    assert contents(target) == before


def contents(path: Path) -> dict:
    found = [path, *path.rglob("*")] if path.is_dir() else [path]
    return {str(p): p.read_bytes() for p in found if p.is_file()}


@pytest.mark.parametrize(
    "name",
    [".lock", "config.toml", "log.txt", "result.json", "games/0001.safetensors", "ledger.jsonl"],
)
def test_a_pipe_in_the_place_of_a_file_is_refused_and_waited_for_by_nobody(run, name):
    path = run / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(ValueError, match=f"{path.name} is no regular file"):
        Run(run, settings(generations=2))


@pytest.mark.parametrize(
    "name", [".lock", "config.toml", "log.txt", "result.json", "games/0001.safetensors"]
)
def test_a_folder_in_the_place_of_a_file_is_refused(run, name):
    (run / name).unlink(missing_ok=True)
    (run / name).mkdir()
    with pytest.raises(ValueError, match="is no regular file"):
        Run(run, settings(generations=2))


@pytest.mark.parametrize("name", ["games", "checkpoints", "checkpoints/0001"])
def test_a_file_in_the_place_of_a_folder_is_refused(run, name):
    shutil.rmtree(run / name)
    (run / name).write_bytes(b"")
    with pytest.raises(ValueError, match="is no folder"):
        Run(run, settings(generations=2))


def test_only_what_the_program_itself_left_unfinished_is_swept_away(run):
    ours = [
        run / ".config.toml.12.tmp",
        run / ".ledger.jsonl.9.tmp",
        run / "games/.0003-00001.safetensors.7.tmp",
    ]
    theirs = [
        run / ".notes.tmp",
        run / ".thesis.tex.1.tmp",
        run / "games/.mine.tmp",
        run / "checkpoints/.mine.tmp",
        run / "games/.0003.txt.7.tmp",
    ]
    for path in ours + theirs:
        path.write_bytes(b"x")
    (run / "checkpoints/.0003.tmp").mkdir()
    (run / "checkpoints/.0004.tmp").symlink_to(run.parent)
    with Run(run, settings(generations=2)):
        assert not any(path.exists() for path in ours) and all(path.exists() for path in theirs)
        assert (
            not (run / "checkpoints/.0003.tmp").exists()
            and not (run / "checkpoints/.0004.tmp").is_symlink()
        )
        assert run.parent.exists()


def test_a_run_that_is_closed_can_be_opened_again_in_the_same_process(run):
    with Run(run, settings(generations=2)), pytest.raises(ValueError, match="in use"):
        Run(run, settings(generations=2))
    Run(run, settings(generations=2)).close()
    (run / ".lock").write_text("whose?")
    with Run(run, settings(generations=2)):
        assert (run / ".lock").read_text() == "whose?"  # it is not ours to cut


def test_a_run_whose_folder_is_removed_ends_with_one_line(tmp_path, monkeypatch):
    (tmp_path / "small.toml").write_text(SMALL)
    folder = tmp_path / "r"
    monkeypatch.setattr(loop, "learn", lambda *_: shutil.rmtree(folder) or {"total": 0.0})
    monkeypatch.setattr(loop.Ledger, "measure", lambda *_: {"generation": 1})
    with pytest.raises(ValueError, match="was .*r removed while the run went on"):
        command(folder, resume=False)
    assert not folder.exists()


# The ledger

LINES = {
    "a byte that is no UTF-8": b'{"generation": 1, "kl": \xff}\n',
    "NaN": b'{"generation": 1, "kl": NaN}\n',
    "an infinity": b'{"generation": 1, "kl": 1e999}\n',
    "a list": b"[1, 2]\n",
    "a number": b"17\n",
    "no generation": b'{"kl": 1.0}\n',
    "a generation that is no "
    "number": b'{"generation": "one"}\n{"generation": [1]}\n{"generation": {}}\n',
    "a generation below 0": b'{"generation": -3}\n',
    "another generation's line": b'{"generation": 900}\n',
    "brackets 60,000 deep": b"[" * 60_000 + b"\n",
    "objects 10,000 deep": b'{"a":' * 10_000 + b"\n",
    "a line of 3 MB": b'{"generation": 1, "x": "' + b"y" * 3_000_000 + b'"}\n',
    "a number of 10,000 digits": b'{"generation": ' + b"9" * 10_000 + b"}\n",
    "bytes 0": bytes(1000),
    "nothing": b"",
    "a cut line": b'{"generation": 1, "kl"',
    "the same line twice": b'{"generation": 1}\n{"generation": 1}\n',
}


@pytest.mark.parametrize("name", LINES)
def test_the_ledger_is_rebuilt_from_the_checkpoints_whatever_is_in_it(run, name):
    before = (run / "ledger.jsonl").read_bytes()
    for text in (LINES[name], before + LINES[name], LINES[name] + before):
        (run / "ledger.jsonl").write_bytes(text)
        read_ledger(run)
        with Run(run, settings(generations=2)) as opened:
            opened.reconcile_ledger(opened.newest(print))
        assert (run / "ledger.jsonl").read_bytes() == before


def test_every_flipped_byte_of_the_ledger_is_undone(run):
    before = (run / "ledger.jsonl").read_bytes()
    with Run(run, settings(generations=2)) as opened:
        newest = opened.newest(print)
        for index in np.random.default_rng(0).integers(len(before), size=100):
            text = bytearray(before)
            text[index] ^= 1 << (index % 8)
            (run / "ledger.jsonl").write_bytes(text)
            opened.reconcile_ledger(newest)
            assert (run / "ledger.jsonl").read_bytes() == before


def test_a_folder_in_the_ledger_s_place_is_moved_aside(run):
    before = (run / "ledger.jsonl").read_bytes()
    (run / "ledger.jsonl").unlink()
    (run / "ledger.jsonl").mkdir()
    assert read_ledger(run) == []
    with Run(run, settings(generations=2)) as opened:
        opened.reconcile_ledger(opened.newest(print))
    assert (run / "ledger.jsonl").read_bytes() == before and (run / "ledger.jsonl.damaged").is_dir()


def test_a_whole_ledger_is_not_rebuilt_from_all_checkpoints(run, monkeypatch):
    """Else the time to go on would grow with the run's age."""
    with Run(run, settings(generations=2)) as opened:
        newest = opened.newest(print)
        monkeypatch.setattr(checkpoint, "read", None)
        opened.reconcile_ledger(newest)


# Settings


def test_every_flipped_byte_of_the_settings_is_noticed(run):
    """387 of 4,750 were accepted as another configuration."""
    before = (run / "config.toml").read_bytes()
    for index in np.random.default_rng(0).integers(len(before), size=400):
        text = bytearray(before)
        text[index] ^= 1 << (index % 8)
        (run / "config.toml").write_bytes(text)
        with pytest.raises(
            ValueError,
            match="config.toml was cut or altered.*--resume --out '.*a run' --set KEY=VALUE",
        ):
            stored_config(run)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5, 0.9, 0.99, 0.999])
def test_cut_settings_are_refused(run, share):
    text = (run / "config.toml").read_bytes()
    (run / "config.toml").write_bytes(text[: int(len(text) * share)])
    with pytest.raises(ValueError, match="config.toml"):
        stored_config(run)


def test_settings_of_older_runs_have_no_checksum(run):
    (run / "config.toml").write_text(config_file.dump(settings(generations=2)))
    assert stored_config(run) == settings(generations=2)
    store_config(run, settings())
    assert stored_config(run) == settings()
    text = (run / "config.toml").read_bytes()
    assert text.endswith(b"# checksum %08x\n" % zlib.crc32(text[: text.rindex(b"#")]))


@pytest.mark.parametrize("change", ["seed=2", "network.blocks=2"])
def test_an_altered_setting_of_an_older_run_is_seen_by_its_checkpoint(run, change):
    (run / "config.toml").write_text(
        config_file.dump(config_file.parse(SMALL, [change, "generations=2"]))
    )
    with (
        Run(run, stored_config(run)) as opened,
        pytest.raises(ValueError, match=f"{change[:-2]} is 2 there and 1 in .*/0002"),
    ):
        opened.newest(print)


def test_what_a_run_can_change_is_listed_and_everything_else_is_refused_by_name():
    stored = settings()
    fixed = {key for key in flat(stored) if not is_changeable(key)} | {"options"}
    assert fixed == {"game", "game_digest", "seed", "options", "network.blocks", "network.channels"}
    assert changed(
        stored, ["learner.learning_rate=0.001", "generations=9"]
    ) == msgspec.structs.replace(
        stored, generations=9, learner=msgspec.structs.replace(stored.learner, learning_rate=0.001)
    )
    for key in (*fixed, "options.komi", "network", "learner", "learnerrate", "x" * 10_000):
        with pytest.raises(
            ValueError, match="a run cannot change .*it can change generations, minutes"
        ) as refusal:
            changed(stored, [f"{key}=3"])
        assert len(str(refusal.value)) < 600
    for key in HEADS:
        with pytest.raises(ValueError, match=f"cannot change whether {key} is 0"):
            changed(stored, [f"{key}=0.5"])
    for wrong in (
        "learner.learning_rate=-1",
        "learner.learning_rate=nan",
        "learner.rat=1",
        "learner.learning_rate",
        "replay.samples_per_row=x",
    ):
        with pytest.raises(ValueError, match="learner|replay|KEY=VALUE"):
            changed(stored, [wrong])
    assert all(key in flat(stored) or key.endswith(".*") for key in CHANGEABLE)


def test_a_run_goes_on_with_changed_settings_and_says_so(run, tmp_path, capsys):
    (tmp_path / "small.toml").write_text(config_file.dump(settings(generations=2)))
    newest = command(run, "learner.learning_rate=0.001", "generations=3")
    assert (
        newest.generation == 3
        and newest.config.learner.learning_rate == 0.001
        and stored_config(run) == newest.config
    )
    log = (run / "log.txt").read_text()
    assert (
        "learner.learning_rate was 0.002 and is 0.001 from here on" in log
        and "generations was 2 and is 3 from here on" in log
    )
    assert checkpoint.read(run / "checkpoints/0002").config.learner.learning_rate == 0.002
    command(run)  # goes on with the new ones
    assert (run / "log.txt").read_text().count("from here on") == 2
    refusal = (
        "holds another run .generations is 3 there and 2 here, and 1 more.; go on with it "
        "as it is: selfplay train --resume --out '.*a run', or choose another"
    )
    with pytest.raises(ValueError, match=refusal):
        command(run, resume=False)
    assert stored_config(run) == newest.config


def test_killed_while_settings_change_either_the_old_or_the_new_ones_hold(run, monkeypatch):
    wanted = changed(stored_config(run), ["learner.learning_rate=0.001"])

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        Run(run, wanted, may_change=True)
    assert stored_config(run) == settings(generations=2)
    monkeypatch.undo()
    with Run(run, wanted, may_change=True):  # the lock is free
        assert stored_config(run) == wanted
    assert differences(settings(generations=2), wanted) == [("learner.learning_rate", 0.002, 0.001)]


# Divergence (DeepFilterNet#30: checked for NaN before writing; muzero-general#40, #118)

WILD = [
    "learner.learning_rate=10", "learner.max_grad_norm=1000000", "learner.weight_decay=0.3",
    "learner.warmup=0", "generations=6", "learner.batch=64", "replay.rows_per_generation=200",
    "search.simulations=[4]", "actor.local_actors=1", "network.channels=8",
]  # fmt: skip


def wild() -> RunConfig:
    return config_file.parse(SMALL, WILD)


def all_finite(folder: Path) -> bool:
    return all(
        tensor.isfinite().all()
        for path in checkpoint.all_in(folder / "checkpoints")
        for tensor in checkpoint.read(path).network().state_dict().values()
    )


@pytest.fixture(scope="module")
def diverged(tmp_path_factory):
    """A run that diverged, and what it said."""
    folder = tmp_path_factory.mktemp("runs") / "diverged"
    with pytest.raises(FloatingPointError) as end:
        train(folder, wild())
    return folder, str(end.value)


def test_a_run_that_diverged_stores_nothing_of_it_says_what_to_change_and_goes_on(
    diverged, tmp_path
):
    folder = tmp_path / "a run"
    shutil.copytree(diverged[0], folder)
    said = (
        "learning has diverged in generation .*; checkpoint 0000 is the last good one and stays: "
        "go on from it more slowly: "
    )
    assert re.match(
        f"{said}selfplay train --resume --out .* --set learner.learning_rate=0.002", diverged[1]
    )
    with pytest.raises(
        FloatingPointError, match=f"{said}selfplay train --resume --out '.*a run' --set"
    ):
        train(folder, wild())  # the same command again ends in the same way, and loses nothing
    assert all_finite(folder)
    newest = command(folder, "learner.learning_rate=0.002", "learner.max_grad_norm=2")
    assert newest.generation == 6 and all_finite(folder)
    entries = read_ledger(folder)
    assert [entry["generation"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert not any(divergence.worse_than_nothing(entry) for entry in entries)
    assert all(
        math.isfinite(value)
        for entry in entries
        for value in entry.values()
        if isinstance(value, float)
    )


def test_games_of_a_network_that_diverged_are_not_learned_from(diverged, tmp_path):
    """Going back to checkpoint 0, the games that network 0 played are used again, those of later
    networks go."""
    shutil.copytree(diverged[0], tmp_path, dirs_exist_ok=True)
    kept = (tmp_path / "games" / "0001.safetensors").read_bytes()
    slower = changed(wild(), ["learner.learning_rate=0.002"])
    with Run(tmp_path, slower, may_change=True) as opened:
        # as older versions did: the network is enough
        (tmp_path / "checkpoints/0000/learner.safetensors").unlink()
        state, newest = loop.start_or_resume(
            opened, ProgressReporter(tmp_path, 6, stream=io.StringIO())
        )
        assert newest.generation == 0 and torch.equal(
            state.learner.network.place, newest.network().place
        )
        # network 0 played two generations, the second while the first was learned
        names = sorted(path.name for path in (tmp_path / "games").iterdir())
        assert names == ["0001.safetensors", "0002.safetensors"]
    assert (tmp_path / "games" / "0001.safetensors").read_bytes() == kept


def test_a_network_whose_answers_are_not_finite_is_moved_aside(run, monkeypatch):
    """Its weights are, so only play can tell. What was learned from its generation on goes too."""
    load = training.LocalPool.load

    def refuse_two(pool, weights, generation, simulations):
        if generation == 2:
            raise FloatingPointError(
                "the network answers with numbers that are not finite: learning has diverged"
            )
        return load(pool, weights, generation, simulations)

    monkeypatch.setattr(training.LocalPool, "load", refuse_two)
    for _ in range(2):  # the second time from 0001, and over the first one's 0002.diverged
        with pytest.raises(
            Diverged,
            match="diverged in generation [34] .*checkpoint 0001 is the last good one and stays",
        ):
            command(run, "generations=4")
        assert [path.name for path in checkpoint.all_in(run / "checkpoints")] == ["0000", "0001"]
    monkeypatch.undo()
    assert command(run, "learner.learning_rate=0.001").generation == 4


@pytest.mark.parametrize(
    ("name", "value"), [("place", torch.nan), ("stem.1.running_var", torch.inf)]
)
def test_no_learner_goes_on_after_a_number_that_is_not_finite(run, name, value):
    with Run(run, settings(generations=2)) as opened:
        state, _ = loop.start_or_resume(opened, ProgressReporter(run, 2, stream=io.StringIO()))
        with torch.no_grad():
            state.learner.network.state_dict()[name].fill_(value)
        with pytest.raises(Diverged, match="is not finite"):
            state.learner.learn(state.replay, 2, np.random.default_rng(1), (0.0, 0.1))


def test_learning_that_is_finite_and_useless_is_said_after_three_generations_and_now_and_then():
    watch = divergence.Watch()
    useless = {"loss_policy": 1.7, "loss_uniform": 1.7, "loss_outcome": 111.0, "loss_value": 0.17}
    said = [watch.look(useless) for _ in range(24)]
    assert [index + 1 for index, line in enumerate(said) if line] == [3, 13, 23]
    assert (
        "for 3 generations the loss of the outcome was 111, and a network that knows nothing has "
        "1.1" in said[2]
    )
    good = {"loss_policy": 1.4, "loss_uniform": 1.7, "loss_outcome": 0.9, "loss_value": 0.4}
    for sequence in (
        [good] * 40,
        [useless, useless, good] * 9,
        [{}] * 9,
        [{"generation": 1, "loss_value": "x"}] * 9,
    ):
        watch = divergence.Watch()
        assert not any(watch.look(entry) for entry in sequence)
    for name, value in (("policy", 2.7), ("value", 1.6), ("outcome", 2.3)):
        assert name in divergence.worse_than_nothing(good | {f"loss_{name}": value})


def test_a_network_that_knows_nothing_loses_what_the_watch_takes_for_nothing(run):
    """Untrained, it is within a tenth of uniform; so a new run raises no alarm."""
    from selfplay.learning.learner import losses

    with Run(run, settings(generations=2)) as opened:
        state, _ = loop.start_or_resume(opened, ProgressReporter(run, 2, stream=io.StringIO()))
    learner, shape = state.learner, state.learner.network.shape
    rows = learner._tensors(state.replay.draw(np.random.default_rng(1), state.replay.buffer(200)))
    torch.manual_seed(0)
    parts = losses(
        Network(shape).forward_train(rows["planes"], rows["scalars"]), rows, learner.config
    )
    parts = {name: value.item() for name, value in parts.items()}
    assert parts["policy"] == pytest.approx(parts["uniform"], rel=0.15)
    assert parts["uniform"] == pytest.approx(np.log(rows["legal"].sum(1).numpy()).mean())
    assert parts["outcome"] == pytest.approx(math.log(3), rel=0.2) and parts["value"] < 1.1
    assert not divergence.worse_than_nothing(
        {f"loss_{name}": value for name, value in parts.items()}
    )


# A run that is old


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
    shutil.rmtree(run)
    train(run, wanted)
    monkeypatch.setattr(
        Shards,
        "load",
        lambda shards, generation, *a: read.append(generation) or load(shards, generation, *a),
    )
    train(run, wanted)
    # 60 rows each: after 540 the window has 100 + 0.4 * (112.0 - 31.6) / 0.237 = 235
    assert read == [
        9,
        8,
        7,
        6,
    ]


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
