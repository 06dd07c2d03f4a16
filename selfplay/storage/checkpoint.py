"""Checkpoints: a folder of weights (safetensors) and facts (JSON), written beside its place and
renamed into it.

NNNN/checkpoint.json          game, network shape, generation, configuration, ledger entry
NNNN/weights.safetensors      the averaged weights, which play
NNNN/learner.safetensors      what the learner needs to go on; kept for the newest generations only
"""

import json
import logging
import re
import shutil
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from games.game import Game
from games.quoting import quoted
from selfplay.config import RunConfig, check, located, portable
from selfplay.config_file import upgrade
from selfplay.messages import sentence
from selfplay.network.network import Network, Shape
from selfplay.network.weights import Diverged, network_of, shape_for, weights_of
from selfplay.storage.arrays import write_arrays
from selfplay.storage.files import DamagedFile, publish_folder, read_json, remove, write_json
from selfplay.storage.weight_check import (
    check_numbers,
    check_shape,
    read_learner_state,
    read_weights,
)

FORMAT = "selfplay-checkpoint-1"
MOST_GENERATIONS = 10**7  # and seconds, as no run has them
MOST_SECONDS = 10**11
MOST_ROWS = 10**15
NUMBERED = re.compile("[0-9]{4,8}")


@dataclass(frozen=True)
class Checkpoint:
    path: Path
    game: str
    generation: int
    shape: Shape
    config: RunConfig
    ledger: dict  # this generation's entry
    progress: dict  # rows and seconds so far

    def network(self) -> Network:
        """The averaged network. DamagedFile if the weights are not whole."""
        return read_network(self.path / "weights.safetensors", self.shape)

    def check_weights(self) -> None:
        """DamagedFile if the weights are not whole, another network's, or not finite."""
        read_weights(self.path / "weights.safetensors", self.shape)

    @property
    def has_learner(self) -> bool:
        """Was the learner's state kept? (See `drop_learner_states`.)"""
        return (self.path / "learner.safetensors").exists()

    def learner(self) -> dict[str, np.ndarray]:
        """The learner's state. DamagedFile as for the weights."""
        return read_learner_state(self.path / "learner.safetensors", self.shape)


class Facts(msgspec.Struct):
    """What checkpoint.json holds, beside its format and checksum."""

    game: str
    generation: int
    shape: Shape
    config: RunConfig
    progress: dict
    ledger: dict


def read_network(path: Path, shape: Shape) -> Network:
    """DamagedFile as `Checkpoint.network`; no network is made before its weights are known to
    fit."""
    return network_of(shape, read_weights(path, shape))


def write(
    folder: Path, checkpoint: Checkpoint, averaged: Network, learner: dict[str, np.ndarray]
) -> Path:
    """Write `folder`/NNNN whole or not at all; returns its path. Diverged if one of the numbers is
    not finite: from such a checkpoint nothing could go on."""
    weights = weights_of(averaged)
    try:
        check_numbers(weights)
        check_numbers(learner)
    except ValueError as error:
        raise Diverged(str(error)) from None
    final = folder / f"{checkpoint.generation:04d}"
    temporary = folder / f".{final.name}.tmp"
    remove(temporary)
    temporary.mkdir()
    try:
        write_arrays(temporary / "weights.safetensors", weights)
        write_arrays(temporary / "learner.safetensors", learner)
        write_json(temporary / "checkpoint.json", facts_of(checkpoint))
        publish_folder(temporary, final)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return final


def facts_of(checkpoint: Checkpoint) -> dict:
    """What checkpoint.json holds, with its checksum."""
    facts = {
        "format": FORMAT,
        "game": portable(checkpoint.config).game,
        "generation": checkpoint.generation,
        "shape": asdict(checkpoint.shape),
        "config": msgspec.to_builtins(portable(checkpoint.config)),
        "progress": checkpoint.progress,
        "ledger": checkpoint.ledger,
    }
    return facts | {"crc32": checksum(facts)}


