"""The Go Text Protocol's server: grammar, commands on every game, refusals that change nothing."""

import io
import re

import numpy as np
import pytest

import games
from selfplay.faces.gtp import LONGEST_COMMAND, serve
from tests.faces.gtp.talk import COMMANDS, answers, talk
from tests.faces.sitting import Parrot

# Grammar


def test_answers_carry_the_number_of_their_command(connect4):
    assert talk(connect4, "12 name\nname\n0 nonsense\nnonsense\n7\n") == (
        "=12 selfplay\n\n= selfplay\n\n?0 unknown command\n\n? unknown command\n\n?7 unknown "
        "command\n\n"
    )


def test_comments_control_characters_tabs_and_empty_lines_are_as_the_protocol_says(connect4):
    data = (
        b"\n  \n# a comment\n\t1\tname # another\r\n"
        b"2 na\x00\x07me\x7f\r\n\r\n3   known_command\t  play \n"
    )
    assert talk(connect4, data) == "=1 selfplay\n\n=2 selfplay\n\n=3 true\n\n"


def test_a_byte_order_mark_is_skipped(connect4):
    """PowerShell, and editors of Windows, write it before a text (toml#438)."""
    assert (
        talk(connect4, b"\xef\xbb\xbf1 name\r\n\xef\xbb\xbfname\n")
        == "=1 selfplay\n\n= selfplay\n\n"
    )
    assert talk(connect4, b"\xef\xbb\xbf# a comment\n\xef\xbb\xbf\n2 name\n") == "=2 selfplay\n\n"


def test_a_carriage_return_ends_no_line_and_form_feeds_are_nothing(connect4):
    """GTP 2, section 2.5: control characters but HT and LF are removed."""
    assert talk(connect4, b"1 na\rme\r\r\n\x0c2\x0b name\x0c\n\x00\n3\tname\x1b\n") == "".join(
        f"={number} selfplay\n\n" for number in (1, 2, 3)
    )


def test_many_commands_at_once_are_answered_in_their_order(connect4, tmp_path):
    """More than the reader keeps: the writer waits."""
    (tmp_path / "in").write_bytes(b"".join(b"%d name\n" % number for number in range(40_000)))
    with open(tmp_path / "in", "rb") as file:
        serve(connect4, Parrot, file.fileno(), output := io.StringIO())
    assert output.getvalue() == "".join(f"={number} selfplay\n\n" for number in range(40_000))


def test_a_last_line_without_an_end_is_answered(connect4):
    assert talk(connect4, "1 name\n2 name") == "=1 selfplay\n\n=2 selfplay\n\n"


def test_nothing_behind_quit_is_answered(connect4):
    assert talk(connect4, "1 quit\n2 name\n") == "=1\n\n"


@pytest.mark.parametrize(
    "line", [b"play b " + b"4" * 10_000, b"x" * 1_000_000, b"loadsgf " + b"a/" * 5_000]
)
def test_a_line_too_long_is_refused_and_the_next_is_answered(connect4, line, tmp_path):
    (tmp_path / "in").write_bytes(b"3 play b 1\n5 " + line + b"\n6 play w 1\n")
    with open(tmp_path / "in", "rb") as file:
        serve(connect4, Parrot, file.fileno(), output := io.StringIO())
    assert output.getvalue() == f"=3\n\n?5 line too long: at most {LONGEST_COMMAND} bytes\n\n=6\n\n"


def test_no_answer_holds_an_empty_line_and_bytes_that_are_no_text_do_no_harm(go9):
    random = np.random.default_rng(1)
    for name in COMMANDS[:-3]:
        for words in (
            b"",
            b" b",
            b" w",
            b" 9",
            b" b d4",
            bytes(random.integers(32, 256, 20, np.uint8)),
        ):
            said = talk(go9, b"8 " + name.encode() + words.replace(b"\n", b"") + b"\n")
            assert re.fullmatch(r"[=?]8( .*)?(\n.+)*\n\n", said), (name, words, said)


# Commands


def test_every_command_of_the_protocol_is_known(connect4):
    listed = answers(connect4, "list_commands")[0].removeprefix("= ").split("\n")
    assert set(COMMANDS) <= set(listed) and len(listed) == len(set(listed))
    known = answers(
        connect4, *[f"known_command {name}" for name in listed], "known_command nonsense"
    )
    assert known == ["= true"] * len(listed) + ["= false"]
    assert answers(connect4, "protocol_version") == ["= 2"]


