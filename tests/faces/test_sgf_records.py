"""Records of other rules and other programs: moves that our rules forbid, play behind the end,
stones set up in any node, both swaps of Hex, damaged brackets. Never all or nothing: a record is
read to its end, or up to a place that is named."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

import games
from selfplay.faces import sgf
from selfplay.faces.game_record import Move, Record, Setup, after, stones, turned
from selfplay.faces.sgf_text import as_utf8, main_line
from selfplay.storage.files import DamagedFile
from tests.faces.test_sgf import words

GO9 = "(;GM[1]FF[4]SZ[9]KM[6.5]"


def read(text: str) -> Record:
    return sgf.parse(text.encode())


def board(record: Record) -> dict[str, str]:
    """What stands where at the end: {"E5": "X"}."""
    game, symbols = record.game, record.game.owner_symbols
    found = enumerate(stones(record.position()))
    return {game.format(cell): symbols[owner < 0] for cell, owner in found if owner}


def is_pass(game, step) -> bool:
    return isinstance(step, Move) and game.format(step.action) == "pass"


# Other rules


def test_a_record_goes_on_behind_two_passes():
    """KGS and OGS let players resume who disagree about dead stones; no property says that two
    passes end a record."""
    record = read(f"{GO9}RU[Japanese];B[ee];W[cc];B[];W[]C[disagree: play on];B[cd];W[dc];B[];W[])")
    assert words(record) == "E5 C7 pass pass C6 D7 pass pass" and record.note == ""
    assert record.position().outcome is not None and record.cut(6).position().outcome is None


def test_sending_two_returning_one_is_executed():
    """lizzie#410: legal under RU[Japanese], where superko is not."""
    stones = "AB[ab][bb][ac][bc][cc]AW[ba][cb][da][db][dc]PL[W]"
    text = f"{GO9}RU[Japanese]{stones};W[aa];B[ca];W[ba];B[ee])"
    record = read(text)
    assert words(record) == "A9 C9 B9 E5" and record.note == "" and "A9" not in board(record)
    assert [step.side for step in record.steps] == [1, 0, 1, 0]


def test_a_ko_that_is_taken_back_at_once_is_executed():
    """FF[4]: KO[] means execute the move, even if it is illegal (KataGo#911)."""
    record = read(f"{GO9}AB[ba][ab][bc]AW[ca][db][cc][bb]PL[B];B[cb];W[bb]KO[];B[ee])")
    assert words(record) == "C8 B8 E5" and "C8" not in board(record) and board(record)["B8"] == "O"


def test_suicide_is_executed():
    """Legal in New Zealand and Tromp-Taylor's own rules: of one stone, and of two."""
    one = read(f"{GO9}RU[NZ]AW[ba][ab]PL[B];B[aa];W[ee])")
    assert board(one) == {"B9": "O", "A8": "O", "E5": "O"} and one.note == ""
    two = read(f"{GO9}AB[aa]AW[ca][bb][ac][bc]PL[B];B[ab];W[ee];B[ba])")
    # a liberty is left
    assert "A9" in board(read(f"{GO9}AB[aa]AW[ca][bb][ac][bc]PL[B];B[ba];W[ee])"))
    assert {"A9", "B9", "A8"}.isdisjoint(board(two)) and two.note == ""


def test_a_stone_on_a_taken_point_replaces_what_is_there():
    """FF[4], B and W: a move is executed "if it is syntactically correct", whatever is there."""
    record = read(f"{GO9};B[ee];W[ee];B[cc])")
    assert board(record) == {"E5": "O", "C7": "X"} and record.note == ""


