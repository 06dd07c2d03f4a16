"""The losses against numbers worked by hand, the schedule, the averaged weights, and that learning
learns."""

import math

import numpy as np
import pytest
import torch

import games
from native.search.forest import new_batch
from selfplay.config import LearnerConfig, NetworkConfig, ReplayConfig
from selfplay.learning.learner import Learner, losses, outcome_target, rate_at
from selfplay.learning.replay import Replay
from selfplay.matches.players import views
from selfplay.network.evaluator import Evaluator
from selfplay.network.network import Network, Output, Shape, expected_value, operations
from selfplay.network.weights import new_network, shape_for
from tests.actors.test_actor import GUMBEL_PLAY, self_play
from tests.network.test_precision import dtypes_in


def rows(policy, legal, outcome, value):
    return {
        "policy": torch.tensor(policy),
        "legal": torch.tensor(legal),
        "outcome": torch.tensor(outcome),
        "value": torch.tensor(value),
    }


def test_losses_worked_by_hand():
    """Logits (0, ln 3, 9) with the third action illegal: policy (1/4, 3/4). Target (1/2, 1/2):
    cross-entropy = -(ln 1/4 + ln 3/4) / 2 = 0.8370; entropy ln 2 = 0.6931; KL 0.1438.
    Outcome logits (ln 2, 0, 0): win 1/2, draw 1/4, loss 1/4; the game was lost: -ln 1/4 = 1.3863.
    Value 1/2 - 1/4 = 0.25 against the search's -0.25: 0.25.
    """
    output = Output(
        torch.tensor([[0.0, math.log(3), 9.0]]), torch.tensor([[math.log(2), 0.0, 0.0]])
    )
    batch = rows([[0.5, 0.5, 0.0]], [[True, True, False]], [-1.0], [-0.25])
    config = LearnerConfig(policy_weight=1.0, outcome_weight=0.5, value_weight=2.0)
    parts = losses(output, batch, config)
    expected = {"policy": 0.8370, "entropy": 0.6931, "kl": 0.1438, "outcome": 1.3863, "value": 0.25}
    for name, value in expected.items():
        assert float(parts[name]) == pytest.approx(value, abs=1e-4)
    assert float(parts["total"]) == pytest.approx(0.8370 + 0.5 * 1.3863 + 2 * 0.25, abs=1e-3)


def test_losses_of_owners_and_score_worked_by_hand():
    """Three cells with logits (0, ln 3, -ln 3): the mover's with probability 1/2, 3/4, 1/4. They
    end as the mover's, nobody's and the other's: ln 2 = 0.6931, -(ln 3/4 + ln 1/4) / 2 = 0.8370,
    -ln 3/4 = 0.2877; mean 0.6059. Scores 0.5 for 1 and 3 for 0: 0.5^2 / 2 = 0.125 and, beyond 1, 3
    - 1/2 = 2.5; mean 1.3125.
    """
    flat = Output(torch.zeros(2, 2), torch.zeros(2, 3))
    batch = rows([[1.0, 0.0]] * 2, [[True, True]] * 2, [0.0, 0.0], [0.0, 0.0])
    batch["owner"] = torch.tensor([[1.0, 0.0, -1.0]] * 2)
    batch["score"] = torch.tensor([1.0, 0.0])
    owner = torch.tensor([[0.0, math.log(3), -math.log(3)]] * 2)
    both = flat._replace(owner=owner, score=torch.tensor([0.5, 3.0]))
    config = LearnerConfig(ownership_weight=2.0, score_weight=0.5)
    plain, parts = losses(flat, batch, config), losses(both, batch, config)
    assert float(parts["owner"]) == pytest.approx(0.6059, abs=1e-4)
    assert float(parts["score"]) == pytest.approx(1.3125, abs=1e-4)
    assert float(parts["total"] - plain["total"]) == pytest.approx(
        2 * 0.6059 + 0.5 * 1.3125, abs=1e-3
    )
    assert "owner" not in plain and "score" not in plain


