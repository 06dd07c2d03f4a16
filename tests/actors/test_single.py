"""Single searches: rows of positions after random plies, of games that nobody plays on."""

import numpy as np
import pytest
import torch

import games
from native.episodes import OPENING, SEARCHED, SelfPlayParams
from native.rows import (
    compute_targets,
    new_scratch,
    new_targets,
    new_training_batch,
    write_rows,
)
from selfplay.config import LearnerConfig, ReplayConfig
from selfplay.learning.learner import losses
from selfplay.learning.ledger import of_games
from selfplay.learning.replay import Replay
from selfplay.network.network import Output
from selfplay.storage.records import Shards
from tests.actors.test_actor import GUMBEL_PLAY, self_play

SHARE = 0.4


@pytest.fixture(scope="module")
def connect4():
    return games.load("connect4")


@pytest.fixture(scope="module")
def played(connect4):
    plan = SelfPlayParams(4, 0.5, 6, 0.75, 0.15, 7.0, single_share=SHARE, single_plies=15)
    return self_play(connect4, GUMBEL_PLAY, games=8, steps=4000, plan=plan)[0]


def test_a_single_search_is_random_plies_one_search_and_nothing_more(connect4, played):
    plies = []
    for index, (begin, end) in enumerate(zip(played.first_move, played.first_move[1:])):
        origin = played.origin[begin:end]
        searched = int((origin == SEARCHED).sum())
        position = connect4.start()
        for move in played.action[begin:end]:
            position.play(int(move))
        if np.isnan(played.outcome[index]):
            assert searched == 1 and origin[-1] == SEARCHED and (origin[:-1] == OPENING).all()
            assert position.outcome is None
            plies.append(len(origin) - 1)
        else:
            assert position.outcome == played.outcome[index]
    assert min(plies) == 0 and max(plies) == 15
    assert 6.5 < np.mean(plies) < 8.5


def test_they_have_their_share_of_the_searches(played):
    singles = int(np.isnan(played.outcome).sum())
    assert 0.35 < singles / played.rows < 0.45


def test_without_a_share_games_are_what_they_were(connect4):
    plans = [
        SelfPlayParams(4, 0.5, 6, 0.75, 0.15, 7.0, single_share=0.0, single_plies=plies)
        for plies in (0, 30)
    ]
    first, second = (self_play(connect4, GUMBEL_PLAY, plan=plan)[0] for plan in plans)
    assert first.sequences() == second.sequences() and np.isfinite(first.outcome).all()


def test_their_rows_teach_policy_and_value_and_no_outcome(connect4, played):
    targets = new_targets(played.count, len(played.action), connect4.cells)
    scratch = new_scratch(connect4.state_bytes, connect4.planes, connect4.cells, connect4.actions)
    compute_targets(connect4.rules, played.moves(), 0.3, scratch[0], targets)
    single = np.flatnonzero(np.isnan(played.outcome))
    last = played.first_move[single + 1] - 1
    np.testing.assert_allclose(targets.value[last], played.value[last], atol=1e-6)
    batch = new_training_batch(
        len(single), connect4.planes, connect4.cells, connect4.scalars, connect4.actions
    )
    write_rows(
        connect4.rules,
        played.moves(),
        targets,
        single,
        last,
        np.zeros(len(single), np.int64),
        connect4.cell_maps,
        connect4.action_maps,
        scratch,
        batch,
    )
    assert np.isnan(batch.outcome).all() and np.isfinite(batch.value).all()
    np.testing.assert_allclose(batch.policy.sum(1), 1.0, atol=1e-5)


def test_the_loss_leaves_out_outcomes_that_nobody_knows():
    """Of two rows one was played to its end: its gradient is what it is alone."""
    random = np.random.default_rng(1)
    rows = {
        "legal": torch.ones(2, 7, dtype=torch.bool),
        "policy": torch.full((2, 7), 1 / 7),
        "outcome": torch.tensor([1.0, torch.nan]),
        "value": torch.tensor([0.4, -0.2]),
        "owner": torch.zeros(2, 42),
        "score": torch.zeros(2),
    }

    def outputs():
        made = {"policy": (2, 7), "outcome": (2, 3), "owner": (2, 42), "score": (2,)}
        return Output(
            **{
                name: torch.tensor(
                    random.normal(size=size), dtype=torch.float32, requires_grad=True
                )
                for name, size in made.items()
            }
        )

    output = outputs()
    config = LearnerConfig(value_weight=0.0, ownership_weight=1.0, score_weight=1.0)
    parts = losses(output, rows, config)
    parts["total"].backward()
    alone = -output.outcome[0].log_softmax(0)[0] / 2  # a mean over two rows
    assert parts["outcome"].item() == pytest.approx(alone.item(), abs=1e-6)
    for tensor in (output.outcome, output.owner, output.score):
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad[0].abs().sum() > 0 and tensor.grad[1].abs().sum() == 0


def test_they_are_stored_read_and_drawn_and_a_false_end_is_refused(connect4, played, tmp_path):
    shards = Shards(tmp_path, connect4)
    shards.add(1, played)
    shards.seal(1, played)
    read = shards.load(1)
    np.testing.assert_array_equal(read.outcome, played.outcome)
    replay = Replay(connect4, ReplayConfig())
    replay.add(read)
    drawn = replay.draw(np.random.default_rng(1), replay.buffer(512))
    assert 0.25 < np.isnan(drawn.outcome).mean() < 0.55
    assert np.isfinite(drawn.value).all()
    # a game that the rules say is over cannot be one that goes on, nor the other way round
    whole, single = np.flatnonzero(np.isfinite(played.outcome)), np.isnan(played.outcome)
    for index, outcome in ((whole[0], np.nan), (np.flatnonzero(single)[0], 1.0), (0, np.inf)):
        false = played.outcome.copy()
        false[index] = outcome
        shards.add(2, played._replace(outcome=false))
        found = []
        assert shards.load(2, found.append) is None and "damaged" in found[0]
        for path in tmp_path.glob("0002-*"):
            path.unlink()


def test_the_ledger_counts_them_apart(connect4, played):
    entry = of_games(played, connect4)
    singles = int(np.isnan(played.outcome).sum())
    assert entry["single"] == singles and entry["games"] == played.count - singles
    assert entry["length"] > 10 and 0 < entry["first_player_score"] < 1
    assert 0 <= entry["calibration_error"] <= 1
