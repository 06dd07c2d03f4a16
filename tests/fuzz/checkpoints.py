"""Checkpoints that somebody altered: refused with the file's name and a reason, before memory is
taken for a network that they make up; or a network that answers and a learner that goes on."""

import copy
import json
import math
import random
import shutil
from pathlib import Path

import numpy as np
import torch

import games as library
from games.game import Game
from selfplay import config_file
from selfplay.config import RunConfig
from selfplay.learning.learner import Learner
from selfplay.learning.replay import Replay
from selfplay.network.network import Shape
from selfplay.network.precision import random_inputs
from selfplay.network.weights import new_network, shape_for
from selfplay.storage import checkpoint
from selfplay.storage.checkpoint import Checkpoint
from selfplay.storage.files import DamagedFile
from tests.actors.test_actor import GUMBEL_PLAY, self_play
from tests.altered import mutated_file, refused
from tests.fuzz.kind import MEGABYTES, Kind

FILES = ("checkpoint.json", "weights.safetensors", "learner.safetensors")
VALUES = (
    None, True, 0, -1, 1, 2, 3, 30_000, 10**9, 2**63, 10**400, 0.5, -1.5, 1e308, math.nan, math.inf,
    "", "x", "x" * 10_000, "chess", "go19", "evil.py", [], [1], [[]], {}, {"a": 1},
)  # fmt: skip
TEXTS = (
    "",
    "{",
    "[]",
    "null",
    "[" * 100_000,
    '{"a":' * 100_000,
    "9" * 10_000,
    '{"format": "selfplay-checkpoint-1"}',
    "\x00",
)


def learned(seed: int) -> tuple[Game, RunConfig, Shape, Learner]:
    """A learner of a small network, begun with `seed`, that has made three steps."""
    game, settings = library.load("tictactoe"), config_file.load("dummy")
    shape = shape_for(game, settings.network, settings.learner)
    learner = Learner(new_network(shape, seed), settings.learner, "fp32")
    replay = Replay(game, settings.replay)
    replay.add(self_play(game, GUMBEL_PLAY)[0])
    learner.learn(replay, 3, np.random.default_rng(1), (0.0, 0.1))
    return game, settings, shape, learner


def prepare(folder: Path) -> dict:
    """A tiny checkpoint that has learned a few steps."""
    game, settings, shape, learner = learned(1)
    here = Checkpoint(
        folder / "0002",
        game.name,
        2,
        shape,
        settings,
        {"generation": 2},
        {"rows": 9, "seconds": 1.5},
    )
    path = checkpoint.write(folder, here, learner.averaged, learner.state())
    files = {name: (path / name).read_bytes() for name in FILES}
    return {"files": files, "path": folder / "altered", "learner": learner}


def mutate(context: dict, rng: random.Random) -> dict:
    """{file's name: its bytes}, one or two of them altered."""
    files = dict(context["files"])
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(FILES)
        others = [context["files"]["weights.safetensors"], context["files"]["learner.safetensors"]]
        files[name] = (
            mutated_facts(files[name], rng)
            if name == FILES[0]
            else mutated_weights(files[name], others, rng)
        )
    return files


def mutated_weights(file: bytes, others: list[bytes], rng: random.Random) -> bytes:
    try:
        return mutated_file(file, others, rng)
    except Exception:  # altered twice: it was no file any more after the first time
        return file[: len(file) // 2]


def mutated_facts(file: bytes, rng: random.Random) -> bytes:
    """Other values, with a right checksum; or bytes as they come."""
    if rng.random() < 0.2:
        data = bytearray(file or b"{}")  # a first change may have left nothing
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data) if rng.random() < 0.7 else rng.choice(TEXTS).encode()
    try:
        facts = json.loads(file)
    except (ValueError, RecursionError):
        return file
    if not isinstance(facts, dict):
        return file
    facts = copy.deepcopy(facts)
    for _ in range(rng.choice((1, 1, 2))):
        alter(facts, rng)
    facts.pop("crc32", None)
    try:
        return json.dumps(facts | {"crc32": checkpoint.checksum(facts)}).encode()
    except ValueError:  # numbers of more digits than Python prints
        return file[:-1]


def alter(facts: dict, rng: random.Random) -> None:
    """Another value, a missing key or one more, somewhere in the tree."""
    here = facts
    while True:
        key = rng.choice(sorted(here)) if here else "new"
        if not isinstance(here.get(key), dict) or not here[key] or rng.random() < 0.1:
            break
        here = here[key]
    if rng.random() < 0.15:
        here.pop(key, None)
    else:
        here[rng.choice((key, key, key, key, "more"))] = rng.choice(VALUES)
    if (
        rng.random() < 0.3
        and isinstance(facts.get("shape"), dict)
        and isinstance(facts.get("config"), dict)
    ):
        blocks, channels = (
            rng.choice((1, 2, 7, 1000, 10**9)),
            rng.choice((0, -1, 1, 2, 30, 10_000, 30_000)),
        )
        facts["shape"] |= {"blocks": blocks, "channels": channels}
        if isinstance(facts["config"].get("network"), dict):
            facts["config"]["network"] |= {"blocks": blocks, "channels": channels}


def attempt(context: dict, files: dict) -> bool:
    path, learner = context["path"], context["learner"]
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    try:
        found = checkpoint.read(path)
        network, state = found.network(), found.learner()
    except DamagedFile as error:
        return refused(error, path)
    planes, scalars = random_inputs(found.shape, 2)
    shape = found.shape
    with torch.inference_mode():
        answer = network(
            torch.from_numpy(planes).view(2, shape.planes, shape.rows, shape.columns),
            torch.from_numpy(scalars),
        )
    assert answer.policy.shape == (2, shape.actions)
    if shape == learner.network.shape:
        learner.restore(state, network)
    return True


KIND = Kind(prepare, mutate, attempt, memory=64 * MEGABYTES)
