"""Ratings against hand-worked and known numbers; matches with paired openings; players by name;
exams."""

import json

import numpy as np
import pytest

from selfplay.commands.report import labels
from selfplay.config import MatchConfig, NetworkConfig
from selfplay.matches import arena, exam, players
from selfplay.matches.openings import random_openings
from selfplay.matches.players import MANY, SearchPlayer
from selfplay.matches.rating import elo_of_score, from_pairs, ratings, score_of_elo
from selfplay.network.evaluator import Evaluator
from selfplay.network.weights import new_network, shape_for
from tests.conftest import played


def test_elo_is_the_logistic_scale():
    assert elo_of_score(0.5) == 0
    assert elo_of_score(10 / 11) == pytest.approx(400)
    assert elo_of_score(0.75) == pytest.approx(190.85, abs=0.01)
    assert score_of_elo(elo_of_score(0.3)) == pytest.approx(0.3)


def test_an_interval_covers_the_truth_as_often_as_it_says():
    """1000 simulated matches of 50 pairs between players 100 Elo apart: 95 % of the intervals hold
    the truth, give or take."""
    random, truth, covered = np.random.default_rng(1), score_of_elo(100), 0
    for _ in range(1000):
        games = random.random((50, 2)) < truth
        elo = from_pairs(games.mean(1))
        covered += elo.low <= 100 <= elo.high
    assert 0.92 <= covered / 1000 <= 0.985


def test_one_sided_matches_have_finite_honest_intervals():
    elo = from_pairs(np.ones(10))
    assert 0 < elo.low < elo.difference < elo.high < 2000
    wide, narrow = from_pairs(np.full(5, 0.5)), from_pairs(np.full(500, 0.5))
    assert wide.low < narrow.low < 0 < narrow.high < wide.high


def test_repeated_pairs_are_no_evidence():
    scores = np.tile([1.0, 0.5], 100)
    assert from_pairs(scores, distinct=2).low == pytest.approx(from_pairs(scores[:2]).low)
    assert from_pairs(scores, distinct=2).low < from_pairs(scores).low


def test_ratings_of_two_players_are_their_elo_difference():
    scores, games = np.array([[0, 75], [25, 0.0]]), np.array([[0, 100], [100, 0.0]])
    rating, width = ratings(scores, games)
    assert rating[0] - rating[1] == pytest.approx(190.85, abs=1)
    assert rating.sum() == pytest.approx(0, abs=1e-6)
    assert 25 < width[0] < 60


def test_ratings_are_transitive_where_results_are():
    """A beats B as B beats C: evenly spaced, and the direct match A-C may be missing."""
    scores = np.array([[0, 75, 0], [25, 0, 75], [0, 25, 0.0]])
    rating, _ = ratings(scores, np.array([[0, 100, 0], [100, 0, 100], [0, 100, 0.0]]))
    assert rating[0] - rating[1] == pytest.approx(rating[1] - rating[2], abs=0.1)


# Matches


class Lowest:
    """Plays the lowest legal move, and remembers which side it had."""

    name = "lowest"

    def __init__(self, game):
        self.game, self.sides = game, []

    needs_moves, precision = False, None

    def choose(self, states, moves=None):
        return np.array([players.legal_actions(self.game, state)[0] for state in states], np.int32)


def test_pairs_share_an_opening_and_swap_sides(connect4):
    result = arena.match(
        connect4, Lowest(connect4), players.RandomPlayer(connect4, 1), 40, 4, seed=3
    )
    starts = random_openings(connect4, 20, 4, seed=3)
    for pair, start in enumerate(starts):
        for game in (2 * pair, 2 * pair + 1):
            assert result.sequences[game][: len(start)] == start
    assert result.openings == 20 and len(result.outcomes) == 40
    assert result.wins + result.draws + result.losses == 40
    assert result.score == pytest.approx((result.wins + result.draws / 2) / 40)