def test_at_an_even_position_outcome_and_value_pull_as_half_a_weight_and_a_whole_one():
    """Win and loss 1/2 each. By the win's logit the cross-entropy of a win has the slope 1/2 - 1 =
    -1/2, and the squared error of the value 0 against 1 the slope 2 (0 - 1) dv/dlogit = -2 * 1/2 =
    -1."""
    slopes = {}
    for name, weights in {"outcome": (1.0, 0.0), "value": (0.0, 1.0)}.items():
        logits = torch.tensor([[0.0, -50.0, 0.0]], requires_grad=True)
        batch = rows([[1.0]], [[True]], [1.0], [1.0])
        config = LearnerConfig(outcome_weight=weights[0], value_weight=weights[1])
        losses(Output(torch.zeros(1, 1), logits), batch, config)["total"].backward()
        slopes[name] = float(logits.grad[0, 0])
    assert slopes == pytest.approx({"outcome": -0.5, "value": -1.0})


def test_outcomes_become_shares_of_win_draw_and_loss():
    shares = outcome_target(torch.tensor([1.0, 0.0, -1.0, 0.5]))
    assert shares.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]]


def test_expected_value_is_win_less_loss():
    logits = torch.log(torch.tensor([[0.5, 0.2, 0.3]]))
    assert float(expected_value(logits)) == pytest.approx(0.2)


def test_the_rate_warms_up_stays_and_falls_on_a_cosine():
    config = LearnerConfig(learning_rate=1.0, warmup=10, decay_from=0.5, final_rate=0.05)
    assert rate_at(config, 0, 0.0) == pytest.approx(0.1)
    assert rate_at(config, 100, 0.5) == pytest.approx(1.0)
    assert rate_at(config, 100, 0.75) == pytest.approx(0.525)  # halfway down: (1 + 0.05) / 2
    assert rate_at(config, 100, 1.0) == pytest.approx(0.05)


@pytest.fixture(scope="module")
def replay():
    game = games.load("tictactoe")
    window = Replay(game, ReplayConfig(window_min=5000))
    window.add(self_play(game, GUMBEL_PLAY, games=16, steps=800)[0])
    return window


def learner(**changes) -> Learner:
    game = games.load("tictactoe")
    shape = shape_for(game, NetworkConfig(blocks=2, channels=16))
    return Learner(new_network(shape, 1), LearnerConfig(batch=64, warmup=5, **changes), "fp32")


def test_learning_lowers_every_loss(replay):
    ours = learner()
    first = ours.learn(replay, 5, np.random.default_rng(1), (0, 0))
    for _ in range(3):
        last = ours.learn(replay, 60, np.random.default_rng(2), (0, 0))
    for name in ("total", "policy", "outcome", "value", "kl"):
        assert last[name] < first[name]
    assert last["kl"] >= 0 and last["policy"] == pytest.approx(
        last["kl"] + last["entropy"], abs=1e-4
    )


@pytest.mark.parametrize("weights", [{}, {"ownership_weight": 1.5, "score_weight": 0.5}])
def test_learning_in_bf16_decides_the_outcome_in_fp32(replay, weights):
    """Autocast would take the head's layers with it: with 8 bits close values become equal."""
    game = games.load("tictactoe")
    config = LearnerConfig(batch=64, **weights)
    network = new_network(shape_for(game, NetworkConfig(blocks=1, channels=16), config), 1)
    ours = Learner(network, config, "bf16")
    (rows,) = ours._batches(replay, 1, np.random.default_rng(1))
    head, policy = ours.network.outcome, ours.network.policy
    layers = [
        layer
        for layer in (head.decide[0], head.decide[2], head.owner, head.score)
        if layer is not None
    ]
    assert len(layers) == 2 + len(weights)
    assert dtypes_in(layers, lambda: ours._step(rows, 1e-3)) == {torch.float32}
    assert torch.bfloat16 in dtypes_in(
        [policy.mix[0], policy.places], lambda: ours._step(rows, 1e-3)
    )


