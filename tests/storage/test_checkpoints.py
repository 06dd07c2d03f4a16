"""Checkpoints are what a run could have stored, or refused by name and reason: before memory is
taken for the network that they make up, and before a network or a learner that would only give NaN
is made of them."""

import copy
import json
import random
import shutil
import tracemalloc
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch

from selfplay.network.network import Network
from selfplay.network.weights import Diverged
from selfplay.storage import checkpoint
from selfplay.storage.arrays import read_arrays, write_arrays
from selfplay.storage.checkpoint import Checkpoint
from selfplay.storage.files import DamagedFile, write_json
from selfplay.storage.weight_check import kinds_of_network
from tests.fuzz import checkpoints as fuzz


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkpoint of a small network that has learned three steps, in the place where a run has
    it, and its learner."""
    _, settings, shape, learner = fuzz.learned(3)
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    folder.mkdir()
    here = Checkpoint(
        folder / "0002",
        "tictactoe",
        2,
        shape,
        settings,
        {"generation": 2},
        {"rows": 4, "seconds": 1.5},
    )
    checkpoint.write(folder, here, learner.averaged, learner.state())
    return here, learner


@pytest.fixture
def saved(made, tmp_path):
    """A copy of it."""
    here, learner = made
    shutil.copytree(here.path.parent, tmp_path / "run" / "checkpoints")
    return replace(here, path=tmp_path / "run" / "checkpoints" / "0002"), learner


def altered(here: Checkpoint, path: str, value: object) -> None:
    """Another value in checkpoint.json at "shape.blocks" and the like (None: no such key), with a
    right checksum."""
    facts = copy.deepcopy(checkpoint.facts_of(here))
    del facts["crc32"]
    *keys, last = path.split(".")
    place = facts
    for key in keys:
        place = place[key]
    place.pop(last) if value is None else place.update({last: value})
    write_json(here.path / "checkpoint.json", facts | {"crc32": checkpoint.checksum(facts)})


@pytest.mark.parametrize("channels", [30_000, 10**9, 10_000, 4, 0, -1])
@pytest.mark.parametrize("blocks", [10**9, 1000, 1, 0, -1])
def test_a_network_that_a_small_file_makes_up_is_refused_before_memory_is_taken_for_it(
    saved, blocks, channels
):
    """30 KB asked for 32 GB, or for ever."""
    here, _ = saved
    network = msgspec.structs.replace(here.config.network, blocks=blocks, channels=channels)
    facts = checkpoint.facts_of(here)
    del facts["crc32"]
    facts["shape"] |= {"blocks": blocks, "channels": channels}
    facts["config"]["network"] = msgspec.to_builtins(network)
    write_json(here.path / "checkpoint.json", facts | {"crc32": checkpoint.checksum(facts)})
    tracemalloc.start()
    try:
        for used in (Checkpoint.network, Checkpoint.learner):
            with pytest.raises(DamagedFile, match=str(here.path)):
                used(checkpoint.read(here.path))
        assert tracemalloc.get_traced_memory()[1] < 16e6
    finally:
        tracemalloc.stop()


FACTS = [
    ("shape.blocks", 2), ("shape.blocks", "1"), ("shape.blocks", 1.5), ("shape.blocks", True),
    ("shape.blocks", 10**30), ("shape.rows", 0), ("shape.rows", 10**6), ("shape.planes", 10**9),
    ("shape.scalars", -1), ("shape.layout", "rows"), ("shape.action_planes", 10**9),
    ("shape.extra_actions", -5), ("shape.owner", True), ("shape.score", 1), ("shape", []),
    ("config.network.channels", 30_000), ("config.learner.rate", -1.0),
    ("config.learner.rate", float("nan")), ("config.search.simulations", []),
    ("config.search.simulations", [10**12]), ("config.search.kind", "alphabeta"),
    ("config.actor.games", 10**12), ("config.unknown", 1), ("config.game", "connect4"),
    ("config.seed", 2**70), ("config", 3),
    ("game", "go19"), ("game", 7), ("game", None),
    ("generation", -1), ("generation", 10**9), ("generation", "2"),
    ("progress.seconds", -1.0), ("progress.seconds", float("nan")),
    ("progress.seconds", float("inf")), ("progress.seconds", 1e300), ("progress.seconds", None),
    ("progress.seconds", True), ("progress.rows", -1), ("progress.rows", 1.5),
    ("progress.rows", 10**400), ("progress", []),
    ("ledger", "none"), ("ledger", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"), FACTS, ids=[f"{path}={str(value)[:20]}" for path, value in FACTS]
)
def test_facts_that_no_run_stores_are_refused_though_their_checksum_is_right(saved, path, value):
    """TOML's limits hold for a stored configuration too; clocks may have jumped."""
    altered(saved[0], path, value)
    with pytest.raises(DamagedFile, match="0002/checkpoint.json") as refusal:
        checkpoint.read(saved[0].path)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000, '{"a":' * 200_000, '{"format": ' + "9" * 100_000 + "}", "null", "[]",
        '"' + "x" * 2_000_000 + '"', "",
    ],
)  # fmt: skip
def test_json_that_is_deep_huge_or_no_object_is_refused(saved, text):
    (saved[0].path / "checkpoint.json").write_text(text)
    with pytest.raises(DamagedFile, match="0002/checkpoint.json") as refusal:
        checkpoint.read(saved[0].path)
    assert len(str(refusal.value)) < 600


