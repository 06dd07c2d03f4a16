"""Checkpoints: a folder of weights (safetensors) and facts (JSON), written beside its place and renamed into it.

NNNN/checkpoint.json          what it is: game, network shape, generation, configuration, its line of the ledger
NNNN/weights.safetensors      the averaged weights, which play
NNNN/learner.safetensors      what the learner needs to go on; kept for the newest generations only
"""

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from games.game import Game
from selfplay.config import LearnerConfig, NetworkConfig, RunConfig
from selfplay.files import DamagedFile, publish_folder, read_arrays, read_json, write_arrays, write_json
from selfplay.inference import made_up, measure_ranges
from selfplay.learner import load_weights
from selfplay.network import Network, Shape

FORMAT = "selfplay-checkpoint-1"


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

    def learner(self) -> dict[str, np.ndarray]:
        return read_arrays(self.path / "learner.safetensors")


def shape_for(game: Game, config: NetworkConfig, learner: LearnerConfig | None = None) -> Shape:
    """The shape of a network for a game; it has heads for what `learner` gives weight to."""
    layout = game.layout
    return Shape(
        rows=game.rows,
        columns=game.columns,
        planes=game.planes,
        scalars=game.scalars,
        layout=layout.kind,
        action_planes=layout.planes,
        extra_actions=layout.extra,
        blocks=config.blocks,
        channels=config.channels,
        owner=learner is not None and learner.ownership_weight > 0,
        score=learner is not None and learner.score_weight > 0,
    )


def new_network(shape: Shape, seed: int) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(shape).to(memory_format=torch.channels_last)
    network.ranges.copy_(measure_ranges(network, *map(torch.from_numpy, made_up(shape, 64))))
    return network


def weights_of(network: Network) -> dict[str, np.ndarray]:
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in network.state_dict().items()}


def network_of(shape: Shape, weights: dict[str, np.ndarray]) -> Network:
    """A network with these weights; ValueError if they are another network's."""
    network = Network(shape)
    load_weights(network, {name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    return network.to(memory_format=torch.channels_last).eval()


def read_network(path: Path, shape: Shape) -> Network:
    try:
        return network_of(shape, read_arrays(path))
    except ValueError as error:
        raise DamagedFile(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def write(folder: Path, checkpoint: Checkpoint, averaged: Network, learner: dict[str, np.ndarray]) -> Path:
    """Write `folder`/NNNN whole or not at all; returns its path."""
    final = folder / f"{checkpoint.generation:04d}"
    temporary = folder / f".{final.name}.tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    write_arrays(temporary / "weights.safetensors", weights_of(averaged))
    write_arrays(temporary / "learner.safetensors", learner)
    facts = {
        "format": FORMAT,
        "game": checkpoint.game,
        "generation": checkpoint.generation,
        "shape": asdict(checkpoint.shape),
        "config": msgspec.to_builtins(checkpoint.config),
        "progress": checkpoint.progress,
        "ledger": checkpoint.ledger,
    }
    write_json(temporary / "checkpoint.json", facts | {"crc32": checksum(facts)})
    publish_folder(temporary, final)
    return final


def read(path: Path) -> Checkpoint:
    """The facts of one checkpoint folder. DamagedFile if they are not there or not whole."""
    facts = read_json(path / "checkpoint.json")
    stated = facts.pop("crc32", None)
    if stated != checksum(facts) and facts.get("format") == FORMAT:
        raise DamagedFile(f"{path}/checkpoint.json is damaged: its checksum does not match")
    if facts.get("format") != FORMAT:
        raise DamagedFile(f"{path} is not a checkpoint of this program (format {facts.get('format')!r})")
    try:
        return Checkpoint(
            path=path,
            game=facts["game"],
            generation=facts["generation"],
            shape=Shape(**facts["shape"]),
            config=msgspec.convert(facts["config"], RunConfig),
            ledger=facts["ledger"],
            progress=facts["progress"],
        )
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise DamagedFile(f"{path}/checkpoint.json is damaged: {error}") from None


def checksum(facts: dict) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())


def all_in(folder: Path) -> list[Path]:
    """Published checkpoints of a run's `checkpoints` folder, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if path.name.isdigit() and path.is_dir())


def find(text: str) -> Checkpoint:
    """A checkpoint folder, or a run's newest checkpoint whose facts are whole. ValueError with one line if there is none."""
    path = Path(text)
    if (path / "checkpoint.json").exists():
        return read(path)
    for candidate in reversed(all_in(path / "checkpoints")):
        try:
            return read(candidate)
        except DamagedFile:
            continue
    raise ValueError(f"{text!r} is neither a checkpoint nor a run")


def drop_learner_states(folder: Path, keep: int = 2) -> None:
    """Only the newest checkpoints can be gone on from; the others keep what plays."""
    for path in all_in(folder)[:-keep]:
        (path / "learner.safetensors").unlink(missing_ok=True)