def test_othello_s_passes_are_read_where_they_are_forced_left_out_or_free():
    """Some programs write forced passes and some do not, and some end a record by two."""
    game = games.load("othello4")
    random = np.random.default_rng(13)
    for _ in range(20):
        position, moves, without = game.start(), "", ""
        while position.outcome is None:
            action, colour = int(random.choice(position.legal)), "BW"[position.mover]
            point = "" if game.format(action) == "pass" else game.format(action)
            moves, without = (
                f"{moves};{colour}[{point}]",
                f"{without};{colour}[{point}]" if point else without,
            )
            position.play(action)
        for text in (moves, without, moves + ";B[];W[]"):
            record = read(f"(;GM[2]SZ[4]{text})")
            assert record.note == "" and str(record.position()) == str(position)
            assert record.position().outcome == position.outcome and not is_pass(
                game, record.steps[-1]
            )
    white = game.format(int(turned(game.start(), 1).legal[0]))
    record = read(f"(;GM[2]SZ[4];B[];W[{white}])")
    assert record.note == "" and [step.side for step in record.steps] == [0, 1]


def test_games_longer_than_our_ply_cap_are_read_to_their_end(go5):
    """Programs that fill their own territory play on: our rules score a 5x5 board after 50
    plies."""
    random, position, record = np.random.default_rng(14), go5.start(), Record(go5)
    while len(record.steps) < 4 * go5.max_plies:
        side = len(record.steps) % 2
        legal = turned(position, side).legal
        record = record.with_step(
            Move(side, int(random.choice(legal[:-1] if len(legal) > 1 else legal)))
        )
        position = after(position, record.steps[-1], {})
    assert sgf.parse(sgf.serialise(record), go5) == replace(
        record, result=sgf.parse(sgf.serialise(record)).result
    )
    assert len([step for step in record.steps if step.action != go5.cells]) > 150


@pytest.mark.parametrize(
    ("text", "moves", "note"),
    [
        ("(;GM[2]SZ[8];B[f5];W[a1];B[e6])", "f5", "move 2, W[a1]: the rules forbid it here"),
        ("(;GM[11]SZ[5];B[a1];W[a1];B[c3])", "a1", "move 2, W[a1]: there is a stone already"),
        ("(;GM[4]SZ[9];B[aa];W[bb];B[aa])", "A9 B8", "move 3, B[aa]: there is a stone already"),
        (f"{GO9};B[ee];W[zz];B[cc])", "E5", "move 2, W[zz]: outside the board"),
        (f"{GO9};B[ee];AB[zz];W[cc])", "E5", "what is set up behind move 1: outside the board"),
        (
            f"{GO9};B[ee];AB[aa:ii];W[cc])",
            "E5",
            "what is set up behind move 1: a stone on A9 cannot be set up",
        ),
        (f"{GO9};B[ee];W[cc", "E5", "unexpected end of SGF data"),
        (f"{GO9};B[ee]\x01\x02;W[cc])", "E5", "something that is no SGF data"),
        (
            "(;GM[11]SZ[3];B[a1];W[c1];B[a2];W[c2];B[a3];W[c3])",
            "a1 c1 a2 c2 a3",
            "move 6, W[c3]: the game is over",
        ),
    ],
)
def test_what_cannot_be_executed_ends_the_reading_with_one_word(text, moves, note):
    """red-bean.com/sgf/hex.html: "there is no defined behaviour upon reading an illegal move,
    except to display an error"."""
    record = read(text)
    assert words(record) == moves and record.note.startswith(note) and "\n" not in record.note


def test_a_very_long_record_is_read_up_to_a_bound():
    record = read("(;GM[1]SZ[5]" + ";B[];W[]" * 3000 + ";B[cc])")
    assert (
        len(record.steps) == sgf.MOST_STEPS
        and record.note == "move 2001, B[]: more than 2000 moves"
    )


# Stones set up


def test_stones_are_set_up_behind_moves():
    """lizzieyzy#208: AE, AW and AB in one node behind three moves."""
    record = read(f"{GO9};B[ee];W[cc];B[gc];AE[cc]AW[cg]AB[ce];W[gg])")
    assert (
        board(record) == {"E5": "X", "G7": "X", "C5": "X", "C3": "O", "G3": "O"}
        and record.note == ""
    )
    assert words(record) == "E5 C7 G7 G3" and record.position().mover == 0