@pytest.mark.slow
def test_outcomes_are_for_the_first_named_player_on_both_sides(tictactoe):
    """The exact solver never loses to a random player, whichever side it has."""
    solver = players.create("solver", tictactoe)
    result = arena.match(tictactoe, solver, players.RandomPlayer(tictactoe, 5), 60, 0, seed=1)
    assert result.losses == 0 and result.wins > 30
    report = result.as_json()
    assert report["score_moving_first"] > 0.8 and report["score_moving_second"] > 0.6
    mirrored = arena.match(tictactoe, players.RandomPlayer(tictactoe, 5), solver, 60, 0, seed=1)
    assert mirrored.wins == 0


def test_equal_players_are_rated_equal_and_repeated_games_are_counted(tictactoe):
    solver = players.create("solver", tictactoe)
    result = arena.match(tictactoe, solver, solver, 20, 0, seed=1)
    assert result.draws == 20 and result.distinct == 1 and result.elo.difference == 0


def test_an_illegal_answer_is_an_error_and_not_a_loss(connect4):
    class Wrong(Lowest):
        def choose(self, states, moves=None):
            return np.full(len(states), 99, np.int32)

    with pytest.raises(RuntimeError, match="illegal action 99"):
        arena.match(connect4, Wrong(connect4), Lowest(connect4), 2, 0, seed=1)


def test_a_tournament_ranks_by_strength(tictactoe):
    seated = [players.create(name, tictactoe, seed=2) for name in ("random", "mcts:50", "solver")]
    matches, elo, width = arena.tournament(
        tictactoe, seated, random_openings(tictactoe, 20, 2, seed=1), 40
    )
    assert len(matches) == 3 and elo[0] < elo[1] <= elo[2] + 100 and (width > 0).all()


# Players


def test_more_playouts_play_better(connect4):
    result = arena.match(
        connect4,
        players.create("mcts:400", connect4, seed=1),
        players.create("mcts:20", connect4, seed=2),
        60,
        4,
        seed=1,
    )
    assert result.score > 0.75


def test_the_yardstick_finds_an_immediate_win_and_stops_one(connect4):
    player = players.create("mcts:1000", connect4)
    states = np.stack([played(connect4, moves).state for moves in ("414141", "41424", "7414141")])
    assert player.choose(states).tolist() == [3, 3, 3]
    values = [player.analyse(state).value for state in states]
    assert values[0] > 0.6 and values[2] < -0.6  # for the first player


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mcts:", "no number of simulations, or time"),
        ("mcts:0", "no number"),
        ("mcts:x", "no number"),
        ("mcts:1.5", "no time: a number and ms, s, m or h is one, such as 0.5s"),
        ("rnadom", "unknown player"),
        ("x@5", "unknown player"),
    ],
)
def test_players_that_do_not_exist_are_refused(connect4, name, message):
    with pytest.raises(ValueError, match=message):
        players.create(name, connect4)


def test_too_hard_a_position_is_said(connect4, monkeypatch):
    monkeypatch.setattr(players, "SOLVER_NODES", 1000)
    with pytest.raises(ValueError, match="too hard"):
        players.create("solver", connect4).choose(connect4.start().state[None])


def test_a_network_player_speaks_for_the_first_player(tictactoe):
    network = new_network(shape_for(tictactoe, NetworkConfig(blocks=1, channels=4)), 1)
    evaluator = Evaluator(network, MANY, "fp32")
    search, alone = (SearchPlayer.of("x", tictactoe, evaluator, MatchConfig(), n) for n in (60, 0))
    winning = played(tictactoe, "a1 b1 a2 b2")  # the first player wins with a3
    analysis = search.analyse(winning.state)
    assert tictactoe.format(analysis.choice) == "a3" and analysis.value > 0
    # the win is proven
    assert 0 < analysis.simulations <= 60
    assert analysis.network_choice in [move.action for move in analysis.moves]
    assert alone.analyse(winning.state).choice == analysis.network_choice
    assert analysis.network_value == pytest.approx(alone.analyse(winning.state).value)


# Exams


def test_the_connect_four_exams_are_whole_and_apart():
    full, validation = exam.load("connect4"), exam.load("connect4", validation=True)
    assert len(full) == 3000 and len(validation) == 520
    for part in (full, validation):
        assert set(part.plies.tolist()) == set(range(8, 21))
        assert (part.keeps.sum(1) >= 1).all()
    assert not {s.tobytes() for s in full.states} & {s.tobytes() for s in validation.states}


