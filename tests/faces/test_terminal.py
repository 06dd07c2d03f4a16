"""Sitting down at the board: moves, commands, refusals, saving, leaving."""

import io
import json

import pytest
from rich.console import Console

import games
from selfplay.config import MatchConfig, NetworkConfig
from selfplay.faces import sgf
from selfplay.faces.saved_game import load_moves, load_record, parse_moves
from selfplay.faces.terminal import sit_down
from selfplay.faces.terminal_view import opinion
from selfplay.matches import players
from selfplay.matches.players import SearchPlayer
from selfplay.network.weights import new_network, shape_for
from selfplay.storage.files import DamagedFile
from tests.conftest import played
from tests.faces.sitting import Parrot, sit


def test_a_game_against_an_engine_ends_with_its_result(connect4):
    said, prompts = sit(connect4, ["4", "4", "4", "4"], second=Parrot(connect4))
    assert "X (you) win." in said
    assert prompts[0].startswith("X to move")
    assert said.count("plays 1") == 3


def test_the_second_player_may_be_the_person(connect4):
    said, prompts = sit(connect4, ["7", "7", "7"], first=Parrot(connect4))
    assert "O to move" in prompts[0] and "X (parrot) wins." in said


def test_two_engines_play_alone(connect4):
    said, prompts = sit(connect4, [], first=Parrot(connect4), second=Parrot(connect4))
    assert prompts == [] and ("wins." in said or "Draw." in said)


def test_two_people_draw_at_tic_tac_toe(tictactoe):
    said, _ = sit(tictactoe, ["a1", "b2", "c3", "b1", "b3", "a3", "c1", "c2", "a2"])
    assert said.rstrip().endswith("Draw.")


@pytest.mark.parametrize("word", ["8", "x", "0", "44", "[bold]"])
def test_an_illegal_move_shows_the_legal_ones_and_changes_nothing(connect4, word):
    said, _ = sit(connect4, [word, "quit"], second=Parrot(connect4))
    assert f"'{word}' cannot be played here. Legal: 1 2 3 4 5 6 7" in said.replace("\n", " ")
    assert "plays" not in said


def test_a_full_column_is_not_among_the_legal_ones(connect4):
    said, _ = sit(connect4, ["1"], moves=[0, 0, 0, 0, 0, 0])
    assert "'1' cannot be played here. Legal: 2 3 4 5 6 7" in said


def test_undo_takes_back_ones_own_move_and_the_answer(connect4):
    said, _ = sit(connect4, ["4", "undo", "5", "quit"], second=Parrot(connect4))
    assert "--moves '5 1'" in said
    said, _ = sit(connect4, ["undo", "quit"], second=Parrot(connect4))
    assert "nothing to take back" in said
    said, _ = sit(connect4, ["7", "undo", "quit"], first=Parrot(connect4))
    assert "--moves '1'" in said  # the engine's first move stays


@pytest.mark.parametrize("ending", [[], ["quit"], ["^C"]])
def test_whoever_leaves_is_told_how_to_go_on(connect4, ending):
    said, _ = sit(connect4, ["4", *ending], second=Parrot(connect4))
    assert "Left. To go on: selfplay play parrot --moves '4 1'" in said


def test_a_game_can_begin_from_moves(connect4):
    said, prompts = sit(
        connect4, ["4"], second=Parrot(connect4), moves=parse_moves("4 1 4 1 4 1", connect4)
    )
    assert "X (you) win." in said and len(prompts) == 1
    with pytest.raises(ValueError, match="move 2, '9', is not legal"):
        parse_moves("4 9", connect4)


def test_hint_shows_search_and_network_side_by_side(connect4):
    network = new_network(shape_for(connect4, NetworkConfig(blocks=1, channels=4)), 1)
    player = SearchPlayer.network("net", connect4, network, MatchConfig(), 50, precision="fp32")
    said, _ = sit(connect4, ["hint", "quit"], second=Parrot(connect4), hint=player)
    assert "net would play" in said and "visits" in said and "network alone" in said
    said, _ = sit(connect4, ["hint", "quit"], second=Parrot(connect4), hint=Parrot(connect4))
    assert "no engine to ask" in said