def test_who_moves_behind_a_set_up_is_told_or_stays():
    assert read(f"{GO9};B[ee];AB[cc])").position().mover == 1
    assert read(f"{GO9};B[ee];PL[B])").position().mover == 0
    assert read(f"{GO9};B[ee];AB[cc]PL[black])").position().mover == 0


@pytest.mark.parametrize("corners", ["cc:aa", "ac:ca", "ca:ac", "aa:cc"])
def test_a_rectangle_is_given_by_any_two_opposite_corners(corners):
    """KaTrain#474 has lists that begin at the wrong corner."""
    assert len(board(read(f"(;GM[1]SZ[9]AB[{corners}]AW[gg];W[ee])"))) == 9 + 2


def test_an_empty_list_of_stones_is_no_stone():
    assert board(read(f"{GO9}AB[]AW[ ]AE[];B[ee])")) == {"E5": "X"}


def test_stones_are_set_up_in_hex_othello_and_gomoku():
    """red-bean.com/sgf/hex.html: AB and AW; Hex's files count from a1 at the top left."""
    hexed = read("(;FF[4]GM[11]SZ[5]AB[c3]AW[b2];B[d2];W[a4])")
    assert board(hexed) == {"c3": "X", "b2": "O", "d2": "X", "a4": "O"} and hexed.note == ""
    othello = read("(;GM[2]SZ[8]AB[c3]AW[d4]PL[B];B[e5])")
    assert board(othello) == {"c3": "X", "d4": "X", "e5": "X"}  # these discs and no others
    gomoku = read("(;GM[4]SZ[15];B[hh];AW[ii][jj]AB[kk];W[aa])")
    assert board(gomoku) == {"H8": "X", "J7": "O", "K6": "O", "L5": "X", "A15": "O"}


# Hex


def test_both_swaps_are_read():
    """Equal in play terms: the stone changes its owner and is mirrored, or the players change
    places and it stays."""
    sides = read("(;FF[4]GM[11]SZ[5];B[b1];W[swap-sides];W[c3];B[d2])")
    assert (
        board(sides) == {"b1": "X", "c3": "O", "d2": "X"}
        and sides.note == ""
        and sides.setup == Setup()
    )
    pieces = read("(;FF[4]GM[11]SZ[5];B[b1];W[swap-pieces];B[c3];W[d2])")
    assert board(pieces) == {"a2": "O", "c3": "X", "d2": "O"} and pieces.setup.options == {
        "swap": 1.0
    }


@pytest.mark.parametrize(
    "text",
    [
        "(;GM[11]SZ[5];B[swap-sides];W[a1];B[b2];B[c3])",
        "(;GM[11]SZ[5];B[a1];W[a1];B[swap-pieces])",
        "(;GM[11]SZ[5];B[a1];W[resign];B[swap-pieces])",
        "(;GM[4]SZ[9];W[aa];W[bb];B[cc])",
        "(;GM[11]SZ[5]PL[W];W[a1];B[b2])",
    ],
)
def test_what_was_read_is_written_as_the_same_game(text):
    """Also where White begins, and where a swap stands behind the end of what can be read."""
    record = read(text)
    back = sgf.parse(sgf.serialise(record))
    assert back == replace(record, note="") and back.position().key == record.position().key


def test_a_swap_of_pieces_may_come_at_any_node():
    """red-bean.com/sgf/hex.html: "A swap move may occur at any node"; all stones are mirrored
    then."""
    record = read("(;FF[4]GM[11]SZ[5];B[b1];W[c3];B[e4];W[SWAP-pieces];B[a1])")
    assert board(record) == {"a2": "O", "c3": "X", "d5": "O", "a1": "X"} and record.note == ""


def test_names_and_results_follow_who_begins_where_white_does():
    """Little Golem's Hex: White moves first there, and is the first player here."""
    record = read("(;GM[11]SZ[5]PB[second]PW[first]RE[W+];W[a1];B[b2])")
    assert record.names == ("first", "second") and record.result == "B+"
    assert board(record) == {"a1": "X", "b2": "O"}


