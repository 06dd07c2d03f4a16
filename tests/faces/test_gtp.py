"""The Go Text Protocol's server: grammar, commands on every game, refusals that change nothing."""

import io
import re
from pathlib import Path

import numpy as np
import pytest

import games
from selfplay.config import MatchConfig
from selfplay.faces.gtp import LONGEST, serve
from selfplay.matches import players
from tests.faces.gtp_talk import answers, talk
from tests.faces.sitting import Parrot

DATA = Path(__file__).parent.parent / "data"
COMMANDS = [
    "list_commands",
    "protocol_version",
    "name",
    "version",
    "boardsize",
    "komi",
    "clear_board",
    "play",
    "genmove",
    "undo",
    "showboard",
    "final_score",
    "final_status_list",
    "time_settings",
    "time_left",
    "kgs-time_settings",
    "kata-time_settings",
    "kata-list_time_settings",
    "kata-get-param",
    "kata-set-param",
    "kata-list-params",
    "stop",
    "fixed_handicap",
    "place_free_handicap",
    "set_free_handicap",
    "loadsgf",
    "reg_genmove",
    "known_command",
    "quit",
    "lz-analyze",
    "kata-analyze",
]


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
    assert output.getvalue() == f"=3\n\n?5 line too long: at most {LONGEST} bytes\n\n=6\n\n"


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


class Gloomy(Parrot):
    """A parrot whose opinions of its game are these, one a move: values for the FIRST player."""

    def __init__(self, game, values):
        super().__init__(game)
        self.values = list(values)

    def analyse(self, state):
        action, nothing = self.choose(state[None])[0], np.zeros(0)
        return players.SearchResult(
            nothing, nothing, nothing, nothing, self.values.pop(0), None, int(action), None
        )


def replies(game, values, count, **options) -> list[str]:
    """What White (the second player) answers to moves in column 4, 5, 6, ..., with these
    opinions."""
    commands = [line for move in range(count) for line in (f"play b {4 + move}", "genmove w")]
    return answers(game, *commands, make_player=lambda game: Gloomy(game, values), **options)[1::2]


def test_a_game_is_given_up_when_several_moves_in_a_row_were_hopeless(connect4):
    assert MatchConfig().resign_moves == 3 and MatchConfig().resign_below == 0.05
    lost, open_ = 0.91, 0.89  # for the first player: White wins 4.5 % and 5.5 %
    assert replies(connect4, [lost] * 4, 4, may_resign=True)[2] == "= resign"
    assert replies(connect4, [lost] * 4, 4)[2] == "= 1"  # only where it is allowed
    assert "= resign" not in replies(connect4, [lost, lost, open_, lost], 4, may_resign=True)
    assert "= resign" not in replies(connect4, [-lost] * 4, 4, may_resign=True)  # White is winning


def test_taking_back_and_a_new_game_forget_hopeless_moves(connect4):
    before = ["play b 4", "genmove w", "play b 4", "genmove w"]
    for between in (["undo", "play w 2", "play b 7"], ["clear_board", "play b 4"]):
        said = answers(
            connect4,
            *before,
            *between,
            "genmove w",
            make_player=lambda g: Gloomy(g, [1.0] * 9),
            may_resign=True,
        )
        assert said[-1] in ("= 1", "= 2")


def test_a_regression_s_move_is_always_a_move(connect4):
    said = answers(
        connect4,
        *["reg_genmove b"] * 5,
        make_player=lambda g: Gloomy(g, [-1.0] * 9),
        may_resign=True,
    )
    assert said == ["= 1"] * 5


def test_the_thresholds_are_the_player_s_configuration(tictactoe):
    """The first of White's moves that it thinks lost is its last."""

    def make_player(game):
        player = players.create("mcts:300", game, seed=1)
        player.config = MatchConfig(resign_below=0.2, resign_moves=1)
        return player

    lost = ["play b a1", "play w b1", "play b a2", "play w a3", "play b b2"]  # two lines to stop
    for command, answer in (("genmove w", "= resign"), ("lz-genmove_analyze w", "play resign")):
        said = answers(
            tictactoe, *lost, command, "showboard", "undo", make_player=make_player, may_resign=True
        )
        assert said[5].endswith(answer) and said[6].count("O") == 2 and said[7] == "="
