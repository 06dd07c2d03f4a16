"""The rules: laws on random positions, published counts, a slow twin of Connect Four on cells."""

import dataclasses
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import games
from games.laws import LAWS, check
from native import abi
from native.machine.random import seeds
from native.playout import count_positions, random_games
from tests.conftest import played

# Move sequences of exactly n plies, n = 0, 1, 2, ... (a finished game has no successors). Connect
# Four: 7^n until column heights and fours matter; the table that Connect Four engines publish as
# perft. Tic-tac-toe: 9! / (9 - n)! until lines end games; the last entry is what is left on the
# last ply of the 255,168 games that are known (131,184 and 77,904 wins and 46,080 draws), as the
# next test adds up.
PERFT = {
    "connect4": [1, 7, 49, 343, 2401, 16807, 117649, 823536, 5673234],
    "tictactoe": [1, 9, 72, 504, 3024, 15120, 54720, 148176, 200448, 127872],
}


@pytest.mark.parametrize("name", PERFT)
def test_counts_equal_the_published_ones(name):
    game = games.load(name)
    start = game.start_state()
    assert [
        count_positions(game.rules, start, game.actions, depth) for depth in range(len(PERFT[name]))
    ] == PERFT[name]


@pytest.mark.slow
def test_tic_tac_toe_has_the_known_number_of_games(tictactoe):
    def ends(position):
        if position.outcome is not None:
            return np.array(
                [position.outcome > 0, position.outcome < 0, position.outcome == 0], int
            )
        return sum(ends(position.copy().play(int(action))) for action in position.legal)

    corner, edge, centre = (ends(played(tictactoe, cell)) for cell in ("a1", "b1", "b2"))
    assert (4 * corner + 4 * edge + centre).tolist() == [131184, 77904, 46080]


def test_connect_four_has_the_published_number_of_distinct_positions(connect4):
    """OEIS A212693 (Tromp; Edelkamp and Kissmann): legal positions after n plies, each counted
    once."""
    counts, level = [], {connect4.start().key: connect4.start()}
    for _ in range(7):
        counts.append(len(level))
        if len(counts) == 7:
            break
        children = {}
        for position in level.values():
            for action in position.legal:
                child = position.copy().play(int(action))
                children.setdefault(child.key, child)
        level = children
    assert counts == [1, 7, 49, 238, 1120, 4263, 16422]


@cache
def violations(game):
    return check(game, num_games=40, seed=7)


@pytest.mark.parametrize("law", LAWS)
def test_every_game_keeps_the_law(game, law):
    assert [violation for violation in violations(game) if violation.law == law] == []


def test_the_laws_catch_a_broken_game(connect4, tictactoe, go5):
    swapped = dataclasses.replace(connect4, action_maps=connect4.action_maps[:, ::-1].copy())
    assert {v.law for v in check(swapped, 5)} >= {"symmetries are permutations, the identity first"}
    unmirrored = dataclasses.replace(connect4, action_maps=np.stack([connect4.action_maps[0]] * 2))
    assert {v.law for v in check(unmirrored, 5)} >= {"a symmetric image of a game is the same game"}
    deaf = dataclasses.replace(connect4, format=lambda action: "1")
    assert {v.law for v in check(deaf, 5)} >= {"notation is read as it is written"}
    short = dataclasses.replace(connect4, max_plies=5)
    assert {v.law for v in check(short, 5)} >= {"a game ends within max_plies"}
    foreign = dataclasses.replace(
        tictactoe, rules=tictactoe.rules._replace(key=connect4.rules.mover)
    )
    assert check(foreign, 5) != []
    # so that counters belong to it
    early = dataclasses.replace(go5, rules=go5.rules._replace(log=go5.rules.log - 64))
    assert {v.law for v in check(early, 5)} >= {"a log is only appended to"}


def test_a_violation_tells_the_moves_and_the_position(connect4):
    short = dataclasses.replace(connect4, max_plies=5)
    explanation = check(short, 1)[0].explanation
    assert "1 2 3 4 5 6 7" in explanation


class Cells:
    """Connect Four on a list of cells, as a person would write it: the slow twin of the
    bitboards."""

    def __init__(self):
        self.board = [[0] * 7 for _ in range(6)]
        self.plies, self.outcome = 0, None

    def legal(self):
        return [] if self.outcome is not None else [c for c in range(7) if self.board[0][c] == 0]

    def play(self, column):
        row = max(r for r in range(6) if self.board[r][column] == 0)
        stone = 1 if self.plies % 2 == 0 else -1
        self.board[row][column] = stone
        self.plies += 1
        if self.four(row, column, stone):
            self.outcome = float(stone)
        elif self.plies == 42:
            self.outcome = 0.0

    def four(self, row, column, stone):
        for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
            line = 1
            for sign in (1, -1):
                r, c = row + sign * dr, column + sign * dc
                while 0 <= r < 6 and 0 <= c < 7 and self.board[r][c] == stone:
                    line, r, c = line + 1, r + sign * dr, c + sign * dc
            if line >= 4:
                return True
        return False


@given(choices=st.lists(st.integers(0, 1000), min_size=42, max_size=42))
def test_connect_four_equals_its_slow_twin(choices):
    position, twin = games.load("connect4").start(), Cells()
    for choice in choices:
        assert position.legal.tolist() == twin.legal()
        assert position.outcome == twin.outcome
        assert position.final()[0].tolist() == twin.board
        if twin.outcome is not None:
            break
        action = twin.legal()[choice % len(twin.legal())]
        position.play(action)
        twin.play(action)


