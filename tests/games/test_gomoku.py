"""Gomoku: a slow twin that reads every line of the board as text, lines made by hand, notation,
drawing, the laws."""

import re
from itertools import chain, zip_longest

import numpy as np
import pytest

import games
from games.laws import check

FREE, STONES = ".", "XO"


class Lines:
    """Gomoku as a person would check it: after every move, read all rows, columns and diagonals."""

    def __init__(self, size: int, exact: bool):
        self.board = [[FREE] * size for _ in range(size)]
        self.exact, self.plies, self.outcome = exact, 0, None
        self.overlines = 0

    def legal(self) -> list[int]:
        cells = chain.from_iterable(self.board)
        return (
            []
            if self.outcome is not None
            else [cell for cell, owner in enumerate(cells) if owner == FREE]
        )

    def play(self, action: int):
        size, stone = len(self.board), STONES[self.plies % 2]
        self.board[action // size][action % size] = stone
        self.plies += 1
        runs = [len(run) for line in self.lines() for run in re.findall(f"{stone}+", line)]
        self.overlines += any(run > 5 for run in runs)
        if any(run == 5 or run > 5 and not self.exact for run in runs):
            self.outcome = 1.0 if stone == "X" else -1.0
        elif self.plies == size * size:
            self.outcome = 0.0

    def lines(self) -> list[str]:
        size = len(self.board)
        rows = ["".join(row) for row in self.board]
        columns = ["".join(column) for column in zip(*rows)]
        slanted = []
        for lean in (1, -1):
            shifted = [" " * (size + lean * r) + row for r, row in enumerate(rows)]
            slanted += ["".join(line) for line in zip_longest(*shifted, fillvalue=" ")]
        return rows + columns + slanted

    def owners(self) -> list[list[int]]:
        return [[{"X": 1, "O": -1, FREE: 0}[stone] for stone in row] for row in self.board]


def played(game, moves: str, **options):
    position = game.start(**options)
    for move in moves.split():
        position.play(move)
    return position


def turns(first: str, second: str) -> str:
    """Moves of two players, in turns."""
    pairs = zip_longest(first.split(), second.split(), fillvalue="")
    return " ".join(" ".join(pair) for pair in pairs)


@pytest.fixture(scope="module")
def gomoku9():
    return games.load("gomoku9")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "num_games"), [(9, 30), (15, 6), (19, 3)])
@pytest.mark.parametrize("exact", [0, 1])
def test_random_games_equal_the_slow_twin(size, num_games, exact):
    game, random = games.load(f"gomoku{size}"), np.random.default_rng(size)
    for _ in range(num_games):
        position, twin = game.start(exact=exact), Lines(size, bool(exact))
        while twin.outcome is None:
            assert position.legal.tolist() == twin.legal()
            assert position.mover == twin.plies % 2
            action = int(random.choice(twin.legal()))
            position.play(action)
            twin.play(action)
            assert position.outcome == twin.outcome, str(position)
        assert position.legal.tolist() == []
        assert position.final()[0].tolist() == twin.owners()
        assert position.final()[1] == twin.outcome


@pytest.mark.parametrize("exact", [0, 1])
def test_long_lines_equal_the_slow_twin(gomoku9, exact):
    """The first player fills some two lines in random order, so that longer lines than five often
    arise."""
    random, overlines = np.random.default_rng(4), 0
    for _ in range(40):
        position, twin = gomoku9.start(exact=exact), Lines(9, bool(exact))
        wanted = line_cells(random.integers(9), random.integers(4)) + line_cells(
            random.integers(9), random.integers(4)
        )
        while twin.outcome is None:
            legal = twin.legal()
            mine = [cell for cell in wanted if cell in legal] if twin.plies % 2 == 0 else []
            action = int(random.choice(mine or legal))
            position.play(action)
            twin.play(action)
            assert position.outcome == twin.outcome, str(position)
        overlines += twin.overlines
    assert overlines > 5


def line_cells(k: int, direction: int) -> list[int]:
    """Cells of row k, column k, or a diagonal of 9x9 near the middle."""
    rows = {0: [k] * 9, 1: range(9), 2: range(9), 3: range(9)}[int(direction)]
    columns = {0: range(9), 1: [k] * 9, 2: range(k // 4, 9), 3: range(8 - k // 4, -1, -1)}[
        int(direction)
    ]
    return [9 * r + c for r, c in zip(rows, columns)]


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ("C3 D3 E3 F3 G3", "A9 B9 C9 D9", 1.0),  # across
        ("C3 C4 C5 C6 C7", "A9 B9 D9 E9", 1.0),  # upright
        ("C3 D4 E5 F6 G7", "A9 B9 C9 D9", 1.0),  # rising
        ("C7 D6 E5 F4 G3", "A9 B9 C9 D9", 1.0),  # falling
        ("A1 B1 D1 E1 C1", "A9 B9 D9 E9", 1.0),  # the middle last, along the edge
        ("E9 F9 G9 H9 J9", "A1 B1 C1 D1", 1.0),  # into the corner: H and J are neighbours
        ("A1 B1 C1 D1 J1", "A9 B9 C9 D9 E9", -1.0),  # the second player
        ("C3 D3 E3 F3 H3", "A9 B9 C9 D9", None),  # with a gap
        ("C3 D3 E3 F3 J9", "G3 B9 C9 D9", None),  # only four
    ],
)
@pytest.mark.parametrize("exact", [0, 1])
def test_five_win_in_every_direction(gomoku9, first, second, outcome, exact):
    assert played(gomoku9, turns(first, second), exact=exact).outcome == outcome


SIX = turns("C5 D5 E5 G5 H5", "A9 B9 C9 D9 A1") + " F5"