def test_the_network_decides_the_outcome_in_fp32_under_anyones_autocast():
    network = new_network(
        shape_for(games.load("tictactoe"), NetworkConfig(blocks=1, channels=16)), 1
    )
    with torch.autocast("cpu", torch.bfloat16):
        output = network(torch.rand(2, 2, 3, 3), torch.zeros(2, 0))
    assert (output.policy.dtype, output.outcome.dtype) == (torch.bfloat16, torch.float32)


def test_learning_repeats_from_its_seed(replay):
    torch.set_num_threads(1)
    first, second = (learner() for _ in range(2))
    assert first.learn(replay, 8, np.random.default_rng(3), (0, 1)) == second.learn(
        replay, 8, np.random.default_rng(3), (0, 1)
    )


def test_a_restored_learner_goes_on_as_if_it_had_never_stopped(replay):
    torch.set_num_threads(1)
    kept, again = learner(), learner()
    kept.learn(replay, 6, np.random.default_rng(1), (0, 0.5))
    again.restore({name: array.copy() for name, array in kept.state().items()}, kept.averaged)
    assert again.step == kept.step
    a = kept.learn(replay, 6, np.random.default_rng(2), (0.5, 1))
    b = again.learn(replay, 6, np.random.default_rng(2), (0.5, 1))
    assert a == b
    for x, y in zip(kept.averaged.state_dict().values(), again.averaged.state_dict().values()):
        assert torch.equal(x, y)


def test_the_averaged_weights_are_a_moving_average_by_hand(replay):
    """At step t the average moves by 1 - min(average, t / (10 + t)) of the way: at step 1 by
    10/11."""
    ours = learner(ema_decay=0.998)
    before = [t.clone() for t in ours.averaged.parameters()]
    ours.learn(replay, 1, np.random.default_rng(1), (0, 0))
    for old, new, mean in zip(before, ours.network.parameters(), ours.averaged.parameters()):
        torch.testing.assert_close(mean, old + (new - old) * 10 / 11)


def test_weights_of_another_network_are_refused(replay):
    other = Learner(
        new_network(shape_for(games.load("connect4"), NetworkConfig(blocks=1, channels=4)), 1),
        LearnerConfig(),
    )
    with pytest.raises(ValueError, match="another network"):
        learner().restore(other.state(), other.averaged)


def test_weight_decay_spares_norms_and_biases():
    groups = learner().optimizer.param_groups
    assert all(p.dim() > 1 for p in groups[0]["params"]) and groups[0]["weight_decay"] > 0
    assert all(p.dim() == 1 for p in groups[1]["params"]) and groups[1]["weight_decay"] == 0


# The network


@pytest.mark.parametrize(
    ("layout", "action_planes", "extra", "actions"),
    [("cells", 1, 1, 31), ("columns", 1, 0, 6), ("cells", 3, 0, 90)],
)
def test_heads_have_an_output_for_every_action(layout, action_planes, extra, actions):
    shape = Shape(5, 6, 3, 2, layout, action_planes, extra, 2, 8)
    output = Network(shape)(torch.rand(4, 3, 5, 6), torch.rand(4, 2))
    assert shape.actions == actions
    assert output.policy.shape == (4, actions) and output.outcome.shape == (4, 3)


def test_heads_to_learn_from_are_there_where_they_have_weight(connect4):
    """And they change neither the weights that a seed gives the other heads nor what those say."""
    sizes = NetworkConfig(blocks=1, channels=8)
    bare, taught = (
        shape_for(connect4, sizes),
        shape_for(connect4, sizes, LearnerConfig(ownership_weight=1, score_weight=1)),
    )
    plain, network = new_network(bare, 1).eval(), new_network(taught, 1).eval()
    asked = torch.rand(2, 2, 6, 7), torch.zeros(2, 0)
    said, explained = network(*asked), network.forward_train(*asked)
    assert plain.forward_train(*asked).owner is None and plain.forward_train(*asked).score is None
    assert explained.owner.shape == (2, 42) and explained.score.shape == (2,)
    assert said.owner is None and said.score is None
    for one, other, alone in zip(said[:2], explained[:2], plain(*asked)[:2]):
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(one, alone)