def test_values_are_shown_for_whoever_is_to_move(connect4):
    player = players.create("mcts:400", connect4)
    for moves in ("414141", "7414141"):  # whoever moves now wins with column 4
        position = played(connect4, moves)
        analysis = player.analyse(position.state)
        assert (analysis.value > 0) == (position.mover == 0)
        assert "+" in str(opinion(connect4, analysis).title)


def test_games_are_saved_and_loaded(connect4, tictactoe, tmp_path):
    path = tmp_path / "game.json"
    said, _ = sit(connect4, ["4", f"save {path}", "quit"], second=Parrot(connect4))
    assert f"saved to {path}" in said.replace("\n", "")
    assert load_moves(str(path), connect4) == [3, 0]
    said, _ = sit(connect4, [f"load {path}", "quit"], second=Parrot(connect4))
    assert "--moves '4 1'" in said
    with pytest.raises(DamagedFile, match="is a game of connect4, not tictactoe"):
        load_moves(str(path), tictactoe)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": "other"}',
        '{"format": "selfplay-game-1", "game": "connect4", "moves": ["9"]}',
    ],
)
def test_files_that_are_no_saved_games_are_refused_at_the_prompt(connect4, tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    said, _ = sit(connect4, ["4", f"load {path}", "quit"], second=Parrot(connect4), width=400)
    assert "bad.json" in said and "--moves '4 1'" in said  # the game in progress is intact


def test_saving_where_one_cannot_is_said(connect4, tmp_path):
    said, _ = sit(
        connect4, ["save /nowhere/at/all.json", "save", "load", "quit"], second=Parrot(connect4)
    )
    assert (
        "cannot write /nowhere/at/all.json" in said
        and "save needs a file name" in said
        and "load needs" in said
    )


def test_help_lists_moves_and_commands(connect4):
    said, _ = sit(connect4, ["help", "quit"], second=Parrot(connect4))
    for word in ("moves: 1 2 3 4 5 6 7", "undo", "hint", "save FILE", "quit"):
        assert word in said


def test_a_terminal_gets_colour_and_a_pipe_does_not(connect4):
    plain, _ = sit(connect4, ["4", "quit"], second=Parrot(connect4))
    assert "\x1b" not in plain and "X" in plain
    colour, _ = sit(connect4, ["4", "quit"], second=Parrot(connect4), terminal=True)
    assert "\x1b[1;31m" in colour and "\x1b[1;33m" in colour


def test_a_narrow_terminal_keeps_the_board_whole(connect4):
    said, _ = sit(
        connect4,
        ["4", "hint", "quit"],
        second=Parrot(connect4),
        hint=players.create("mcts:50", connect4),
        width=20,
    )
    assert ". . . X . . ." in said


def test_saved_games_are_plain_json(connect4, tmp_path):
    path = tmp_path / "g.json"
    sit(connect4, ["4", f"save {path}"], second=Parrot(connect4))
    assert json.loads(path.read_text()) == {
        "format": "selfplay-game-1",
        "game": "connect4",
        "players": ["you", "parrot"],
        "moves": ["4", "1"],
    }


def test_a_solver_before_too_hard_a_position_leaves_with_the_moves(connect4, monkeypatch):
    monkeypatch.setattr(players, "SOLVER_NODES", 1000)
    solver = players.create("solver", connect4)
    out = io.StringIO()
    with pytest.raises(ValueError, match="too hard"):
        sit_down(
            connect4,
            None,
            solver,
            None,
            [3],
            "selfplay play connect4",
            Console(file=out, width=80),
            lambda prompt: "4",
        )
    assert "Left. To go on: selfplay play connect4 --moves '4" in out.getvalue()


def test_commands_that_fail_say_why(connect4, tmp_path, monkeypatch):
    monkeypatch.setattr(players, "SOLVER_NODES", 1000)
    said, _ = sit(
        connect4,
        ["hint", f"save {tmp_path}"],
        second=Parrot(connect4),
        hint=players.create("solver", connect4),
        width=400,
    )
    assert (
        "too hard" in said and "cannot be played" not in said and f"cannot write {tmp_path}" in said
    )


# Behind the end


def test_a_game_that_ended_by_passes_may_be_played_on_taken_back_and_saved(go5, tmp_path):
    """Players who disagree about dead stones play on; on KGS and OGS they are asked."""
    path = tmp_path / "game.sgf"
    lines = ["c3", "pass", "pass", f"save {path}", "d4", "undo", "UNDO", "d3", "quit"]
    said, prompts = sit(go5, lines)
    assert said.count("X (you) win.") == 1 and f"saved to {path}" in said.replace("\n", "")
    assert [prompt.split(" ")[0] for prompt in prompts] == [
        "X",
        "O",
        "X",
        "The",
        "The",
        "X",
        "X",
        "X",
        "O",
    ]
    assert "goes on from a file" not in said and "--moves 'D3'" in said
    assert sgf.read(path).moves == [12, 25, 25]


def test_a_game_that_was_played_on_is_kept_as_sgf(go5, tmp_path):
    path = tmp_path / "on.sgf"
    said, _ = sit(
        go5,
        ["pass", "pass", "c3", "pass", "pass", f"save {tmp_path / 'on.json'}", f"save {path}", ""],
    )
    assert (
        said.count("O (you) win.") == 1
        and said.count("X (you) win.") == 1
        and "save it as FILE.sgf" in said
    )
    assert sgf.read(path).moves == [25, 25, 12, 25, 25] and "Left." not in said
    assert (
        "Left. A game of another kind goes on from a file"
        in sit(go5, ["pass", "pass", "c3", "quit"])[0]
    )


@pytest.mark.parametrize("ending", [[], [""], ["quit"], ["Q"], ["  "]])
def test_who_leaves_behind_the_end_leaves_without_a_word(go5, ending):
    said, prompts = sit(go5, ["pass", "pass", *ending])
    assert said.rstrip().endswith("O (you) win.") and len(prompts) == 3


def test_two_engines_end_and_a_person_is_asked_for_their_own_side(go5):
    said, prompts = sit(
        go5, [], first=players.create("mcts:5", go5), second=players.create("mcts:5", go5)
    )
    assert prompts == []
    moves = parse_moves("pass C3 pass", go5)
    said, prompts = sit(go5, ["pass", "a1", "undo", "undo"], first=Parrot(go5), moves=moves)
    assert prompts[1].startswith("O to move") or "O (you)" in said


def test_othello_s_last_move_may_be_taken_back():
    othello = games.load("othello4")
    position, lines = othello.start(), []
    while position.outcome is None:
        lines.append(othello.format(int(position.legal[0])))
        position.play(lines[-1])
    said, prompts = sit(othello, [*lines, "a1", "undo", "quit"])
    assert "'a1' cannot be played here. Legal:  (or" in said and len(prompts) == len(lines) + 3
    assert f"--moves '{' '.join(lines[:-2])}'" in said  # one's own move and the answer to it


def test_games_without_passes_end_at_once(tictactoe):
    said, prompts = sit(tictactoe, ["a1", "b1", "a2", "b2", "a3", "undo"])
    assert said.rstrip().endswith("X (you) win.") and len(prompts) == 5


@pytest.mark.parametrize("word", ["QUIT", "Exit", "q", "Q", "quit "])
def test_commands_are_words_in_any_case(connect4, word):
    assert "Left. To go on" in sit(connect4, ["4", word], second=Parrot(connect4))[0]
    assert "undo" in sit(connect4, ["HELP", word], second=Parrot(connect4))[0]


def test_a_word_of_any_length_gets_a_short_answer(connect4):
    said, _ = sit(connect4, ["x" * 100_000, "quit"], second=Parrot(connect4))
    assert "'xxxxxxxxxxxxxxxxxxxx' cannot be played here" in said and len(said) < 1000


def test_a_file_that_cannot_be_read_to_its_end_says_where(tmp_path):
    othello, path = games.load("othello8"), tmp_path / "x.sgf"
    path.write_text("(;GM[2]SZ[8];B[f5];W[a1];B[e6])")
    for said in (
        sit(othello, [f"load {path}", "quit"])[0],
        sit(othello, ["quit"], record=load_record(str(path), othello))[0],
    ):
        assert (
            "read up to move 2, W[a1]: the rules forbid it here" in said and "--moves 'f5'" in said
        )