def test_in_no_exam_position_does_every_legal_move_keep_the_value(connect4):
    full = exam.load("connect4")
    for row in range(0, 3000, 25):
        legal = players.legal_actions(connect4, full.states[row])
        assert 0 < full.keeps[row, legal].sum() < len(legal)
        assert full.keeps[row].sum() == full.keeps[row, legal].sum()


def test_the_tic_tac_toe_exam_is_every_reachable_position(tictactoe):
    whole = exam.load("tictactoe")
    assert len(whole) == 4520  # of 5,478 reachable positions, 958 are finished
    assert (whole.value[whole.plies == 0] == 0).all()
    solver = players.create("solver", tictactoe)
    assert whole.grade(solver.choose(whole.states)).all()
    assert not whole.grade(players.RandomPlayer(tictactoe, 1).choose(whole.states)).all()


def test_part_of_an_exam_is_spread_over_it():
    part = exam.load("connect4").first(13)
    assert len(part) == 13 and len(set(part.plies.tolist())) > 8
    assert exam.load("connect4").first(10_000) is exam.load("connect4")


def test_games_without_an_exam_have_none():
    assert exam.load("chess") is None


# What is said of a match


@pytest.mark.parametrize("asked", [1, 2, 3, 7])
def test_as_many_games_are_played_as_were_asked_for(tictactoe, asked):
    first, second = players.create("random", tictactoe, 1), players.create("mcts:5", tictactoe)
    result = arena.match(tictactoe, first, second, asked, 2, seed=3)
    assert (
        len(result.outcomes) == len(result.sequences) == asked
        and len(result.pair_scores) == (asked + 1) // 2
    )
    said = result.as_json()
    assert said["games"] == said["wins"] + said["draws"] + said["losses"] == asked
    assert (said["score_moving_second"] is None) == (asked == 1) and json.loads(
        json.dumps(said)
    ) == said
    assert result.elo.low <= result.elo.difference <= result.elo.high


def test_the_last_of_an_odd_number_of_games_counts_as_a_pair_by_itself():
    result = arena.Match("a", "b", np.array([1.0, 0.0, -1.0]), [(1,), (2,), (3,)], [(), (5,)])
    assert result.pair_scores.tolist() == [0.75, 0.0] and result.distinct_pairs == 2


def test_a_match_names_the_precision_of_each_network(tictactoe):
    network = new_network(shape_for(tictactoe, NetworkConfig(blocks=1, channels=8)), 1)
    ours = SearchPlayer.network("net", tictactoe, network, MatchConfig(), 4, precision="bf16")
    random = players.create("random", tictactoe)
    assert (ours.precision, random.precision) == ("bf16", None)
    said = arena.match(tictactoe, ours, random, 2, 2, seed=1).as_json()
    assert (said["first_precision"], said["second_precision"]) == ("bf16", None)
    timed = players.in_time(ours, players.SearchBudget(seconds=0.01))
    assert timed.precision == "bf16"


PATHS = [
    (["random", "mcts:1000"], ["random", "mcts:1000"]),
    (["runs/connect4-quick@64", "/home/me/runs/old@64"], ["connect4-quick@64", "old@64"]),
    (
        ["runs/first/checkpoints/0012", "runs/second/checkpoints/0012", "random"],
        ["0012 #1", "0012 #2", "random"],
    ),
    (
        ["gtp:/usr/games/gnugo --mode gtp --level 10", "gtp:gnugo --mode gtp --level 1"],
        ["gtp:gnugo #1", "gtp:gnugo #2"],
    ),
    (
        ["/home/me/go9/first/run@64", "/home/me/go9/second/run@64"],
        ["first/run@64", "second/run@64"],
    ),
    (["mcts:100", "mcts:100"], ["mcts:100 #1", "mcts:100 #2"]),
    (["x" * 300, "y/" + "x" * 299 + "@8"], ["…" + "x" * 16, "…" + "x" * 14 + "@8"]),
]


@pytest.mark.parametrize(("names", "expected"), PATHS)
def test_tables_call_players_by_short_names_that_differ(names, expected):
    found = labels(names)
    assert found == expected
    assert len(set(found)) == len(names) and max(map(len, found)) <= 17