def test_the_shape_of_an_older_checkpoint_has_no_heads_to_learn_from():
    facts = {
        "rows": 3,
        "columns": 3,
        "planes": 2,
        "scalars": 0,
        "layout": "cells",
        "action_planes": 1,
        "extra_actions": 0,
    }
    facts |= {"blocks": 1, "channels": 4}
    assert Shape(**facts) == Shape(**facts, owner=False, score=False)


@pytest.mark.slow
def test_owners_and_scores_are_learned(replay):
    game = games.load("tictactoe")
    config = LearnerConfig(batch=64, warmup=5, ownership_weight=1.5, score_weight=0.5)
    shape = shape_for(game, NetworkConfig(blocks=2, channels=16), config)
    ours = Learner(new_network(shape, 1), config, "fp32")
    first = ours.learn(replay, 5, np.random.default_rng(1), (0, 0))
    last = ours.learn(replay, 150, np.random.default_rng(2), (0, 0))
    last = ours.learn(replay, 20, np.random.default_rng(3), (0, 0))
    assert last["owner"] < 0.8 * first["owner"] and last["score"] < 0.8 * first["score"]


@pytest.mark.parametrize("layout", ["cells", "columns"])
def test_a_policy_logit_belongs_to_its_own_place(layout):
    """A convolutional head commutes with mirroring the board when its kernels are mirrored: place a
    goes to place -1 - a."""
    torch.manual_seed(1)
    network = Network(Shape(4, 5, 2, 0, layout, 1, 0, 1, 6)).eval()
    x = torch.rand(1, 2, 4, 5)
    plain = network(x, torch.zeros(1, 0)).policy.view(-1, 5)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data = module.weight.data.flip(3)
    mirrored = network(x.flip(3), torch.zeros(1, 0)).policy.view(-1, 5)
    torch.testing.assert_close(mirrored.flip(1), plain, atol=1e-5, rtol=1e-4)


def test_operations_counted_by_hand():
    """One block of 8 channels on 2x3 with 2 planes: 2 * 6 * (9 * 2 * 8 + 2 * 9 * 8 * 8 + 8 * 8 + 8
    * 8)."""
    shape = Shape(2, 3, 2, 0, "cells", 1, 0, 1, 8)
    assert operations(shape) == 2 * 6 * (144 + 1152 + 128)


def test_an_evaluator_with_views_answers_with_the_mean_over_the_mirrored_boards(connect4):
    network = new_network(shape_for(connect4, NetworkConfig(blocks=1, channels=8)), 1)
    plain, mirrored = (
        Evaluator(network, 4, "fp32"),
        Evaluator(network, 4, "fp32", views=views(connect4, 2)),
    )
    batch, image, both = (
        new_batch(4, connect4.planes, connect4.cells, connect4.scalars, connect4.actions)
        for _ in range(3)
    )
    batch.planes[:] = both.planes[:] = np.random.default_rng(1).random(batch.planes.shape)
    image.planes[:, :, connect4.cell_maps[1]] = batch.planes
    for evaluator, asked in ((plain, batch), (plain, image), (mirrored, both)):
        evaluator.evaluate(asked, 4)
    np.testing.assert_allclose(both.value, (batch.value + image.value) / 2, atol=1e-6)
    np.testing.assert_allclose(both.logits, (batch.logits + image.logits[:, ::-1]) / 2, atol=1e-6)
    assert views(connect4, 1) is None and not np.allclose(batch.value, image.value)
