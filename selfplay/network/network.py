"""The network: a residual trunk with global pooling, two heads that play and two that only help to
learn.

Knows shapes, not games. Input is seen from the mover's side. Output is logits: a policy over the
game's actions (illegal ones are masked where the policy is used: in the search's `expand` and in
the loss) and win, draw, loss for the MOVER. Axes: B batch, P planes, K scalars, C channels, H rows,
W columns, A actions.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIN, DRAW, LOSS = 0, 1, 2  # order of the outcome logits, for the mover
OUTCOME_PLANES = 8  # planes of the whole board from which the outcome is read


@dataclass(frozen=True)
class Shape:
    """The architecture of a network: two networks with equal Shape can load each other's
    weights."""

    rows: int
    columns: int
    planes: int
    scalars: int
    layout: str  # "cells" or "columns", see games.game.Layout
    action_planes: int
    extra_actions: int
    blocks: int
    channels: int
    # does it learn who owns each cell at the end? (absent in older checkpoints)
    owner: bool = False
    score: bool = False  # and the end's score?

    @property
    def actions(self) -> int:
        places = self.rows * self.columns if self.layout == "cells" else self.columns
        return places * self.action_planes + self.extra_actions


class Output(NamedTuple):
    policy: Tensor  # logits [B, A]
    outcome: Tensor  # logits [B, 3]: win, draw, loss for the mover
    # logits [B, H * W] that a cell ends as the mover's; only to learn from
    owner: Tensor | None = None
    # [B], of the game's end for the mover, in sqrt(H * W) points; only to learn from
    score: Tensor | None = None


class Pooling(nn.Module):
    """Mean and maximum over the board: what each channel says of the whole position (KataGo, Wu
    2019, section 3.3)."""

    def forward(self, x: Tensor) -> Tensor:
        # in bf16 up to ten times as fast as x.amax((2, 3))
        highest = F.max_pool2d(x, x.shape[2:]).flatten(1)
        return torch.cat([x.mean((2, 3)), highest], 1)  # [B, C, H, W] -> [B, 2C]


class Block(nn.Module):
    """Two convolutions around which the input is carried; with `pools`, the first one's summary
    shifts its channels."""

    def __init__(self, channels: int, pools: bool):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels)
        self.summary = (
            nn.Sequential(Pooling(), nn.Linear(2 * channels, channels)) if pools else None
        )
        nn.init.zeros_(self.second[1].weight)  # a block begins as the identity

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.first(x))
        if self.summary is not None:
            h = h + self.summary(h)[:, :, None, None]
        return F.relu(x + self.second(h))


class PolicyHead(nn.Module):
    """Logits for actions that lie on cells or in columns, then for those that lie nowhere (a
    pass)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.by_column = shape.layout == "columns"
        self.mix = convolution(shape.channels, shape.channels, kernel=1)
        inputs = shape.channels * (shape.rows if self.by_column else 1)
        self.places = nn.Linear(inputs, shape.action_planes)
        self.extra = None
        if shape.extra_actions:
            self.extra = nn.Sequential(
                Pooling(), nn.Linear(2 * shape.channels, shape.extra_actions)
            )

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.mix(x))
        if self.by_column:
            places = h.permute(0, 3, 2, 1).flatten(2)  # [B, W, H * C]
        else:
            places = h.permute(0, 2, 3, 1).flatten(1, 2)  # [B, H * W, C]
        logits = self.places(places).transpose(1, 2).flatten(1)  # [B, action planes * places]
        return logits if self.extra is None else torch.cat([logits, self.extra(h)], 1)


