"""What is on disk: whole or refused. Shards, checkpoints and JSON that were cut, altered or are
something else are named; loading them cannot run code."""

import io
import os
import pickle
import shutil

import numpy as np
import pytest
import torch

import games as library
from selfplay import config_file
from selfplay.config import NetworkConfig
from selfplay.learning.learner import Learner
from selfplay.network.weights import new_network, shape_for
from selfplay.storage import checkpoint
from selfplay.storage.arrays import read_arrays, write_arrays
from selfplay.storage.checkpoint import Checkpoint
from selfplay.storage.files import DamagedFile, read_json, write_bytes, write_json
from selfplay.storage.records import Shards, concatenate, read_games
from tests.actors.test_actor import GUMBEL_PLAY, self_play


@pytest.fixture(scope="module")
def games():
    return self_play(library.load("tictactoe"), GUMBEL_PLAY)[0]


def same(a, b) -> bool:
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b))


def test_arrays_survive(tmp_path):
    arrays = {
        "a": np.arange(5),
        "b": np.zeros((2, 0), np.float32),
        "c": np.array([[1.5]], np.float64),
    }
    write_arrays(tmp_path / "x", arrays)
    back = read_arrays(tmp_path / "x")
    assert set(back) == set(arrays) and all(np.array_equal(back[k], arrays[k]) for k in arrays)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_cut_file_is_refused(tmp_path, games, share):
    path = Shards(tmp_path).add(1, games)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DamagedFile, match=path.name):
        read_games(path)


def test_every_altered_byte_is_noticed(tmp_path, games):
    path = Shards(tmp_path).add(1, games)
    data = bytearray(path.read_bytes())
    for index in np.random.default_rng(0).integers(len(data), size=300):
        altered = bytearray(data)
        altered[index] ^= 0x10
        path.write_bytes(altered)
        with pytest.raises(DamagedFile):
            if same(read_games(path), games):  # a harmless byte, such as a space of the header
                raise DamagedFile


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


@pytest.mark.parametrize("write", [pickle.dump, torch.save])
def test_files_that_could_run_code_are_refused(tmp_path, write, monkeypatch):
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    write(Bomb(), buffer)
    for name in ("0001.safetensors", "weights.safetensors"):
        (tmp_path / name).write_bytes(buffer.getvalue())
        with pytest.raises(DamagedFile):
            read_arrays(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_shards_are_sealed_into_one_and_read_alike(tmp_path, games):
    shards = Shards(tmp_path)
    for _ in range(3):
        shards.add(4, games)
    parts = shards.load(4)
    shards.seal(4)
    assert [path.name for path in tmp_path.iterdir()] == ["0004.safetensors"]
    assert same(shards.load(4), parts) and same(parts, concatenate([games] * 3))
    shards.seal(4)  # again: nothing changes
    assert same(shards.load(4), parts)
    assert shards.load(5) is None


def test_a_kill_between_sealing_and_tidying_counts_no_game_twice(tmp_path, games):
    shards = Shards(tmp_path)
    part = shards.add(2, games)
    kept = part.read_bytes()
    shards.seal(2)
    part.write_bytes(kept)
    assert same(shards.load(2), games)


def test_new_games_replace_a_damaged_shard(tmp_path, games):
    shards = Shards(tmp_path)
    shards.add(3, games)
    shards.seal(3)
    sealed = tmp_path / "0003.safetensors"
    sealed.write_bytes(sealed.read_bytes()[:-9])
    assert shards.load(3) is None
    shards.seal(3)
    shards.add(3, games)
    assert same(shards.load(3), games)
    shards.seal(3)
    assert same(read_games(sealed), games) and len(list(tmp_path.iterdir())) == 1


def test_a_damaged_shard_is_named_and_left_out(tmp_path, games):
    shards = Shards(tmp_path)
    shards.add(1, games)
    bad = shards.add(1, games)
    bad.write_bytes(bad.read_bytes()[:-9])
    told = []
    assert same(shards.load(1, told.append), games)
    assert len(told) == 1 and bad.name in told[0]


def test_a_shard_whose_parts_do_not_fit_together_is_refused(tmp_path, games):
    write_arrays(tmp_path / "0001.safetensors", games._replace(action=games.action[:-1])._asdict())
    with pytest.raises(DamagedFile, match="fit together"):
        read_games(tmp_path / "0001.safetensors")
    write_arrays(tmp_path / "0002.safetensors", {"weights": np.zeros(3)})
    with pytest.raises(DamagedFile, match="no record of games"):
        read_games(tmp_path / "0002.safetensors")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write_bytes(path, b"new")
    assert read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


# Checkpoints


@pytest.fixture
def saved(tmp_path):
    """A checkpoint folder of a small tic-tac-toe network."""
    settings = config_file.load("dummy")
    shape = shape_for(library.load("tictactoe"), settings.network)
    learner = Learner(new_network(shape, 3), settings.learner, "fp32")
    here = Checkpoint(
        tmp_path / "0002", "tictactoe", 2, shape, settings, {"kl": 0.5}, {"rows": 4, "seconds": 1.5}
    )
    checkpoint.write(tmp_path, here, learner.averaged, learner.state())
    return here, learner


def test_a_checkpoint_comes_back_as_it_was(saved):
    here, learner = saved
    back = checkpoint.read(here.path)
    assert back == here
    for name, tensor in back.network().state_dict().items():
        assert torch.equal(tensor, learner.averaged.state_dict()[name])
    assert set(back.learner()) == set(learner.state())


@pytest.mark.parametrize("name", ["weights.safetensors", "checkpoint.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "foreign"])
def test_a_damaged_checkpoint_is_refused(saved, name, damage):
    path = saved[0].path / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else b'{"format": "other"}')
    with pytest.raises(DamagedFile, match=name if damage != "foreign" else "."):
        checkpoint.read(saved[0].path).network()


def test_an_altered_fact_is_noticed(saved):
    path = saved[0].path / "checkpoint.json"
    path.write_text(path.read_text().replace('"generation": 2', '"generation": 7'))
    with pytest.raises(DamagedFile, match="checksum"):
        checkpoint.read(saved[0].path)


def test_weights_of_another_shape_are_refused(saved):
    here, _ = saved
    other = shape_for(library.load("tictactoe"), NetworkConfig(blocks=2, channels=4))
    with pytest.raises(DamagedFile, match="another network"):
        checkpoint.read_network(here.path / "weights.safetensors", other)


def test_a_run_s_newest_readable_checkpoint_is_found(saved, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    shutil.copytree(saved[0].path, run / "checkpoints" / "0002")
    shutil.copytree(saved[0].path, run / "checkpoints" / "0003")
    (run / "checkpoints" / "0003" / "checkpoint.json").write_text("{")
    (run / "checkpoints" / ".0004.tmp").mkdir()
    assert checkpoint.find(str(run)).path.name == "0002"
    with pytest.raises(ValueError, match="neither a checkpoint nor a run"):
        checkpoint.find(str(tmp_path / "nothing"))
