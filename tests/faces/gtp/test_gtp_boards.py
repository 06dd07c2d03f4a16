"""Boards of the Go Text Protocol: handicap, other sizes, and records that are loaded."""

from pathlib import Path

import pytest

import games
from tests.faces.gtp.talk import answers
from tests.faces.sitting import Parrot

DATA = Path(__file__).parents[2] / "data"


def test_handicap_stones_stand_where_the_protocol_puts_them():
    """Section 4.1.1 of the protocol's specification."""
    go19 = games.load("go19")
    for count, points in ((2, "D4 Q16"), (4, "D4 Q16 D16 Q4"), (5, "D4 Q16 D16 Q4 K10")):
        said = answers(
            go19, f"fixed_handicap {count}", "final_status_list alive", "genmove w", "undo", "undo"
        )
        assert sorted(said[0][2:].split()) == sorted(points.split()) == sorted(said[1][2:].split())
        assert said[3:] == ["=", "? cannot undo"]


def test_free_handicap_is_placed_and_taken(go9):
    assert answers(go9, "place_free_handicap 30", "place_free_handicap 2")[1] == "? board not empty"
    assert len(answers(go9, "place_free_handicap 30")[0].split()) == 1 + 9
    said = answers(
        go9,
        "set_free_handicap A1 B2",
        "showboard",
        "komi 0.5",
        "final_score",
        "play w A2",
        "clear_board",
        "undo",
    )
    assert "2 . X" in said[1] and said[3] == "= B+80.5" and said[4:] == ["=", "=", "? cannot undo"]


def test_games_without_handicap_say_so(connect4):
    assert (
        answers(connect4, "fixed_handicap 2", "place_free_handicap 2")[:2]
        == ["? this game has no handicap"] * 2
    )
    assert answers(games.load("hex5"), "set_free_handicap a1 a2") == ["? this game has no handicap"]


def test_another_size_is_another_game_with_the_same_komi(go9):
    said = answers(
        go9,
        "komi 0.5",
        "play b E5",
        "boardsize 5",
        "showboard",
        "final_score",
        "genmove b",
        "boardsize 9",
    )
    assert (
        said[3] == f"= \n{games.load('go5').start()}" and said[4] == "= W+0.5" and said[5] == "= A5"
    )


def test_options_of_the_game_go_along_to_another_size(go9):
    said = answers(
        go9.with_options(komi=3.5),
        "final_score",
        "boardsize 5",
        "final_score",
        "komi 1",
        "boardsize 7",
        "final_score",
    )
    assert said[::2] == ["= W+3.5", "= W+3.5", "="] and said[5] == "= W+1"


def test_the_same_size_clears_the_board(go9):
    assert answers(go9, "play b E5", "boardsize 9", "showboard")[2] == f"= \n{go9.start()}"


@pytest.mark.slow
def test_a_player_of_one_size_refuses_others_and_the_game_goes_on(go9):
    def only_nine(game):
        if game.name != "go9":
            raise ValueError(f"'net' plays go9, not {game.name}")
        return Parrot(game)

    said = answers(
        go9,
        "play b E5",
        "boardsize 13",
        "showboard",
        f"loadsgf {DATA / 'fox.sgf'}",
        "undo",
        make_player=only_nine,
    )
    assert said[1] == "? unacceptable size: 'net' plays go9, not go13" and "5 . . . . X" in said[2]
    assert said[3] == "? unacceptable size: 'net' plays go9, not go19" and said[4] == "="
    connect4 = games.load("connect4")
    assert answers(connect4, "boardsize 7", "boardsize 6") == ["? unacceptable size"] * 2


def test_a_record_is_loaded_whole_or_up_to_a_move(go9):
    path = DATA / "handicap.sgf"
    said = answers(
        go9,
        f"loadsgf {path}",
        "undo",
        "undo",
        "showboard",
        f"loadsgf {path} 3",
        "showboard",
        "genmove b",
    )
    assert (
        "5 . . X . O . O . ." in said[3] and said[0] == said[4] == "=" and "3 . . X . X" in said[5]
    )
    assert "5 . . . . O . . . ." in said[5] and said[6] == "= A9"
    said = answers(go9, "play b A1", f"loadsgf {path} 1", "showboard", "undo", "final_score")
    assert said[2].count("X") == 3 and said[3] == "? cannot undo" and said[4] == "= B+80.5"


def test_a_record_of_another_size_brings_its_board(go9):
    said = answers(go9, f"loadsgf {DATA / 'fox.sgf'}", "final_status_list alive")
    assert said[0] == "=" and sorted(said[1][2:].split()) == ["D16", "D4", "Q3", "R16"]