def read(path: Path) -> Checkpoint:
    """The facts of one checkpoint folder. DamagedFile if they are not there or not whole."""
    facts = read_json(path / "checkpoint.json")
    if facts.get("format") != FORMAT:
        raise DamagedFile(
            f"{path} is not a checkpoint of this program (format {quoted(facts.get('format'))})"
        )
    try:
        if facts.pop("crc32", None) != checksum(facts):
            raise ValueError("its checksum does not match")
        if isinstance(facts.get("config"), dict):
            upgrade(facts["config"])  # older versions wrote other fields
        found = msgspec.convert(facts, Facts)
        check_facts(found)
    except (ValueError, RecursionError) as error:  # msgspec's errors are of the first kind
        raise DamagedFile(f"{path}/checkpoint.json is damaged: {sentence(error)}") from None
    settings = located(found.config, path.absolute().parent.parent)
    return Checkpoint(
        path, found.game, found.generation, found.shape, settings, found.ledger, found.progress
    )


def check_facts(facts: Facts) -> None:
    """ValueError for what no run could have stored: the checksum proves nothing about a file that
    somebody made up."""
    check(facts.config)
    check_shape(facts.shape)
    network, learner = facts.config.network, facts.config.learner
    stated = {name: getattr(facts.shape, name) for name in ("blocks", "channels", "owner", "score")}
    implied = {
        "blocks": network.blocks,
        "channels": network.channels,
        "owner": learner.ownership_weight > 0,
        "score": learner.score_weight > 0,
    }
    if stated != implied:
        raise ValueError(f"the shape says {stated}, the configuration {implied}")
    if facts.game != facts.config.game:
        raise ValueError(
            f"it is of {quoted(facts.game)}, its configuration of {quoted(facts.config.game)}"
        )
    _check_count("generation", facts.generation, MOST_GENERATIONS)
    _check_count("rows", facts.progress.get("rows"), MOST_ROWS)
    seconds = facts.progress.get("seconds")
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
        or not 0 <= seconds <= MOST_SECONDS
    ):
        raise ValueError(
            f"progress.seconds must lie between 0 and {MOST_SECONDS:g}, not {quoted(seconds)}"
        )


def _check_count(name: str, value: object, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 0, not {quoted(value)}")


def checksum(facts: dict) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def check_game(found: Checkpoint, game: Game) -> None:
    """DamagedFile if its network is not the one that its game and configuration imply."""
    if found.shape != shape_for(game, found.config.network, found.config.learner):
        raise DamagedFile(f"{found.path} has a network of another shape than {game.name} wants now")


def all_in(folder: Path) -> list[Path]:
    """Published checkpoints of a run's `checkpoints` folder, oldest first: by number, as 10000
    follows 9999."""
    found = {
        int(p.name): p for p in folder.glob("[0-9]*") if NUMBERED.fullmatch(p.name) and p.is_dir()
    }
    return [path for number, path in sorted(found.items()) if path.name == f"{number:04d}"]


def read_numbered(path: Path) -> Checkpoint:
    """As `read`, of a run's folder NNNN. DamagedFile if it holds another generation than its name
    says."""
    found = read(path)
    if found.generation != int(path.name):
        raise DamagedFile(f"{path} is damaged: it holds generation {found.generation}")
    return found


def find(text: str) -> Checkpoint:
    """A checkpoint folder, or a run's newest checkpoint that is whole and can play; newer ones that
    are not are named in a warning. ValueError with one line if there is none."""
    path = Path(text)
    if (path / "checkpoint.json").exists():
        return read(path)
    reason = None
    for candidate in reversed(all_in(path / "checkpoints")):
        try:
            found = read_numbered(candidate)
            found.check_weights()
            return found
        except DamagedFile as error:
            warn(f"skipped: {error}")
            reason = error
    if reason is not None:
        raise DamagedFile(f"no checkpoint in {path / 'checkpoints'} is whole ({reason})")
    raise ValueError(f"{quoted(text)} is neither a checkpoint nor a run")


@cache  # a command may look for the same checkpoint more than once
def warn(message: str) -> None:
    logging.getLogger("selfplay").warning(message)


def drop_learner_states(folder: Path, keep: int = 2, spared: int | None = None) -> None:
    """Only the newest checkpoints, and the one of generation `spared`, can be gone on from; the
    others keep what plays."""
    for path in all_in(folder)[:-keep]:
        if int(path.name) != spared:
            (path / "learner.safetensors").unlink(missing_ok=True)
