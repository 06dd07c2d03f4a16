"""Engines of others over the Go Text Protocol: GNU Go and GRhino, where they are installed."""

import json

import pytest

import games
from selfplay import cli
from selfplay.matches import players
from selfplay.matches.gtp_engine import EnginePlayer
from tests.matches.engines import GNUGO, installed, meet

pytestmark = pytest.mark.slow


def test_gnu_go_plays_whole_games_and_beats_a_random_player():
    game, program = games.load("go7"), installed("gnugo", "gnugo")
    player = players.create(f"gtp:{program} {GNUGO}", game)
    result = meet(game, player, players.create("random", game, 1), 2)
    assert result.wins == 2 and max(map(len, result.sequences)) < game.max_plies
    assert player.program.process.poll() is None


def test_gnu_go_counts_as_we_do():
    """Its own score of the last position, by Chinese rules with every stone alive, is ours."""
    game, program = games.load("go7"), installed("gnugo", "gnugo")
    player = players.create(f"gtp:{program} {GNUGO}", game)
    result = meet(game, player, player, 2)
    for moves in result.sequences:
        position = game.start()
        for move in moves:
            position.play(move)
        assert position.outcome is not None
        score = position.final()[1]
        assert player.score(moves) == f"{'B' if score > 0 else 'W'}+{abs(score):.1f}"


def test_grhino_plays_whole_games_of_othello_and_beats_a_random_player():
    game, program = games.load("othello8"), installed("gtp-rhino", "grhino")
    result = meet(
        game, players.create(f"gtp:{program} -l 1", game), players.create("random", game, 1), 10
    )
    assert result.wins >= 9
    assert any(game.parse("pass") in moves for moves in result.sequences)  # which it leaves out


def test_real_engines_meet_in_an_arena_by_name(capsys):
    program = installed("gtp-rhino", "grhino")
    players_of = [f"gtp:{program} -l 1", "mcts:20"]
    code = cli.main(["arena", *players_of, "--game", "othello8", "--games", "2", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert code == 0 and result["ratings"][0]["player"] == players_of[0]


def test_gnu_go_cleans_up_before_it_counts():
    """Asked by the command for it, it takes a dead stone that lies on the board, so that its score
    is Tromp and Taylor's."""
    game, program = games.load("go5"), installed("gnugo", "gnugo")
    engine, position, moves = EnginePlayer(f"gtp:{program} {GNUGO}", game), game.start(), []
    assert engine.knows("kgs-genmove_cleanup") and not engine.knows("kgs-genmove_sideways")
    for word in ["a3", "c1", "b3", "pass", "c3", "pass", "d3", "pass", "e3", "pass", "c4"]:
        moves.append(game.parse(word))
        position.play(word)
    # it counts the stone as dead
    assert engine.score(tuple(moves)) == f"B+{25 - game.options['komi']:g}"
    engine.word = "kgs-genmove_cleanup"
    while position.outcome is None:
        moves.append(int(engine.choose(position.state[None], [moves])[0]))
        position.play(moves[-1])
    assert engine.score(tuple(moves)) == f"B+{25 - game.options['komi']:g}"
    assert position.final()[1] == 25 - game.options["komi"]
