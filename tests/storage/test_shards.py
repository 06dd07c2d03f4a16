"""Shards are what their game allows, or refused by name and reason before a kernel sees them:
kernels look at no bounds."""

import json
import struct

import numpy as np
import pytest

import games as library
from native.episodes import SEARCHED
from selfplay.config import ReplayConfig
from selfplay.learning.ledger import of_games
from selfplay.learning.replay import Replay
from selfplay.storage.arrays import read_arrays, write_arrays
from selfplay.storage.files import DamagedFile
from selfplay.storage.records import Games, Shards, concatenate, named_shard, read_games, shard_name
from tests.actors.test_actor import GUMBEL_PLAY, PUCT_PLAY, self_play
from tests.altered import joined, packed, split
from tests.fuzz import shards as fuzz
from tests.storage.test_files import same


@pytest.fixture(scope="module")
def played():
    return self_play(library.load("tictactoe"), GUMBEL_PLAY)[0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "0001.safetensors"


def changed(array: np.ndarray, index, value) -> np.ndarray:
    array = array.copy()
    array[index] = value
    return array


def test_games_of_every_kind_are_read_back_as_they_were_played(game, tmp_path):
    for number, settings in enumerate((GUMBEL_PLAY, PUCT_PLAY)):
        games = self_play(game, settings, games=3, steps=600)[0]
        assert games.count
        assert same(read_games(Shards(tmp_path, game).add(number, games), game), games)
        assert read_arrays(tmp_path / shard_name(number, 0))["action"].flags.writeable


# What the arrays must be (the crafted shards, each with a right checksum: a kernel would have
# written out of bounds)
CRAFTED = {
    "an offset beyond all moves": lambda g: {"first_move": changed(g.first_move, 1, 10**12)},
    "an offset below 0": lambda g: {"first_move": changed(g.first_move, 1, -(2**62))},
    "offsets whose differences overflow": lambda g: {
        "first_move": changed(g.first_move, 1, -(2**63))
    },
    "offsets that fall": lambda g: {"first_move": changed(g.first_move, 2, 0)},
    "offsets that do not begin at 0": lambda g: {"first_move": changed(g.first_move, 0, 1)},
    "an entry's offset beyond all": lambda g: {"first_entry": changed(g.first_entry, 1, 10**12)},
    "entries' offsets that fall": lambda g: {
        "first_entry": changed(g.first_entry, slice(1, -1), 0)
    },
    "an action that the board has not": lambda g: {"action": changed(g.action, 0, 65535)},
    "an action just beyond the board": lambda g: {"action": changed(g.action, 0, 9)},
    "a move to a taken cell": lambda g: {"action": changed(g.action, 1, g.action[0])},
    "a policy for an action that the board has not": lambda g: {
        "policy_action": changed(g.policy_action, 0, 60000)
    },
    "a policy whose actions do not ascend": lambda g: {
        "policy_action": g.policy_action[::-1].copy()
    },
    "a policy that is not finite": lambda g: {"policy": changed(g.policy, 0, np.nan)},
    "a policy below 0": lambda g: {"policy": changed(g.policy, 0, -0.5)},
    "a policy that does not add up": lambda g: {"policy": g.policy / 2},
    "an outcome beyond a win": lambda g: {"outcome": changed(g.outcome, 0, 3)},
    "an outcome that the rules do not give": lambda g: {
        "outcome": -1 - np.abs(g.outcome) + 2 * (g.outcome < 0)
    },
    "a value that is not finite": lambda g: {"value": changed(g.value, 0, np.inf)},
    "a network's value that is not finite": lambda g: {
        "network_value": changed(g.network_value, 0, np.nan)
    },
    "an unknown origin": lambda g: {"origin": changed(g.origin, 0, 7)},
    "searched moves said to be of the opening": lambda g: {"origin": np.zeros_like(g.origin)},
    "a generation below 0": lambda g: {"generation": changed(g.generation, 0, -1)},
    "a generation that no run reaches": lambda g: {
        "generation": changed(g.generation, 0, 2**31 - 1)
    },
    "options that the game has not": lambda g: {"options": np.zeros((g.count, 2))},
    "options without an axis": lambda g: {"options": np.zeros(0)},
    "offsets in 32 bits": lambda g: {"first_move": g.first_move.astype(np.int32)},
    "actions in 64 bits": lambda g: {"action": g.action.astype(np.int64)},
    "policies in double precision": lambda g: {"policy": g.policy.astype(np.float64)},
    "seeds without their second half": lambda g: {"seed": g.seed[:, :1]},
    "one value too few": lambda g: {"value": g.value[:-1]},
    "an array too much": lambda g: {"planes": np.zeros(3)},
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_shard_is_refused_with_its_name_and_the_reason(name, played, path):
    write_arrays(path, played._asdict() | CRAFTED[name](played))
    with pytest.raises(DamagedFile) as refusal:
        read_games(path, library.load("tictactoe"))
    assert str(path) in str(refusal.value) and len(str(refusal.value)) < len(str(path)) + 300


def test_games_are_not_cut_nor_go_on_after_their_end(played, path):
    """The last move of a game said to be the first of the next one."""
    write_arrays(
        path,
        played._asdict() | {"first_move": changed(played.first_move, 1, played.first_move[1] - 1)},
    )
    with pytest.raises(DamagedFile, match="is not over"):
        read_games(path, library.load("tictactoe"))


def test_a_shard_of_another_game_is_refused(tmp_path):
    """A Connect Four shard in the folder of a tic-tac-toe run was learned from."""
    connect4, tictactoe = library.load("connect4"), library.load("tictactoe")
    games = self_play(connect4, GUMBEL_PLAY)[0]
    named, unnamed = Shards(tmp_path, connect4).add(1, games), Shards(tmp_path).add(1, games)
    with pytest.raises(DamagedFile, match="holds games of 'connect4', not of tictactoe"):
        read_games(named, tictactoe)
    # an older one does not say
    with pytest.raises(DamagedFile, match="plies should lie between 1 and 9"):
        read_games(unnamed, tictactoe)
    assert same(read_games(unnamed, connect4), games)


def test_options_that_are_not_finite_are_refused(path):
    go5 = library.load("go5")
    games = self_play(go5, GUMBEL_PLAY, games=2, steps=900)[0]
    write_arrays(path, games._replace(options=changed(games.options, (0, 0), np.nan))._asdict())
    with pytest.raises(DamagedFile, match="options are not finite"):
        read_games(path, go5)


# Headers


def header_of(entry: dict, metadata=None) -> bytes:
    return joined(
        {"__metadata__": {"crc32": "0"} if metadata is None else metadata, "a": entry}, bytes(16)
    )


ENTRY = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
# safetensors#401; a reader takes the last one, another the first.
TWICE = b'{"__metadata__": {"crc32": "1034710512"}, "a": %s, "a": %s}' % (
    (json.dumps(ENTRY).encode(),) * 2
)
HEADERS = {
    "a header longer than the file": struct.pack("<Q", 2**62) + bytes(16),
    "a shape whose product is 2^66": header_of(ENTRY | {"shape": [2**33, 2**33]}),
    "a shape whose product overflows to what is there": header_of(
        ENTRY | {"shape": [2**62 + 1, 4]}
    ),
    "an axis of 2^63 beside one of 0": header_of(
        ENTRY | {"shape": [2**63, 0], "data_offsets": [0, 0]}
    ),
    "an axis below 0": header_of(ENTRY | {"shape": [-1, -4]}),
    "a hundred axes": header_of(ENTRY | {"shape": [1] * 99 + [4]}),
    "offsets beyond the file": header_of(ENTRY | {"shape": [2**40], "data_offsets": [0, 2**42]}),
    "offsets the wrong way round": header_of(ENTRY | {"data_offsets": [16, 0]}),
    "a gap": header_of(ENTRY | {"shape": [2], "data_offsets": [8, 16]}),
    "bytes of no array": header_of(ENTRY | {"shape": [2], "data_offsets": [0, 8]}),
    "an unknown dtype": header_of(ENTRY | {"dtype": "F8_E4M3"}),
    "metadata that is null": joined({"__metadata__": None, "a": ENTRY}, bytes(16)),
    "metadata that is a list": joined({"__metadata__": ["crc32"], "a": ENTRY}, bytes(16)),
    "a checksum that is a number": joined({"__metadata__": {"crc": 7}, "a": ENTRY}, bytes(16)),
    "no checksum": joined({"__metadata__": {}, "a": ENTRY}, bytes(16)),
    "a header that is a list": struct.pack("<Q", 2) + b"[]",
    "brackets 60,000 deep": struct.pack("<Q", 60_000) + b"[" * 60_000,
    "objects 10,000 deep": struct.pack("<Q", 50_000) + b'{"a":' * 10_000,
    "a number of 60,000 digits": struct.pack("<Q", 60_005) + b'{"a":' + b"9" * 60_000,
    "a name twice": struct.pack("<Q", len(TWICE)) + TWICE + bytes(16),
    "no UTF-8": struct.pack("<Q", 4) + b"\xff\xfe{}",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_held_against_the_file_s_own_size(name, path):
    path.write_bytes(HEADERS[name])
    with pytest.raises(DamagedFile, match="0001.safetensors") as refusal:
        read_arrays(path)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < len(str(path)) + 400


def test_arrays_that_share_their_bytes_are_refused(path):
    path.write_bytes(
        joined({"__metadata__": {"crc32": ""}, "a": ENTRY, "b": dict(ENTRY)}, bytes(16))
    )
    with pytest.raises(DamagedFile, match="overlap"):
        read_arrays(path)


def test_a_header_with_very_many_names_is_refused_before_it_is_taken_apart(path):
    names = {f"{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(5000)}
    path.write_bytes(joined({"__metadata__": {"crc32": ""}, **names}, b""))
    with pytest.raises(DamagedFile, match="names more than 12 arrays|too many for 12"):
        read_games(path)


def test_what_other_writers_of_safetensors_leave_unaligned_is_read(path):
    header = {
        "__metadata__": {"crc32": ""},
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "b": {"dtype": "F64", "shape": [2], "data_offsets": [1, 17]},
    }
    path.write_bytes(joined(header, b"\x07" + np.array([0.5, -1.5]).tobytes()))
    arrays = read_arrays(path)
    assert (
        arrays["a"].tolist() == [7]
        and arrays["b"].tolist() == [0.5, -1.5]
        and arrays["b"].flags.aligned
    )


def test_checksums_are_those_of_older_shards(path):
    """A file as it was written before headers were checked."""
    arrays = {"b": np.arange(3, dtype=np.uint16), "a": np.ones((2, 2), np.float32)}
    path.write_bytes(packed(arrays, {}))
    assert split(path.read_bytes())[0]["__metadata__"] == {"crc32": "3779772802"}
    assert all(np.array_equal(read_arrays(path)[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("make", ["fifo", "folder", "device"])
def test_pipes_folders_and_devices_are_no_shards(make, path):
    import os

    if make == "fifo":
        os.mkfifo(path)
    elif make == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DamagedFile, match="no regular file"):
        read_games(path)


def test_a_short_fuzz_finds_nothing(tmp_path):
    import random

    context = fuzz.KIND.prepare(tmp_path)
    found = [
        fuzz.KIND.attempt(context, fuzz.KIND.mutate(context, random.Random(i))) for i in range(300)
    ]
    assert 10 < sum(found) < 150


# Names


def test_shards_are_ordered_by_number_beyond_9999(tmp_path, played):
    shards = Shards(tmp_path)
    for generation in (9_999, 10_000, 10_001):
        shards.add(generation, played)
        shards.seal(generation)
    shards.add(10_002, played)
    assert shards.counts() == (3, 1)
    shards.drop_after(10_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "10000.safetensors",
        "9999.safetensors",
    ]
    assert same(shards.load(10_000), played) and shards.load(10_001) is None


def test_parts_are_read_in_the_order_in_which_they_were_written_beyond_99999(tmp_path, played):
    shards = Shards(tmp_path)
    first = concatenate([played, played])
    write_arrays(tmp_path / shard_name(3, 99_999), first._asdict())
    assert shards.add(3, played).name == "0003-100000.safetensors"
    assert same(shards.load(3), concatenate([first, played]))


@pytest.mark.parametrize(
    "name",
    [
        "00003.safetensors", "0003-1.safetensors", "0003-abc.safetensors", "³.safetensors",
        "0003.bak.safetensors", "0003-00001-00002.safetensors", "notes.safetensors",
        "0003.safetensors.txt",
    ],
)  # fmt: skip
def test_names_that_only_look_like_a_shard_s_are_left_alone(name, tmp_path, played):
    (tmp_path / name).write_bytes(b"mine")
    shards = Shards(tmp_path)
    shards.add(3, played)
    shards.seal(3)
    shards.drop_after(1)
    assert named_shard(name) is None and [path.name for path in tmp_path.iterdir()] == [name]


# Arrays from Ray's shared memory


def read_only(games: Games) -> Games:
    """ray#369, #5592, #9673: arrays that come out of the object store cannot be written."""
    arrays = [array.copy() for array in games]
    for array in arrays:
        array.flags.writeable = False
    return Games(*arrays)


def test_everything_that_takes_games_takes_arrays_that_cannot_be_written(tmp_path, played):
    tictactoe, games = library.load("tictactoe"), read_only(played)
    replays = []
    for given in (games, concatenate([games]), played):
        replay = Replay(tictactoe, ReplayConfig(window_min=50))
        replay.add(given)
        replay.add(given)
        rows = replay.draw(np.random.default_rng(3), replay.buffer(100))
        replays.append([array.copy() for array in rows])
    assert all(np.array_equal(a, b) for a, b in zip(replays[0], replays[2]))
    assert all(np.array_equal(a, b) for a, b in zip(replays[1], replays[2]))
    assert same(read_games(Shards(tmp_path, tictactoe).add(1, games), tictactoe), played)
    assert (
        of_games(games, tictactoe) == of_games(played, tictactoe)
        and games.sequences() == played.sequences()
    )
    assert same(games.part(1), played.part(1)) and games.rows == played.rows


def test_the_part_of_games_from_one_on_is_as_if_the_others_had_never_been(played):
    later = played.part(2)
    assert same(concatenate([played.part(0), later]).part(played.count), later)
    assert later.sequences() == played.sequences()[2:] and later.count == played.count - 2
    assert later.rows == int((played.origin[played.first_move[2] :] == SEARCHED).sum())


def test_a_folder_that_is_not_there_yet_has_no_games(tmp_path):
    """Whoever looks on may come before the run has made it."""
    shards = Shards(tmp_path / "games")
    assert shards.load(1) is None and shards.counts() == (0, 0)
