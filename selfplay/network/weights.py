"""A network's weights as named arrays: made new, taken out, and put into a network of the same
shape."""

import numpy as np
import torch
from torch import Tensor

from games.game import Game
from selfplay.config import LearnerConfig, NetworkConfig
from selfplay.network.network import Network, Shape
from selfplay.network.precision import measure_ranges, random_inputs


class Diverged(FloatingPointError):
    """Learning that has left the numbers: what it made cannot play, nor be learned on from."""


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
    network.ranges.copy_(measure_ranges(network, *map(torch.from_numpy, random_inputs(shape, 64))))
    return network


def weights_of(network: Network) -> dict[str, np.ndarray]:
    return {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in network.state_dict().items()
    }


def network_of(shape: Shape, weights: dict[str, np.ndarray]) -> Network:
    """A network with these weights; ValueError if they are another network's."""
    network = Network(shape)
    load_weights(
        network, {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    )
    return network.to(memory_format=torch.channels_last).eval()


def load_weights(network: Network, tensors: dict[str, Tensor]) -> None:
    """ValueError if they are another network's. Older ones have no ranges."""
    unknown = torch.full_like(network.ranges, torch.nan)
    try:
        network.load_state_dict({"ranges": unknown} | tensors)
    except RuntimeError as error:
        raise ValueError(
            f"these are the weights of another network: {str(error).splitlines()[-1].strip()}"
        ) from None
