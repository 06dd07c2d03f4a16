"""Shards that somebody altered: refused with the file's name and a reason, or harmless to the
kernels that play them again."""

import random
from pathlib import Path

import numpy as np

import games as library
from selfplay.config import ReplayConfig
from selfplay.learning.replay import Replay
from selfplay.storage.files import DamagedFile
from selfplay.storage.records import Shards, read_games
from tests.actors.test_actor import GUMBEL_PLAY, self_play
from tests.altered import mutated_file, refused
from tests.fuzz.kind import MEGABYTES, Kind

GAMES = ("tictactoe", "connect4", "go5")
ROWS = 64  # drawn from what is accepted


def prepare(folder: Path) -> dict:
    """Shards of a few games each, with and without options, and with the game's name or without, as
    older ones are."""
    files = []
    for number, game in enumerate(map(library.load, GAMES)):
        played, _ = self_play(game, GUMBEL_PLAY, games=3, steps=250)
        for named in (game, None):
            (folder / f"{number}").mkdir(exist_ok=True)
            path = Shards(folder / f"{number}", named).add(1, played)
            files.append((game.name, path.read_bytes()))
    return {"files": files, "path": folder / "0001.safetensors"}


def mutate(context: dict, rng: random.Random) -> dict:
    """{"game": whose games they should be, "data": the file}."""
    name, file = rng.choice(context["files"])
    others = [data for _, data in context["files"]]
    asked = name if rng.random() < 0.9 else rng.choice(GAMES)
    return {"game": asked, "data": mutated_file(file, others, rng)}


def attempt(context: dict, given: dict) -> bool:
    game, path = library.load(given["game"]), context["path"]
    path.write_bytes(given["data"])
    try:
        played = read_games(path, game)
    except DamagedFile as error:
        return refused(error, path)
    if not played.rows:
        return True
    replay = Replay(game, ReplayConfig(window_min=10))
    replay.add(played)
    drawn = replay.draw(np.random.default_rng(1), replay.buffer(ROWS))
    assert all(np.isfinite(array).all() for array in drawn)
    return True


KIND = Kind(prepare, mutate, attempt, memory=64 * MEGABYTES)