class OutcomeHead(nn.Module):
    """Win, draw, loss, from a few planes of the whole board (AlphaGo Zero's head, Silver et al.
    2017): what a threat is worth depends on where it lies. What follows `mix` works in the
    precision of its own weights: fp32 even where the trunk is bf16, asked
    (`selfplay.network.precision`) or learned from (under autocast), whose 8 bits would make all
    close values equal.

    Who will own each cell is read from the same planes, and the score from the same hidden layer
    (KataGo, Wu 2019, section 4.1): an outcome is one number a game, owners are one a cell, and they
    teach the planes what the outcome is made of.
    """

    def __init__(self, shape: Shape, planes: int = OUTCOME_PLANES, hidden: int = 64):
        super().__init__()
        self.mix = convolution(shape.channels, planes, kernel=1)
        cells = shape.rows * shape.columns
        self.decide = nn.Sequential(
            nn.Linear(planes * cells, hidden), nn.ReLU(), nn.Linear(hidden, 3)
        )
        self.owner = nn.Conv2d(planes, 1, 1) if shape.owner else None
        self.score = nn.Linear(hidden, 1) if shape.score else None

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.mix(x)).flatten(1)  # [B, C, H, W] -> [B, planes * H * W]
        with torch.autocast(h.device.type, enabled=False):
            return self.decide(h.to(self.decide[0].weight.dtype))  # [B, 3]

    def forward_train(self, x: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """(outcome [B, 3], owner [B, H * W], score [B]); None for what the network has no head
        for."""
        h = F.relu(self.mix(x))  # [B, planes, H, W]
        with torch.autocast(h.device.type, enabled=False):
            h = h.to(self.decide[0].weight.dtype)
            hidden = self.decide[:2](h.flatten(1))  # [B, hidden]
            owner = None if self.owner is None else self.owner(h).flatten(1)
            score = None if self.score is None else self.score(hidden).squeeze(1)
            return self.decide[2](hidden), owner, score


class Network(nn.Module):
    """A residual network. Every second block pools over the board, so that information crosses it.

    A new head or block must also be written in `openvino_backend`, which builds the same graph
    layer by layer.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.stem = convolution(shape.planes, shape.channels)
        # A learned bias for each cell of the board.
        self.place = nn.Parameter(torch.zeros(1, shape.channels, shape.rows, shape.columns))
        self.scalar_bias = nn.Linear(shape.scalars, shape.channels) if shape.scalars else None
        self.blocks = nn.ModuleList(
            Block(shape.channels, pools=i % 2 == 1) for i in range(shape.blocks)
        )
        self.policy = PolicyHead(shape)
        self.outcome = OutcomeHead(shape)
        self.register_buffer("ranges", torch.full((len(self.conv_layers()), 2), torch.nan))

    def conv_layers(self) -> list[nn.Conv2d]:
        """The convolutions of `forward`, in the order in which it asks them; `ranges` f32[kernels,
        2] is what the input of each spans, lowest and highest, which 8-bit inference must know. NaN
        until it was measured (`selfplay.network.precision`)."""
        trunk = [layer for block in self.blocks for layer in (block.first, block.second)]
        return [layer[0] for layer in (self.stem, *trunk, self.policy.mix, self.outcome.mix)]

    def forward(self, planes: Tensor, scalars: Tensor) -> Output:
        """planes [B, P, H, W], scalars [B, K] -> logits of policy and outcome: what the search
        asks."""
        x = self.trunk(planes, scalars)
        return Output(self.policy(x), self.outcome(x))

    def forward_train(self, planes: Tensor, scalars: Tensor) -> Output:
        """As `forward`, with owner and score too: what the learner asks."""
        x = self.trunk(planes, scalars)
        return Output(self.policy(x), *self.outcome.forward_train(x))

    def trunk(self, planes: Tensor, scalars: Tensor) -> Tensor:
        """[B, P, H, W] and [B, K] -> [B, C, H, W]."""
        x = self.stem(planes) + self.place  # [B, C, H, W]
        if self.scalar_bias is not None:
            x = x + self.scalar_bias(scalars)[:, :, None, None]
        x = F.relu(x)
        for block in self.blocks:
            x = block(x)
        return x


def convolution(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """A convolution that keeps the board's size, and its normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.01),
    )


def expected_value(outcome_logits: Tensor) -> Tensor:
    """[B, 3] -> [B]: P(win) - P(loss) for the mover."""
    probabilities = outcome_logits.float().softmax(-1)
    return probabilities[..., WIN] - probabilities[..., LOSS]


def operations(shape: Shape) -> int:
    """Floating-point operations of one position's evaluation, convolutions alone (two per
    multiply-add)."""
    cells, c = shape.rows * shape.columns, shape.channels
    return 2 * cells * c * (9 * shape.planes + 18 * c * shape.blocks + c + OUTCOME_PLANES)
