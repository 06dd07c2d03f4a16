"""Records in the Smart Game Format: real files' habits are read, bad ones get one line, what is
written is read back."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import games
from selfplay.faces import sgf
from selfplay.faces.game_record import Move, Record, Setup, plain
from selfplay.storage.files import DamagedFile
from tests.faces.sitting import Parrot, sit

DATA = Path(__file__).parent.parent / "data"


def words(record: Record) -> str:
    return " ".join(record.game.format(move) for move in record.moves)


# In


def test_the_main_line_of_a_handicap_game_is_read_past_variations_comments_and_private_values():
    record = sgf.read(DATA / "handicap.sgf")
    assert record.game.name == "go9" and record.setup.options == {"komi": 0.5}
    stones = [record.game.format(cell) for cell in record.setup.black]
    assert (
        sorted(stones) == ["C3", "C7", "G7"]
        and record.setup.white == ()
        and record.setup.mover == 1
    )
    assert words(record) == "E5 E3 G5 C5 pass pass"
    assert record.names == ("a\\b", "Müller ] [3d]") and record.result == "W+Resign"
    assert record.position().outcome is not None


@pytest.mark.parametrize(
    ("name", "black"),
    [("gbk", "柯乚洁"), ("shift_jis", "ソ連]"), ("utf16", "柯洁"), ("latin1", "Jürgen")],
)
def test_names_are_read_in_the_file_s_encoding(name, black):
    """The first two hold characters whose second byte is that of `]` or of a backslash."""
    record = sgf.read(DATA / f"{name}.sgf")
    assert record.names[0] == black and words(record).startswith("E5")


def test_a_file_in_another_encoding_than_it_says_is_read_all_the_same():
    assert sgf.parse("(;SZ[9]CA[UTF-8]PB[Jürgen];B[ee])".encode("latin-1")).names[0] == "Jürgen"
    assert sgf.parse("(;SZ[9]PB[柯洁];B[ee])".encode()).names[0] == "柯洁"
    assert sgf.parse(b"\xef\xbb\xbf(;SZ[9]PB[a];B[ee])").names[0] == "a"


def test_komi_in_hundredths_is_komi():
    """A Chinese server writes 3.75 stones as 375, which are 7.5 points; and Japanese games' 6.5
    points as 650."""
    assert sgf.read(DATA / "fox.sgf").setup.options.get("komi", 7.5) == 7.5
    assert sgf.parse(b"(;SZ[19]KM[650])").setup.options == {"komi": 6.5}
    assert sgf.parse(b"(;SZ[19]KM[6,5])").setup.options == {"komi": 6.5}
    assert sgf.parse(b"(;SZ[19])").setup.options == {}


def test_points_count_from_the_top_left_and_letters_do_not_skip_i():
    assert words(sgf.parse(b"(;GM[1];B[aa];W[sa];B[as];W[is];B[jj])")) == "A19 T19 A1 J1 K10"


def test_moves_of_one_colour_in_a_row_are_moves_of_that_colour_and_nobody_passes():
    record = sgf.parse(b"(;GM[1]SZ[9];B[cc];B[gg];W[ee])")
    assert words(record) == "C7 G3 E5" and [step.side for step in record.steps] == [0, 0, 1]
    assert words(sgf.parse(b"(;GM[1]SZ[9];W[ee])")) == "E5"
    assert str(sgf.parse(b"(;GM[1]SZ[9];W[ee])").position()).count("O") == 1


def test_who_moves_after_set_up_stones_is_told_or_seen():
    for text, mover in (
        ("AB[cc][gg];W[ee]", 1),
        ("AB[cc][gg];B[ee]", 0),
        ("AB[cc][gg]", 1),
        ("AB[cc]AW[gg]", 0),
        ("AB[cc]AW[gg]PL[W]", 1),
        ("AB[cc]AW[gg]PL[black]", 0),
    ):
        assert (
            sgf.parse(f"(;GM[1]SZ[9]{text})".encode()).setup.start(games.load("go9")).mover == mover
        ), text


def test_rectangles_of_stones_are_set_up_and_cleared():
    setup = sgf.parse(b"(;GM[1]SZ[9]AB[aa:cb]AE[bb];W[ee])").setup
    assert setup.black == (0, 1, 2, 9, 11)


def test_hex_is_read_in_its_own_letters_and_in_go_s(tmp_path):
    record = sgf.read(DATA / "hex.sgf")
    assert words(record) == "a2 swap c3 c2 d2 b3 d3" and record.setup.options == {"swap": 1.0}
    assert words(sgf.read(DATA / "littlegolem.sgf")) == "m2 g7 d10"  # White first there


def test_othello_with_its_first_discs_set_up_is_othello():
    record = sgf.read(DATA / "othello.sgf")
    assert record.setup == Setup() and words(record) == "f5 f6 e6 f4"


def test_a_third_pass_after_the_end_is_let_go():
    assert words(sgf.parse(b"(;GM[1]SZ[9];B[ee];W[];B[tt];W[];B[])")) == "E5 pass pass"


BAD = [
    ("", "no SGF data"),
    ("hello", "no SGF data"),
    ("(;GM[1]SZ[9];B[ee", "unexpected end"),
    ("(;GM[3];B[ee])", "GM[3]"),
    ("(;GM[1]SZ[25];B[ee])", "SZ[25]"),
    ("(;GM[1]SZ[19:9];B[ee])", "SZ[19:9]"),
    ("(;GM[1]SZ[x];B[ee])", "SZ[x]"),
    ("(;GM[11]SZ[2];B[a1])", "SZ[2]"),
    ("(;GM[1]SZ[9]KM[much])", "KM[much] is no komi"),
    ("(;GM[1]SZ[9];B[zz])", "move 1, B[zz]: outside the board"),
    ("(;GM[1]SZ[9];B[!?])", "move 1, B[!?]: '!?' is no vertex"),
    (f"(;GM[1]SZ[9];B[{'x' * 5000}])", "move 1, B[xxxxxxxxxxxxxxxxxxxx]: no point"),
    ("(;GM[1]SZ[9]AB[zz])", "outside the board"),
    ("(;GM[1]SZ[9]AB[aa:ii])", "cannot be set up"),
    ("(;GM[2]SZ[8];B[aa])", "move 1, B[aa]: the rules forbid it here"),
    ("(;GM[4]SZ[15];B[swap])", "move 1, B[swap]: 'swap' is no vertex"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD, ids=[text[:40] for text, _ in BAD])
def test_a_bad_file_gets_one_line_that_names_it(text, message, tmp_path):
    path = tmp_path / "bad.sgf"
    path.write_text(text)
    with pytest.raises(DamagedFile, match=re.escape(message)) as caught:
        sgf.read(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_random_bytes_are_refused_or_read_and_never_crash():
    random, whole = np.random.default_rng(3), (DATA / "handicap.sgf").read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            damaged[place] = random.integers(256)
        try:
            sgf.parse(bytes(damaged[: random.integers(len(whole))]))
        except ValueError as error:
            assert "\n" not in str(error)


def test_a_file_that_is_not_there_or_never_ends_is_said():
    with pytest.raises(DamagedFile, match="nowhere.sgf cannot be read: No such file"):
        sgf.read("nowhere.sgf")
    with pytest.raises(DamagedFile, match="/dev/zero is no regular file"):
        sgf.read("/dev/zero")
    with pytest.raises(DamagedFile, match="a game of go9, not go5"):
        sgf.read(DATA / "gbk.sgf", games.load("go5"))


# Out


@pytest.mark.parametrize("name", ["go5", "othello4", "gomoku9", "hex3"])
def test_random_games_are_read_back_as_they_were_written(name):
    game, random = games.load(name), np.random.default_rng(5)
    for _ in range(10):
        position, moves = game.start(), []
        while position.outcome is None:
            moves.append(int(random.choice(position.legal)))
            position.play(moves[-1])
        record = replace(plain(game, moves), names=("A ] \\ b", "Ж"))
        back = sgf.parse(sgf.serialise(record), game)
        assert (
            back.steps == record.steps
            and back.moves == moves
            and back.names == record.names
            and back.setup == record.setup
        )
        assert back.result[0] == {1: "B", -1: "W", 0: "0"}[np.sign(position.outcome)]


def test_what_is_written_is_plain_sgf():
    go = games.load("go9")
    moves = plain(go, [go.parse(v) for v in ("E5", "C7", "pass", "pass")]).steps
    record = Record(go, Setup({"komi": 5.5}), moves, ("me", "you"))
    text = sgf.serialise(record).decode().replace("\n", "")
    assert text.startswith("(;FF[4]AP[selfplay:") and text.endswith(";B[ee];W[cc];B[];W[])")
    for part in ("CA[UTF-8]", "GM[1]", "SZ[9]", "KM[5.5]", "PB[me]", "PW[you]", "RE[W+5.5]"):
        assert part in text
    handicap = sgf.serialise(Record(go, Setup({"komi": 0.5}, black=(20, 60), mover=1))).decode()
    for part in ("AB[cc][gg]", "PL[W]", "HA[2]", "KM[0.5]"):
        assert part in handicap
    hex5 = games.load("hex5")
    steps = (Move(0, hex5.parse("b1")), Move(1, hex5.parse("swap")))
    swapped = sgf.serialise(Record(hex5, Setup({"swap": 1.0}), steps)).decode()
    assert swapped.rstrip().endswith(";B[b1];W[swap-pieces])")


def test_wins_are_told_with_their_margin_where_games_have_one():
    won = sgf.read(DATA / "gomoku.sgf")
    assert b"RE[B+]" in sgf.serialise(won)
    go = games.load("go5")
    one_stone = Record(go, Setup({"komi": 0.5}), plain(go, [12, 25, 25]).steps)
    assert b"RE[B+24.5]" in sgf.serialise(one_stone)
    assert b"RE[" not in sgf.serialise(plain(go, [12]))
    assert b"RE[W+R]" in sgf.serialise(replace(plain(go, [12]), result="W+R"))


def test_set_up_games_are_read_back_with_their_stones():
    record = sgf.read(DATA / "handicap.sgf")
    back = sgf.parse(sgf.serialise(record))
    assert back.setup == record.setup and back.moves == record.moves
    assert back.position().key == record.position().key


def test_a_game_s_own_handicap_is_written_as_stones_and_a_file_s_stones_replace_it():
    handicap = games.load("go9").with_options(handicap=2)
    written = sgf.serialise(plain(handicap, [40]))
    for part in (b"AB[gc][cg]", b"HA[2]", b"PL[W]", b";W[ee]"):
        assert part in written
    for game in (handicap, games.load("go9")):
        assert sgf.parse(written, game).position().key == handicap.start().play(40).key
        assert (
            sgf.parse(b"(;SZ[9];B[ee])", game).position().key
            == games.load("go9").start().play(40).key
        )


def test_games_that_sgf_does_not_know_are_refused(connect4):
    with pytest.raises(ValueError, match="SGF is for Go, Othello, Gomoku, Hex, not Connect Four"):
        sgf.serialise(Record(connect4))


# At the board


def test_a_file_s_ending_chooses_the_format_at_the_board(tmp_path):
    game = games.load("othello4")
    path = tmp_path / "game.sgf"
    first = game.format(int(game.start().legal[0]))
    said, _ = sit(game, [first, f"save {path}", "quit"], second=Parrot(game))
    assert f"saved to {path}" in said.replace("\n", "") and path.read_bytes().startswith(b"(;FF[4]")
    assert sgf.read(path).names == ("you", "parrot") and len(sgf.read(path).moves) == 2
    said, _ = sit(game, [f"load {path}", "quit"], second=Parrot(game))
    assert f"--moves '{first} " in said


def test_a_handicap_game_goes_on_at_the_board_and_is_kept_as_sgf(tmp_path):
    game, path = games.load("go9"), tmp_path / "more.sgf"
    (tmp_path / "stones.sgf").write_text("(;GM[1]SZ[9]KM[0.5]HA[2]AB[cc][gg];W[ee];B[ef])")
    said, prompts = sit(
        game, [f"load {tmp_path / 'stones.sgf'}", "d4", "save x.json", f"save {path}", "quit"]
    )
    assert (
        prompts[1].startswith("O to move")
        and "save it as FILE.sgf" in said
        and "--moves" not in said
    )
    assert words(sgf.read(path)) == "E5 E4 D4" and len(sgf.read(path).setup.black) == 2


def test_sgf_for_a_game_that_has_none_is_said_at_the_board(connect4, tmp_path):
    said, _ = sit(
        connect4,
        [f"save {tmp_path / 'x.sgf'}", f"load {DATA / 'fox.sgf'}", "quit"],
        second=Parrot(connect4),
    )
    assert "not Connect Four" in said and "a game of go19, not connect4" in said.replace("\n", "")
