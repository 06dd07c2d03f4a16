"""What diverged is never stored, and the run goes on from what it was before
(DeepFilterNet#30: checked for NaN before writing; muzero-general#40, #118)."""

import io
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from selfplay import config_file
from selfplay.commands import training
from selfplay.config import RunConfig
from selfplay.learning import loop
from selfplay.learning.progress import ProgressReporter
from selfplay.network.network import Network
from selfplay.network.weights import Diverged
from selfplay.storage import checkpoint, divergence
from selfplay.storage.ledger_file import read_ledger
from selfplay.storage.run import Run
from selfplay.storage.run_settings import changed
from tests.learning.test_loop import SMALL, settings, train
from tests.storage.run.train import command

WILD = [
    "learner.learning_rate=10", "learner.max_grad_norm=1000000", "learner.weight_decay=0.3",
    "learner.warmup=0", "generations=6", "learner.batch=64", "replay.rows_per_generation=200",
    "search.simulations=[4]", "actor.local_actors=1", "network.channels=8",
]  # fmt: skip


def wild() -> RunConfig:
    return config_file.parse(SMALL, WILD)


def all_finite(folder: Path) -> bool:
    return all(
        tensor.isfinite().all()
        for path in checkpoint.all_in(folder / "checkpoints")
        for tensor in checkpoint.read(path).network().state_dict().values()
    )


@pytest.fixture(scope="module")
def diverged(tmp_path_factory):
    """A run that diverged, and what it said."""
    folder = tmp_path_factory.mktemp("runs") / "diverged"
    with pytest.raises(FloatingPointError) as end:
        train(folder, wild())
    return folder, str(end.value)


