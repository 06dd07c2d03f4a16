"""The learner: distils what the search found into the network's first opinion."""

import copy
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from native.rows import TrainingBatch
from selfplay.config import LearnerConfig
from selfplay.learning.replay import Replay
from selfplay.network.network import DRAW, LOSS, WIN, Network, Output, expected_value
from selfplay.network.precision import learning_precision, measure_ranges
from selfplay.network.weights import Diverged, load_weights
from selfplay.storage.arrays import first_not_finite


def losses(output: Output, rows: dict[str, Tensor], config: LearnerConfig) -> dict[str, Tensor]:
    """The loss's named parts, each a mean over the batch, and their weighted `total`. Values are
    for the mover.

    policy   cross-entropy of the search's policy; illegal actions are masked
    outcome  cross-entropy of the game's end as win, draw or loss (one between them is shared out)
             0 where the game was not played on, as for owner and score
    value    squared error of P(win) - P(loss) against the target of `native.rows.compute_targets`
    owner    cross-entropy of each cell's final owner, if there is such a head; nobody's: half
    score    Huber loss of the final score, in sqrt(cells) points, if there is such a head
    kl       KL(search || network): the policy part less the search's own entropy; not in the total
    uniform  the policy part of equally likely legal actions; not in the total

    Where a game is even, outcome and value pull P(win) by outcome_weight / 2 and by value_weight.
    The search's value is mostly the network's own: in long games much weight on it keeps the
    network where it was, and far too unsure.
    """
    log_policy = output.policy.float().masked_fill(~rows["legal"], -1e9).log_softmax(1)  # [B, A]
    target = rows["policy"]
    policy = -(target * log_policy).sum(1).mean()
    entropy = -torch.special.xlogy(target, target).sum(1).mean()
    known, target = rows["outcome"].isfinite(), outcome_target(rows["outcome"].nan_to_num())
    outcome = -(target * output.outcome.float().log_softmax(1)).sum(1)  # [B]
    outcome = outcome.where(known, 0.0).mean()
    value = F.mse_loss(expected_value(output.outcome), rows["value"])
    total = (
        config.policy_weight * policy
        + config.outcome_weight * outcome
        + config.value_weight * value
    )
    parts = {
        "policy": policy,
        "outcome": outcome,
        "value": value,
        "kl": policy - entropy,
        "entropy": entropy,
    }
    parts["uniform"] = rows["legal"].sum(1).clamp(min=1).log().mean()
    if output.owner is not None:
        owner = F.binary_cross_entropy_with_logits(
            output.owner.float(), (1 + rows["owner"]) / 2, reduction="none"
        )
        parts["owner"] = owner.where(known[:, None], 0.0).mean()
        total = total + config.ownership_weight * parts["owner"]
    if output.score is not None:
        score = F.huber_loss(output.score.float(), rows["score"], reduction="none")
        parts["score"] = score.where(known, 0.0).mean()
        total = total + config.score_weight * parts["score"]
    return {"total": total, **parts}


def outcome_target(outcome: Tensor) -> Tensor:
    """Outcomes in [-1, 1] -> shares of win, draw and loss, f32[B, 3]; 0.5 is half a win and half a
    draw."""
    target = torch.zeros(len(outcome), 3, device=outcome.device)
    target[:, WIN] = outcome.clamp(min=0)
    target[:, LOSS] = (-outcome).clamp(min=0)
    target[:, DRAW] = 1 - outcome.abs()
    return target


def rate_at(config: LearnerConfig, step: int, progress: float) -> float:
    """The learning rate: a linear warm-up in steps, then level, then a cosine down over the run's
    last part."""
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    fallen = min(1.0, max(0.0, (progress - config.decay_from) / max(1e-9, 1.0 - config.decay_from)))
    cosine = 0.5 * (1 + math.cos(math.pi * fallen))
    return config.learning_rate * warm * (config.final_rate + (1 - config.final_rate) * cosine)


