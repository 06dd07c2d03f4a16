"""A run's settings: those that may change, change whole or not at all."""

import os
import zlib

import msgspec
import numpy as np
import pytest

from selfplay import config_file
from selfplay.storage import checkpoint
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
from tests.learning.test_loop import SMALL, settings
from tests.storage.run.train import command


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
