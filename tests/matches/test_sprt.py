"""The sequential test: hand-worked likelihoods, error rates as promised, matches that end early."""

import json

import numpy as np
import pytest

import games
from selfplay.matches import arena
from selfplay.matches.openings import random_openings
from selfplay.matches.players import create
from selfplay.matches.rating import score_of_elo
from selfplay.matches.sprt import POINTS, Sprt, likeliest
from tests.commands.cli.shell import selfplay


def test_bounds_are_wald_s():
    assert Sprt(0, 10).bounds == pytest.approx((-2.9444, 2.9444), abs=1e-4)
    assert Sprt(0, 10, alpha=0.01, beta=0.1).bounds == pytest.approx((-2.2925, 4.4998), abs=1e-4)


def test_the_likeliest_distribution_has_the_mean_and_is_worked_by_hand_for_two_results():
    shares = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    found = likeliest(shares, 0.6)
    assert found.sum() == pytest.approx(1) and found @ POINTS == pytest.approx(0.6)
    assert likeliest(shares, 0.5) == pytest.approx(shares)  # it has that mean already
    # with wins and losses alone, the mean leaves nothing to choose
    two = np.array([0.3, 1e-9, 1e-9, 1e-9, 0.7])
    assert likeliest(two, 0.55)[[0, 4]] == pytest.approx([0.45, 0.55], abs=1e-6)


def test_of_wins_and_losses_the_ratio_is_bernoulli_s():
    """70 pairs won and 30 lost: 70 log(s1 / s0) + 30 log((1 - s1) / (1 - s0))."""
    test = Sprt(0, 50)
    s0, s1 = score_of_elo(0), score_of_elo(50)
    by_hand = 70 * np.log(s1 / s0) + 30 * np.log((1 - s1) / (1 - s0))
    scores = np.repeat([1.0, 0.0], [70, 30])
    assert test.llr(scores) == pytest.approx(by_hand, rel=2e-3)
    assert test.llr(1 - scores) < 0 and test.llr(np.empty(0)) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("truth", "wrong"), [(0, "H1"), (40, "H0")])
def test_it_errs_as_seldom_as_it_promises(truth, wrong):
    """300 matches of players of that difference, a third of the games drawn: 5 % go wrong."""
    random, test, errors, games_played = np.random.default_rng(3), Sprt(0, 40), 0, []
    win = score_of_elo(truth) - 1 / 6
    for _ in range(300):
        results = random.choice([1.0, 0.5, 0.0], (4000, 2), p=[win, 1 / 3, 2 / 3 - win]).mean(1)
        for pairs in range(32, 4001, 32):
            if verdict := test.accepted(test.llr(results[:pairs])):
                break
        errors += verdict == wrong
        games_played.append(2 * pairs)
    assert errors <= 24  # 15 are expected; 24 have a chance of 1 %
    assert np.median(games_played) < 1200


def test_a_match_ends_once_it_is_clear_and_repeated_pairs_are_no_evidence(connect4):
    strong, weak = create("mcts:60", connect4, 1), create("random", connect4, 2)
    seen = []
    starts = random_openings(connect4, 1000, 4, seed=1)
    match = arena.sequential_match(
        connect4, strong, weak, starts, 2000, Sprt(0, 100), lambda *told: seen.append(told)
    )
    assert len(match.outcomes) == 64 * len(seen) <= 256 and match.score > 0.9
    assert len(match.starts) == len(match.outcomes) // 2 == len(match.pair_scores)
    assert seen[-1][2] > 2.94 and seen[-1][:2] == (len(match.outcomes), 2000)
    again = arena.joined(match, match)
    assert again.evidence.tolist() == match.evidence.tolist()
    assert again.distinct_pairs == match.distinct_pairs and again.openings == match.openings


def test_a_ring_of_players_is_no_scale():
    """A beats B, B beats C, C beats A: ratings say that all are alike."""
    won = [np.array([1.0, 1.0] * 40 + [-1.0, -1.0] * 10)] * 2
    results = [won[0], -won[0], won[1]]  # A-B, A-C, B-C
    sequences = [(index,) for index in range(100)]
    matches = [
        arena.Match(*names, outcomes, sequences, [()] * 50)
        for names, outcomes in zip(("AB", "AC", "BC"), results)
    ]
    found = arena.misfits(matches, np.zeros(3))
    assert [(m.first, m.second) for m in found] == [(0, 1), (0, 2), (1, 2)]
    assert found[0].elo.low > found[0].expected == 0 > found[1].elo.high
    line = 400 * np.log10(4)  # where A beats B as B beats C, by as much as the ratings say
    strong = arena.Match("A", "C", np.ones(100), sequences, [()] * 50)
    assert not arena.misfits([matches[0], strong, matches[2]], np.array([line, 0, -line]))


def test_the_command_says_which_hypothesis_holds(capsys):
    asked = ["arena", "mcts:60", "random", "--game", "connect4", "--sprt", "0", "100"]
    code, out, _ = selfplay(*asked, capsys=capsys)
    assert code == 0 and "accepted: +100 Elo, not +0" in out
    code, out, _ = selfplay(*asked, "--json", capsys=capsys)
    result = json.loads(out)
    assert result["sprt"]["accepted"] == "H1" and result["sprt"]["llr"] > result["sprt"]["high"]
    assert result["matches"][0]["games"] < 300


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["random", "random", "random", "--sprt", "0", "10"], "two players"),
        (["random", "random", "--sprt", "10", "0"], "the larger one last"),
        (["random", "random", "--sprt", "0", "nan"], "the larger one last"),
    ],
)
def test_a_test_that_cannot_be_made_is_one_line(words, said, capsys):
    code, _, err = selfplay("arena", *words, "--game", "tictactoe", capsys=capsys)
    assert code == 2 and said in err and err.count("\n") == 1


@pytest.mark.slow
def test_random_against_itself_ends_with_h0():
    tictactoe = games.load("tictactoe")
    first, second = create("random", tictactoe, 1), create("random", tictactoe, 2)
    starts, test = random_openings(tictactoe, 1000, 4, seed=1), Sprt(0, 200)
    match = arena.sequential_match(tictactoe, first, second, starts, 2000, test)
    assert test.accepted(test.llr(match.pair_scores[match.evidence])) == "H0"