WEIGHTS = {
    "another dtype": lambda w: w | {"place": w["place"].astype(np.float64)},
    "another shape": lambda w: w | {"place": w["place"][:, :1]},
    "one missing": lambda w: {name: array for name, array in w.items() if name != "place"},
    "one too many": lambda w: w | {"more": w["place"]},
    "a NaN": lambda w: w | {"place": np.full_like(w["place"], np.nan)},
    "an infinity": lambda w: (
        w | {"stem.1.running_var": np.full_like(w["stem.1.running_var"], np.inf)}
    ),
    "a variance below 0": lambda w: (
        w | {"stem.1.running_var": -np.ones_like(w["stem.1.running_var"])}
    ),
    "a range that is not finite": lambda w: (
        w | {"ranges": np.where(np.arange(2) == 1, np.inf, w["ranges"])}
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_cannot_play_are_refused(saved, name):
    path = saved[0].path / "weights.safetensors"
    write_arrays(path, {n: np.array(a) for n, a in WEIGHTS[name](read_arrays(path)).items()})
    with pytest.raises(DamagedFile, match="0002/weights.safetensors"):
        checkpoint.read(saved[0].path).network()


def changed(arrays: dict, name: str, value: float) -> dict:
    return arrays | {name: np.full_like(arrays[name], value)}


STATES = {
    "a NaN in a moment": lambda s: changed(s, "exp_avg.place", np.nan),
    "an infinity in the network": lambda s: changed(s, "network.place", np.inf),
    "squares below 0": lambda s: changed(s, "exp_avg_sq.place", -1),
    "steps below 0": lambda s: changed(s, "step.place", -1),
    "a step below 0": lambda s: changed(s, "learner.step", -1),
    "a step that cannot be counted": lambda s: changed(s, "learner.step", 2**62),
    "no step": lambda s: {name: array for name, array in s.items() if name != "learner.step"},
    "one moment of two": lambda s: {
        name: array for name, array in s.items() if name != "exp_avg_sq.place"
    },
    "moments of another shape": lambda s: s | {"exp_avg.place": s["exp_avg.place"][:, :1]},
    "another array": lambda s: s | {"momentum": np.zeros(2)},
    "another network": lambda s: s | {"network.blocks.1.first.0.weight": np.zeros(2)},
}


@pytest.mark.parametrize("name", STATES)
def test_a_learner_s_state_that_cannot_be_gone_on_from_is_refused(saved, name):
    here, learner = saved
    write_arrays(here.path / "learner.safetensors", STATES[name](learner.state()))
    with pytest.raises(DamagedFile, match="0002/learner.safetensors"):
        checkpoint.read(here.path).learner()


def test_checkpoints_of_older_versions_are_read(saved):
    """They know no heads, no ranges, fewer settings, and nothing of the ledger."""
    here, learner = saved
    facts = checkpoint.facts_of(here)
    del facts["crc32"], facts["shape"]["owner"], facts["shape"]["score"], facts["config"]["minutes"]
    del facts["config"]["search"]["min_max"], facts["config"]["learner"]["score_weight"]
    write_json(here.path / "checkpoint.json", facts | {"crc32": checkpoint.checksum(facts)})
    path = here.path / "weights.safetensors"
    weights = read_arrays(path)
    for ranges in ({}, {"ranges": np.full_like(weights["ranges"], np.nan)}):
        write_arrays(
            path, {name: array for name, array in weights.items() if name != "ranges"} | ranges
        )
        found = checkpoint.read(here.path)
        assert found.shape == here.shape and found.config == here.config
        assert torch.equal(found.network().place, learner.averaged.place)


def test_the_expected_arrays_are_a_network_s_own_and_take_no_memory(saved):
    shape = saved[0].shape
    before = torch.random.get_rng_state()
    kinds, learned = kinds_of_network.__wrapped__(shape)
    assert torch.equal(before, torch.random.get_rng_state())
    network = Network(shape)
    for name, tensor in network.state_dict().items():
        assert kinds[name] == (tensor.numpy().dtype, tuple(tensor.shape) or (1,))
    assert learned == [name for name, _ in network.named_parameters()]


# Never store what cannot go on


@pytest.mark.parametrize(
    "where", ["averaged", "network.place", "exp_avg_sq.place", "network.stem.1.running_var"]
)
def test_nothing_that_is_not_finite_is_ever_stored(saved, where):
    here, learner = saved
    folder, state, averaged = here.path.parent, learner.state(), copy.deepcopy(learner.averaged)
    if where == "averaged":
        averaged.place.data[0] = torch.inf
    else:
        state[where] = np.full_like(state[where], np.nan)
    third = Checkpoint(
        folder / "0003", "tictactoe", 3, here.shape, here.config, {"generation": 3}, here.progress
    )
    with pytest.raises(Diverged, match=f"{where.split('.')[-1]}|place"):
        checkpoint.write(folder, third, averaged, state)
    assert [path.name for path in folder.iterdir()] == ["0002"]


def test_a_checkpoint_that_could_not_be_written_leaves_nothing_behind(saved, monkeypatch):
    here, learner = saved

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_json", full)
    third = Checkpoint(
        here.path.parent / "0003",
        "tictactoe",
        3,
        here.shape,
        here.config,
        {"generation": 3},
        here.progress,
    )
    with pytest.raises(OSError):
        checkpoint.write(here.path.parent, third, learner.averaged, learner.state())
    assert [path.name for path in here.path.parent.iterdir()] == ["0002"]


def test_the_newest_checkpoint_that_can_play_is_found_and_the_others_are_named(saved, caplog):
    """A run that diverged under an older version has stored NaN."""
    here, learner = saved
    folder = here.path.parent
    third = Checkpoint(
        folder / "0003", "tictactoe", 3, here.shape, here.config, {"generation": 3}, here.progress
    )
    path = (
        checkpoint.write(folder, third, learner.averaged, learner.state()) / "weights.safetensors"
    )
    weights = read_arrays(path)
    write_arrays(path, changed(weights, "stem.1.running_var", np.nan))
    checkpoint.warn.cache_clear()
    assert (
        checkpoint.find(str(folder.parent)).generation
        == checkpoint.find(str(folder.parent)).generation
        == 2
    )
    assert [record.message for record in caplog.records] == [
        f"skipped: {path}: stem.1.running_var is not finite: learning had diverged"
    ]
    (here.path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(DamagedFile, match="no checkpoint in .* is whole"):
        checkpoint.find(str(folder.parent))


def test_a_checkpoint_under_another_number_is_damaged(saved):
    here, _ = saved
    here.path.rename(here.path.with_name("0007"))
    with pytest.raises(DamagedFile, match="holds generation 2"):
        checkpoint.read_numbered(here.path.with_name("0007"))
    # as one's own folder it may be called anything
    assert checkpoint.read(here.path.with_name("0007")).generation == 2


# Numbers


def test_generations_are_ordered_by_number_beyond_9999(tmp_path):
    for name in (
        "0001",
        "9998",
        "9999",
        "10000",
        "10001",
        "00012",
        "²",
        "12a",
        ".10002.tmp",
        "10001.damaged",
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "learner.safetensors").write_bytes(b"x")
    (tmp_path / "10003").write_bytes(b"")
    assert [path.name for path in checkpoint.all_in(tmp_path)] == [
        "0001",
        "9998",
        "9999",
        "10000",
        "10001",
    ]
    checkpoint.drop_learner_states(tmp_path, spared=9998)
    kept = {path.parent.name for path in tmp_path.glob("*/learner.safetensors")}
    assert kept >= {"9998", "10000", "10001"} and not kept & {"0001", "9999"}


def test_a_short_fuzz_finds_nothing(tmp_path):
    context = fuzz.KIND.prepare(tmp_path)
    found = [
        fuzz.KIND.attempt(context, fuzz.KIND.mutate(context, random.Random(i))) for i in range(150)
    ]
    assert 5 < sum(found) < 120
    json.loads(context["files"]["checkpoint.json"])