# Text


@pytest.mark.parametrize(
    "text",
    [
        "(;GM[1]SZ[9];B[ee];W[cc]",  # sgf-parse#21: the last bracket is missing
        "(;GM[1]SZ[9];B[ee];W[cc];",
        "(;GM[1]SZ[9](;B[ee];W[cc](;B[aa]",
        "(GM[1]SZ[9];B[ee];W[cc])",  # goreviewpartner#64: the first node's sign is missing
        "(;GM[1]SZ[9];;B[ee];W[cc];;)",  # SabakiHQ/sgf#3: empty nodes
        "a game (of mine):\r\n(;GM[1]SZ[9];B[ee];W[cc])",
        "( ;\n GM [1] SZ\t[9] ; B [ee] ; W [cc] )",
        # FF[3]
        "(;GaMe[1]SiZe[9];Black[ee];White[cc])".replace("GaMe", "GaM").replace("SiZe", "SiZ"),
        "(;GM[1]SZ[9]B[ee];W[cc])",
        "(;GM[1]SZ[9];B[ee]W[cc])",
    ],
)
def test_damaged_brackets_and_old_habits_are_taken(text):
    expected = "E5 C7 A9" if text.endswith("[aa]") else "E5 C7"
    assert words(read(text)) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"CA[" * 70_000,
        b"(;" + b"CA[" * 70_000,
        b"(;GM[1]" + b"C[" * 100_000,
        b"(" * 200_000,
        b"( " * 100_000,
        b"(;GM[1]C[" + b"\\" * 300_000,
        b"(;GM[1]SZ[9]AB" + b"[aa:ii]" * 60_000 + b")",
        b"(;GM[1]SZ[9]AE" + b"[aa:ii]" * 60_000 + b";B[ee])",
        b"(;GM[1]SZ[9]CA[punycode]" + b"C[x]" * 60_000 + b")",
        b"(;GM[1]SZ[9]" + b";" * 50_000 + b"B[ee])",
        b"(;GM[1]SZ[9];B[" + b"x" * 300_000 + b"])",
        b"(;GM[1]SZ[9];B[ee]" + b"(;W[]" * 8_000,
    ],
    ids=lambda data: repr(data[-12:]),
)
def test_the_time_of_reading_grows_with_the_file_and_no_faster(data):
    """`CA[` 70,000 times took a minute: a regular expression that grew with the square."""
    games.load("go9")
    begun = time.process_time()
    try:
        sgf.parse(data)
    except ValueError as error:
        assert len(str(error)) < 300 and "\n" not in str(error)
    assert time.process_time() - begun < 10.0


def test_what_would_never_end_is_refused_at_once(tmp_path):
    """`loadsgf` of a pipe that nobody writes to never came back."""
    os.mkfifo(tmp_path / "pipe.sgf")
    for path in (tmp_path / "pipe.sgf", "/dev/tty", "/dev/urandom", tmp_path):
        begun = time.monotonic()
        with pytest.raises(DamagedFile, match="no regular file|cannot be read"):
            sgf.read(path)
        assert time.monotonic() - begun < 10.0
    with pytest.raises(DamagedFile) as caught:
        sgf.read("x" * 100_000)
    assert len(str(caught.value)) < 300


def test_an_encoding_that_is_no_encoding_of_files_is_passed_over():
    assert as_utf8(b"CA[idna]x") == as_utf8(b"CA[unicode_escape]x")[:0] + b"CA[idna]x"
    assert main_line("(;CA[../x]PB[é])".encode())[0][0]["PB"] == ["é".encode()]


# Komi


@pytest.mark.parametrize("value", ["6.5", "-200.5", "81.5", "400.25", "1" + "0" * 250 + ".0"])
def test_komi_is_taken_as_it_is_told(value):
    assert read(f"(;GM[1]SZ[9]KM[{value}];B[ee])").setup.options == {"komi": float(value)}