@pytest.mark.parametrize(
    ("moves", "outcome"),
    [
        ("1212121", 1.0),  # vertical
        ("1122334", 1.0),  # horizontal
        ("12233434414", 1.0),  # rising
        ("76655454474", 1.0),  # falling
        ("71212121", -1.0),  # vertical, second player
        ("121212", None),
        ("112233", None),
    ],
)
def test_fours_win_in_every_direction(connect4, moves, outcome):
    assert played(connect4, moves).outcome == outcome


def test_lines_do_not_wrap_around_the_edge(connect4):
    """Three on top of column 1 and one at the bottom of column 2 are neighbours as bits, but no
    line."""
    assert played(connect4, "15111516162").outcome is None
    full_column = played(connect4, "112211")
    assert full_column.legal.tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_a_full_board_is_a_draw(connect4):
    position, random = connect4.start(), np.random.default_rng(11)
    while position.outcome != 0.0:  # one random game in some 400
        position = connect4.start()
        while position.outcome is None:
            position.play(int(random.choice(position.legal)))
    assert position.plies == 42
    assert len(position.legal) == 0


def test_illegal_input_is_refused_with_what_is_legal(connect4, tictactoe):
    position = played(connect4, "111111")
    with pytest.raises(ValueError, match="legal: 2 3 4 5 6 7"):
        position.play("1")
    with pytest.raises(ValueError, match="no column"):
        position.play("8")
    with pytest.raises(ValueError, match="not legal"):
        position.play(-1)
    with pytest.raises(ValueError, match="no cell"):
        tictactoe.start().play("d4")
    over = played(tictactoe, "a1 b1 a2 b2 a3")
    with pytest.raises(ValueError, match="over"):
        over.play("c3")


def test_options_that_a_game_lacks_are_refused(connect4):
    with pytest.raises(ValueError, match="no option 'komi'"):
        connect4.start(komi=7.5)


def test_unknown_games_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'connect4'"):
        games.load("conect4")
    with pytest.raises(ValueError, match="no such game file"):
        games.load("nowhere.py")


def test_a_game_in_a_file_of_ones_own_is_loaded_by_its_path(tmp_path):
    text = (
        Path(games.__file__)
        .with_name("tictactoe.py")
        .read_text()
        .replace('name="tictactoe"', 'name="noughts"')
    )
    path = tmp_path / "noughts.py"
    path.write_text(text)
    game = games.load(str(path))
    assert game.name == "noughts" and check(game, 5) == []


def test_symmetries_form_the_board_s_group(tictactoe, connect4):
    assert len({tuple(m) for m in tictactoe.cell_maps.tolist()}) == 8
    assert connect4.action_maps[1].tolist() == [6, 5, 4, 3, 2, 1, 0]


def test_random_games_are_counted_and_end(game):
    state, actions = game.start_state(), np.zeros(game.actions + 1, np.int32)
    plies = random_games(game.rules, game.option_values(), state, seeds(1, 1)[0], actions, 200)
    assert 200 * 5 <= plies <= 200 * game.max_plies


def test_a_finished_game_stays_finished(connect4):
    position = played(connect4, "1212121")
    before = position.state.copy()
    assert abi.call_play(connect4.rules, position.state, 3) == 1.0
    np.testing.assert_array_equal(before, position.state)


def test_the_board_is_drawn_as_people_know_it(connect4, tictactoe):
    assert str(played(connect4, "44")).splitlines() == [
        "1 2 3 4 5 6 7",
        ". . . . . . .",
        ". . . . . . .",
        ". . . . . . .",
        ". . . . . . .",
        ". . . O . . .",
        ". . . X . . .",
    ]
    assert str(played(tictactoe, "a1 b2")).splitlines() == [
        "  a b c",
        "1 X . .",
        "2 . O .",
        "3 . . .",
    ]


# Names

BARE = {
    "go": "go19",
    "othello": "othello8",
    "hex": "hex11",
    "gomoku": "gomoku15",
    "breakthrough": "breakthrough8",
}


@pytest.mark.slow
@pytest.mark.parametrize("family", BARE)
def test_a_family_s_bare_name_is_its_usual_board(family):
    game = games.load(family)
    assert game.name == BARE[family] and game is games.load(BARE[family])  # one game, compiled once
    assert f"games.{family}" not in sys.modules
    assert games.names().count(family) == 1 and games.full_name(family) == game.name


def test_every_name_that_is_listed_can_be_loaded_and_families_without_sizes_keep_theirs():
    assert set(games.names()) >= {*games.GAMES, *BARE}
    assert games.USUAL == BARE and all(name in games.GAMES for name in BARE.values())
    assert [games.full_name(name) for name in ("connect4", "go9", "chomp.py")] == [
        "connect4",
        "go9",
        "chomp.py",
    ]


@pytest.mark.parametrize("name", ["go4", "Go", "go 19", "gos", "hex2", "othello9", "gomoku "])
def test_a_name_that_is_near_a_family_s_is_refused_with_what_there_is(name):
    with pytest.raises(ValueError, match="unknown game .*(is played on|did you mean|games:)"):
        games.load(name)