@pytest.mark.parametrize(
    "name", ["connect4", "tictactoe", "othello6", "hex5", "gomoku9", "breakthrough5", "go9"]
)
def test_every_game_is_played(name):
    game = games.load(name)
    position, told = game.start(), []
    for case in (str.upper, str.lower, str.upper):
        move = int(position.legal[len(position.legal) // 2])
        told.append(f"play {'bw'[position.mover]} {case(game.format(move))}")
        position.play(move)
    said = answers(game, *told, "genmove w", "showboard", "undo", "showboard")
    assert said[:3] == ["="] * 3 and said[-1] == f"= \n{position}"
    first = game.format(int(position.legal[0]))
    assert said[3] == f"= {first}" and said[4] == f"= \n{position.play(first)}"


def test_reg_genmove_moves_nothing(connect4):
    said = answers(connect4, "play b 4", "showboard", "reg_genmove w", "showboard")
    assert said[2] == "= 1" and said[1] == said[3]


REFUSED = [
    ("play b E5", "illegal move: there is a stone already"),
    ("play b Z9", "invalid coordinate 'Z9'"),
    ("play b I5", "invalid coordinate 'I5'"),
    ("play b E10", "invalid coordinate 'E10'"),
    ("play b", "syntax error: the vertex is missing"),
    ("play", "syntax error: the colour is missing"),
    ("play green E6", "syntax error: 'green' is no colour"),
    ("play b \u0416", "invalid coordinate 'Ж'"),
    ("genmove", "syntax error: the colour is missing"),
    ("genmove x", "syntax error: 'x' is no colour"),
    ("boardsize 25", "unacceptable size"),
    ("boardsize 4", "unacceptable size"),
    ("boardsize -9", "unacceptable size"),
    ("boardsize nine", "syntax error: the size is no number"),
    ("boardsize " + "9" * 4000, "syntax error: the size is no number"),
    ("boardsize", "syntax error: the size is missing"),
    ("komi many", "syntax error: komi is no number"),
    ("komi nan", "syntax error: komi is no number"),
    ("fixed_handicap 3", "board not empty"),
    ("fixed_handicap 10", "invalid number of stones"),
    ("fixed_handicap 1", "invalid number of stones"),
    ("fixed_handicap " + "9" * 300, "invalid number of stones"),
    ("fixed_handicap " + "9" * 400, "syntax error: the number of stones is no number"),
    ("place_free_handicap 0", "invalid number of stones"),
    ("set_free_handicap A1", "bad vertex list"),
    ("set_free_handicap A1 A1", "bad vertex list"),
    ("set_free_handicap A1 pass", "bad vertex list"),
    ("set_free_handicap A1 A99", "invalid coordinate 'A99'"),
    ("loadsgf", "cannot load file: syntax error: the file is missing"),
    ("loadsgf nowhere.sgf", "cannot load file: nowhere.sgf cannot be read"),
    ("loadsgf /etc/passwd 3", "cannot load file: /etc/passwd: no SGF data found"),
    ("final_status_list lost", "syntax error: unknown status 'lost'"),
    ("time_settings 1 2", "syntax error: the number of stones is missing"),
    ("time_settings x y z", "syntax error: the time is no number"),
    ("kgs-time_settings swiss 1", "syntax error: unknown time system 'swiss'"),
    ("time_settings 10 -1 5", "syntax error: the time is out of range"),
    ("time_settings 10 1 -5", "syntax error: the number of stones is out of range"),
    ("time_settings 1e99 1 5", "syntax error: the time is out of range"),
    ("kgs-time_settings fischer 10 1", "syntax error: unknown time system 'fischer'"),
    ("kgs-time_settings byoyomi 10 5", "syntax error: the number of periods is missing"),
    ("kgs-time_settings byoyomi 10 5 many", "syntax error: the number of periods is no number"),
    ("kgs-time_settings canadian 10 5", "syntax error: the number of stones is missing"),
    ("kata-time_settings", "syntax error: the system is missing"),
    ("kata-time_settings fischer 10", "syntax error: the increment is missing"),
    ("kata-time_settings fischer 10 -1", "syntax error: the increment is out of range"),
    ("kata-time_settings fischer nan 1", "syntax error: main time is no number"),
    ("kata-time_settings fischer-capped 10 1 60", "syntax error: the limit is missing"),
    ("kata-set-param", "syntax error: the parameter is missing"),
    ("kata-set-param maxTime", "syntax error: the value is missing"),
    ("kata-set-param maxTime 0", "maxTime must be above 0"),
    ("kata-set-param maxTime soon", "syntax error: maxTime is no number"),
    ("kata-set-param ponderingEnabled maybe", "ponderingEnabled is true or false, not 'maybe'"),
    ("kata-get-param cpuct", "unknown parameter 'cpuct'; there are: maxTime, ponderingEnabled"),
    ("time_left b 10", "syntax error: the number of stones is missing"),
    ("known_command", "syntax error: the command is missing"),
    ("lz-analyze", "parrot does not search"),
    ("kata-genmove_analyze w", "parrot does not search"),
    ("nonsense " + "x " * 1000, "unknown command"),
]


def test_what_cannot_be_done_is_said_in_the_protocol_s_form_and_changes_nothing(go9):
    before = "play b E5\nplay w E6\n"
    intact = talk(go9, before + "showboard\nundo\nundo\nundo\n").removeprefix("=\n\n=\n\n")
    for command, message in REFUSED:
        said = talk(go9, f"{before}77 {command}\nshowboard\nundo\nundo\nundo\n").removeprefix(
            "=\n\n=\n\n"
        )
        answer, _, rest = said.partition("\n\n")
        assert answer.startswith(f"?77 {message}") and "\n" not in answer, (command, answer)
        assert rest == intact, command


def test_a_repeated_position_is_refused(go9):
    """Black takes one stone in a ko; White may not take back at once."""
    ko = ["b B3", "w D4", "b C4", "w D2", "b C2", "w E3", "b A9", "w C3", "b D3"]
    said = answers(go9, *[f"play {move}" for move in ko], "play w C3", "play w H8", "showboard")
    assert said[-3] == "? illegal move: the rules forbid it here" and said[-2] == "="
    assert said[:9] == ["="] * 9 and "3 . X . X O . . . ." in said[-1]


def test_a_stone_without_liberties_is_refused(go9):
    said = answers(go9, "play b A2", "play b B1", "play w A1", "showboard")
    assert said[2] == "? illegal move: the rules forbid it here" and "1 . X" in said[3]


def test_two_moves_of_one_colour_are_undone_one_by_one(go9):
    said = answers(
        go9,
        "play b A1",
        "play b B1",
        "showboard",
        "undo",
        "showboard",
        "genmove b",
        "undo",
        "undo",
        "undo",
    )
    assert "1 X X" in said[2] and "1 X ." in said[4] and said[-2:] == ["=", "? cannot undo"]


def test_who_passed_may_move_again_at_once(go9):
    """GTP 2, section 6.3.2 (play): "Consecutive moves of the same color are not considered
    illegal"."""
    said = answers(
        go9,
        "play b pass",
        "play b E5",
        "genmove b",
        "play w E4",
        "undo",
        "undo",
        "undo",
        "undo",
        "undo",
    )
    assert said == ["=", "=", "= A9", *["="] * 5, "? cannot undo"]


def test_games_without_a_pass_refuse_the_wrong_colour(connect4):
    assert answers(connect4, "play w 4", "genmove w", "play b 4", "genmove w") == [
        "? illegal move: it is the other player's turn",
        "? it is the other player's turn",
        "=",
        "= 1",
    ]


def test_a_finished_game_stays_finished(tictactoe):
    moves = ["b a1", "w b1", "b a2", "w b2", "b a3"]
    said = answers(
        tictactoe,
        *[f"play {move}" for move in moves],
        "play w c3",
        "genmove w",
        "final_score",
        "undo",
    )
    assert said[-4:] == ["? illegal move: the game is over", "? the game is over", "= B+1", "="]


def test_scores_are_the_rules_own(go9, tictactoe):
    assert answers(go9, "final_score", "play b E5", "final_score", "komi 6.5", "final_score") == [
        "= W+7.5",
        "=",
        "= B+73.5",
        "=",
        "= B+74.5",
    ]
    assert answers(go9, "komi 81", "play b E5", "final_score")[-1] == "= 0"
    assert answers(tictactoe, "final_score") == ["? cannot score: the game is not over"]


def test_komi_is_taken_by_games_that_have_none(connect4):
    assert answers(connect4, "komi 6.5", "play b 4") == ["=", "="]


def test_every_stone_on_the_board_is_alive(go9):
    said = answers(
        go9,
        "play b E5",
        "play w C3",
        *[f"final_status_list {s}" for s in ("alive", "dead", "seki")],
    )
    assert [sorted(answer[1:].split()) for answer in said[2:]] == [["C3", "E5"], [], []]