class Learner:
    """Trains `network`; `averaged` is the moving average of its weights, which plays and is
    measured."""

    def __init__(
        self, network: Network, config: LearnerConfig, precision: str = "auto", device: str = "cpu"
    ):
        """`precision` of the matrix products: fp32, bf16 (weights and sums stay fp32), or auto,
        which measures both."""
        self.config, self.device = config, torch.device(device)
        self.precision = learning_precision(network, config.batch, precision, device)
        self.network = network.to(self.device, memory_format=torch.channels_last).train()
        self.averaged = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.network, config.weight_decay),
            lr=config.learning_rate,
            betas=(0.9, config.beta2),
            fused=True,
        )
        self.step = 0

    def learn(
        self,
        replay: Replay,
        steps: int,
        random: np.random.Generator,
        progress: tuple[float, float],
        go_on: Callable[[], None] = lambda: None,
    ) -> dict:
        """`steps` steps on rows of the window; `progress` is the run's share done before and after.
        Mean losses. `go_on` is called before each step, and may raise what ends it.

        The losses' means are kept on the device and read once at the end, so that no step waits for
        a copy.
        """
        sums: dict[str, Tensor] = {}
        begin, end = progress
        for i, rows in enumerate(self._batches(replay, steps, random)):
            go_on()
            rate = rate_at(self.config, self.step, begin + (end - begin) * i / max(1, steps))
            for name, value in self._step(rows, rate).items():
                sums[name] = sums.get(name, 0) + value.detach()
        if steps:
            ranges = measure_ranges(self.averaged, rows["planes"], rows["scalars"])
            for network in (self.averaged, self.network):  # both, as one is the other's average
                network.ranges.copy_(ranges)
        means = {name: float(value) / steps for name, value in sums.items()}
        means["rate"] = rate if steps else 0.0
        if steps:
            self._refuse_not_finite(means, rows)
        return means

    @torch.no_grad()
    def judge(self, replay: Replay, random: np.random.Generator, batches: int = 4) -> dict:
        """{"kl", "outcome"}: mean losses of the averaged network on rows of the window's newest
        generation, under rows and symmetries that `random` draws."""
        buffer, found = replay.buffer(self.config.batch), []
        for _ in range(batches):
            rows = self._tensors(replay.draw(random, buffer, newest=True))
            output = self.averaged.forward_train(rows["planes"], rows["scalars"])
            parts = losses(output, rows, self.config)
            found.append([float(parts[name]) for name in ("kl", "outcome")])
        return dict(zip(("kl", "outcome"), np.mean(found, 0).tolist()))

    @torch.no_grad()
    def _refuse_not_finite(self, means: dict[str, float], rows: dict[str, Tensor]) -> None:
        """Diverged if a loss, a number of the learner's state or of the averaged network, or one of
        its answers to these rows is not finite."""
        answers = self.averaged(rows["planes"], rows["scalars"])
        answers = {"policy": answers.policy, "outcome": answers.outcome}
        averaged = self.averaged.state_dict() | {
            f"answered {name}": tensor for name, tensor in answers.items()
        }
        arrays = {f"loss {name}": np.array(value) for name, value in means.items()} | self.state()
        arrays |= {
            f"averaged {name}": tensor.float().cpu().numpy() for name, tensor in averaged.items()
        }
        if name := first_not_finite(arrays):
            raise Diverged(f"{name} is not finite")

    def _batches(
        self, replay: Replay, steps: int, random: np.random.Generator
    ) -> Iterator[dict[str, Tensor]]:
        buffer = replay.buffer(self.config.batch)
        for _ in range(steps):
            yield self._tensors(replay.draw(random, buffer))

    def _tensors(self, rows: TrainingBatch) -> dict[str, Tensor]:
        tensors = {
            name: torch.from_numpy(array).to(self.device) for name, array in rows._asdict().items()
        }
        shape = self.network.shape
        planes = tensors["planes"].view(-1, shape.planes, shape.rows, shape.columns)  # [B, P, H, W]
        tensors["planes"] = planes.contiguous(memory_format=torch.channels_last)
        return tensors

    def _step(self, rows: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            output = self.network.forward_train(rows["planes"], rows["scalars"])
        parts = losses(output, rows, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        parts["total"].backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        parts["clipped"] = (norm > self.config.max_grad_norm).float()
        self.optimizer.step()
        self.step += 1
        self._average()
        return parts

    @torch.no_grad()
    def _average(self) -> None:
        """averaged += (1 - a) * (network - averaged); a grows from 0 so that the start is soon
        forgotten."""
        a = min(self.config.ema_decay, self.step / (10 + self.step))
        mine = [t for t in self.averaged.state_dict().values() if t.is_floating_point()]
        news = [t for t in self.network.state_dict().values() if t.is_floating_point()]
        torch._foreach_lerp_(mine, news, 1 - a)

    def state(self) -> dict[str, np.ndarray]:
        """All that a restart needs, as flat named arrays."""
        arrays = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        names = {parameter: name for name, parameter in self.network.named_parameters()}
        for parameter, moments in self.optimizer.state.items():
            for key in ("exp_avg", "exp_avg_sq", "step"):
                arrays[f"{key}.{names[parameter]}"] = moments[key]
        arrays["learner.step"] = torch.tensor(self.step)
        return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in arrays.items()}

    def restore(self, arrays: dict[str, np.ndarray], averaged: Network) -> None:
        """Take up where `state` was called; ValueError if the arrays are those of another
        network."""
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        load_weights(self.network, strip("network.", tensors))
        load_weights(self.averaged, averaged.state_dict())
        for name, parameter in self.network.named_parameters():
            if f"exp_avg.{name}" in tensors:
                moments = {
                    key: tensors[f"{key}.{name}"].clone()
                    for key in ("exp_avg", "exp_avg_sq", "step")
                }
                for key in ("exp_avg", "exp_avg_sq"):
                    layout = {"memory_format": torch.channels_last} if parameter.dim() == 4 else {}
                    moments[key] = moments[key].to(self.device, **layout)
                # where the fused optimiser wants it
                moments["step"] = moments["step"].to(self.device)
                self.optimizer.state[parameter] = moments
        self.step = int(tensors["learner.step"])

    def begin_from(self, averaged: Network) -> None:
        """Go on from a network alone, whose optimiser's state was not kept."""
        for network in (self.network, self.averaged):
            load_weights(network, averaged.state_dict())


def strip(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def parameter_groups(network: Network, decay: float) -> list[dict]:
    """Weight decay acts on matrices and kernels, not on norms and biases."""
    decayed = [p for p in network.parameters() if p.dim() > 1]
    plain = [p for p in network.parameters() if p.dim() <= 1]
    return [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]