def test_a_run_that_diverged_stores_nothing_of_it_says_what_to_change_and_goes_on(
    diverged, tmp_path
):
    folder = tmp_path / "a run"
    shutil.copytree(diverged[0], folder)
    said = (
        "learning has diverged in generation .*; checkpoint 0000 is the last good one and stays: "
        "go on from it more slowly: "
    )
    assert re.match(
        f"{said}selfplay train --resume --out .* --set learner.learning_rate=0.002", diverged[1]
    )
    with pytest.raises(
        FloatingPointError, match=f"{said}selfplay train --resume --out '.*a run' --set"
    ):
        train(folder, wild())  # the same command again ends in the same way, and loses nothing
    assert all_finite(folder)
    newest = command(folder, "learner.learning_rate=0.002", "learner.max_grad_norm=2")
    assert newest.generation == 6 and all_finite(folder)
    entries = read_ledger(folder)
    assert [entry["generation"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert not any(divergence.worse_than_nothing(entry) for entry in entries)
    assert all(
        math.isfinite(value)
        for entry in entries
        for value in entry.values()
        if isinstance(value, float)
    )


def test_games_of_a_network_that_diverged_are_not_learned_from(diverged, tmp_path):
    """Going back to checkpoint 0, the games that network 0 played are used again, those of later
    networks go."""
    shutil.copytree(diverged[0], tmp_path, dirs_exist_ok=True)
    kept = (tmp_path / "games" / "0001.safetensors").read_bytes()
    slower = changed(wild(), ["learner.learning_rate=0.002"])
    with Run(tmp_path, slower, may_change=True) as opened:
        # as older versions did: the network is enough
        (tmp_path / "checkpoints/0000/learner.safetensors").unlink()
        state, newest = loop.start_or_resume(
            opened, ProgressReporter(tmp_path, 6, stream=io.StringIO())
        )
        assert newest.generation == 0 and torch.equal(
            state.learner.network.place, newest.network().place
        )
        # network 0 played two generations, the second while the first was learned
        names = sorted(path.name for path in (tmp_path / "games").iterdir())
        assert names == ["0001.safetensors", "0002.safetensors"]
    assert (tmp_path / "games" / "0001.safetensors").read_bytes() == kept


def test_a_network_whose_answers_are_not_finite_is_moved_aside(run, monkeypatch):
    """Its weights are, so only play can tell. What was learned from its generation on goes too."""
    load = training.LocalPool.load

    def refuse_two(pool, weights, generation, simulations):
        if generation == 2:
            raise FloatingPointError(
                "the network answers with numbers that are not finite: learning has diverged"
            )
        return load(pool, weights, generation, simulations)

    monkeypatch.setattr(training.LocalPool, "load", refuse_two)
    for _ in range(2):  # the second time from 0001, and over the first one's 0002.diverged
        with pytest.raises(
            Diverged,
            match="diverged in generation [34] .*checkpoint 0001 is the last good one and stays",
        ):
            command(run, "generations=4")
        assert [path.name for path in checkpoint.all_in(run / "checkpoints")] == ["0000", "0001"]
    monkeypatch.undo()
    assert command(run, "learner.learning_rate=0.001").generation == 4


@pytest.mark.parametrize(
    ("name", "value"), [("place", torch.nan), ("stem.1.running_var", torch.inf)]
)
def test_no_learner_goes_on_after_a_number_that_is_not_finite(run, name, value):
    with Run(run, settings(generations=2)) as opened:
        state, _ = loop.start_or_resume(opened, ProgressReporter(run, 2, stream=io.StringIO()))
        with torch.no_grad():
            state.learner.network.state_dict()[name].fill_(value)
        with pytest.raises(Diverged, match="is not finite"):
            state.learner.learn(state.replay, 2, np.random.default_rng(1), (0.0, 0.1))


def test_learning_that_is_finite_and_useless_is_said_after_three_generations_and_now_and_then():
    watch = divergence.Watch()
    useless = {"loss_policy": 1.7, "loss_uniform": 1.7, "loss_outcome": 111.0, "loss_value": 0.17}
    said = [watch.look(useless) for _ in range(24)]
    assert [index + 1 for index, line in enumerate(said) if line] == [3, 13, 23]
    assert (
        "for 3 generations the loss of the outcome was 111, and a network that knows nothing has "
        "1.1" in said[2]
    )
    good = {"loss_policy": 1.4, "loss_uniform": 1.7, "loss_outcome": 0.9, "loss_value": 0.4}
    for sequence in (
        [good] * 40,
        [useless, useless, good] * 9,
        [{}] * 9,
        [{"generation": 1, "loss_value": "x"}] * 9,
    ):
        watch = divergence.Watch()
        assert not any(watch.look(entry) for entry in sequence)
    for name, value in (("policy", 2.7), ("value", 1.6), ("outcome", 2.3)):
        assert name in divergence.worse_than_nothing(good | {f"loss_{name}": value})


def test_a_network_that_knows_nothing_loses_what_the_watch_takes_for_nothing(run):
    """Untrained, it is within a tenth of uniform; so a new run raises no alarm."""
    from selfplay.learning.learner import losses

    with Run(run, settings(generations=2)) as opened:
        state, _ = loop.start_or_resume(opened, ProgressReporter(run, 2, stream=io.StringIO()))
    learner, shape = state.learner, state.learner.network.shape
    rows = learner._tensors(state.replay.draw(np.random.default_rng(1), state.replay.buffer(200)))
    torch.manual_seed(0)
    parts = losses(
        Network(shape).forward_train(rows["planes"], rows["scalars"]), rows, learner.config
    )
    parts = {name: value.item() for name, value in parts.items()}
    assert parts["policy"] == pytest.approx(parts["uniform"], rel=0.15)
    assert parts["uniform"] == pytest.approx(np.log(rows["legal"].sum(1).numpy()).mean())
    assert parts["outcome"] == pytest.approx(math.log(3), rel=0.2) and parts["value"] < 1.1
    assert not divergence.worse_than_nothing(
        {f"loss_{name}": value for name, value in parts.items()}
    )