def test_six_win_unless_exactly_five_are_asked_for(gomoku9):
    assert played(gomoku9, SIX).outcome == 1.0
    assert played(gomoku9, SIX, exact=1).outcome is None
    assert played(gomoku9, SIX, exact=7).outcome is None  # whatever is not 0


def test_after_six_the_game_goes_on_and_five_still_win(gomoku9):
    assert played(gomoku9, SIX + " E9", exact=1).outcome == -1.0
    upright = turns("F6 F7 F8 F9", "A3 B3 C3")
    assert played(gomoku9, SIX + " J1 " + upright, exact=1).outcome == 1.0


def test_a_stone_that_makes_six_and_five_wins(gomoku9):
    """F5 closes C5-H5, a line of six, and F1-F5, a line of five."""
    moves = turns("C5 D5 E5 G5 H5 F1 F2 F3 F4", "A9 B9 C9 D9 A1 A2 A3 H9 J9") + " F5"
    assert played(gomoku9, moves, exact=1).outcome == 1.0


@pytest.mark.parametrize(
    "first",
    [
        "G5 H5 J5 A4 B4",  # along the rows
        "A7 A8 A9 B1 B2",  # along the columns
        "G8 H7 J6 A4 B3",  # falling: neighbours in step, as cells are numbered
        "C2 B1 A9 J8 H7",  # over two edges
    ],
)
def test_lines_do_not_wrap_around_the_edge(gomoku9, first):
    assert played(gomoku9, turns(first, "D1 E2 F9 E4")).outcome is None


def pairs(row: int, column: int) -> bool:
    """Whether the first player has the cell on a full board of XXOOXXOOX, OOXXOOXXO ... without a
    line of even four."""
    return (column // 2 + row) % 2 == 0


def fill(game, first: list, second: list):
    """The position after the players took their cells (row, column) in turns."""
    position = game.start()
    for turn in zip_longest(first, second):
        for cell in turn:
            if cell is not None:
                assert position.outcome is None
                position.play(9 * cell[0] + cell[1])
    return position


CELLS9 = [(row, column) for row in range(9) for column in range(9)]


def test_a_full_board_without_a_line_is_a_draw(gomoku9):
    first, second = (
        [cell for cell in CELLS9 if pairs(*cell)],
        [cell for cell in CELLS9 if not pairs(*cell)],
    )
    position = fill(gomoku9, first, second)
    assert position.plies == 81 and position.outcome == 0.0
    assert position.legal.tolist() == []


def test_the_last_free_cell_can_still_win(gomoku9):
    """The top row becomes XXXXXOOOO, its third cell last."""
    first = [cell for cell in CELLS9 if (cell[1] < 5 if cell[0] == 0 else pairs(*cell))]
    second = [cell for cell in CELLS9 if cell not in first]
    first.append(first.pop(first.index((0, 2))))
    position = fill(gomoku9, first, second)
    assert position.plies == 81 and position.outcome == 1.0


def test_the_mover_sees_own_and_other_stones_and_the_option(gomoku9):
    position = played(gomoku9, "A9 J1 E5", exact=1)
    planes, scalars = position.observe()
    assert np.flatnonzero(planes[0]).tolist() == [80]
    assert np.flatnonzero(planes[1]).tolist() == [0, 40]
    assert scalars.tolist() == [1.0]
    assert gomoku9.start().observe()[1].tolist() == [0.0]


def test_the_key_is_of_stones_and_option_in_whatever_order_they_came(gomoku9):
    assert played(gomoku9, "A1 B2 C3 D4").key == played(gomoku9, "C3 D4 A1 B2").key
    assert played(gomoku9, "A1 B2 C3").key != played(gomoku9, "A1 C3 B2").key
    assert played(gomoku9, "A1 B2").key != played(gomoku9, "A1 B2", exact=1).key


def test_no_two_of_many_near_positions_share_a_key(gomoku9):
    keys = {
        gomoku9.start().play(a).play(b).play(c).key
        for a in range(20)
        for b in range(30, 50)
        for c in range(60, 65)
    }
    assert len(keys) == 20 * 20 * 5


@pytest.mark.parametrize(
    ("size", "text", "cell"),
    [
        (9, "A1", 72),
        (9, "j9", 8),
        (9, " h1 ", 79),
        *(pytest.param(19, *each, marks=pytest.mark.slow) for each in (("T19", 18), ("d4", 288))),
    ],
)
def test_vertices_count_from_the_bottom_left_without_i(size, text, cell):
    game = games.load(f"gomoku{size}")
    assert game.parse(text) == cell
    assert game.format(cell) == text.strip().upper()


@pytest.mark.parametrize("text", ["I5", "A0", "A10", "K1", "pass", "", "5E"])
def test_what_is_no_vertex_is_refused(gomoku9, text):
    with pytest.raises(ValueError, match="no vertex.*A1.*J9"):
        gomoku9.parse(text)


def test_the_board_is_drawn_with_letters_above_and_ranks_beside(gomoku9):
    assert str(played(gomoku9, "D4 J9")).splitlines() == [
        "   A B C D E F G H J",
        " 9 . . . . . . . . O",
        " 8 . . . . . . . . .",
        " 7 . . . . . . . . .",
        " 6 . . . . . . . . .",
        " 5 . . . . . . . . .",
        " 4 . . . X . . . . .",
        " 3 . . . . . . . . .",
        " 2 . . . . . . . . .",
        " 1 . . . . . . . . .",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "num_games"), [(9, 2), (11, 1)])
@pytest.mark.parametrize("exact", [0.0, 1.0])
def test_the_laws_hold_with_both_options(size, num_games, exact):
    game = games.load(f"gomoku{size}").with_options(exact=exact)
    assert check(game, num_games, seed=size) == []
