"""Othello: published counts and solutions, a slow twin on every size, passes and ends by hand."""

import numpy as np
import pytest

import games
from games.laws import check
from native.playout import count_positions
from native.solver import Solver

SIZES = games.FAMILIES["othello"].sizes

# Aart Bik, "Perft for Reversi" (2009). From depth 10 on he counts 228 more, which is the number of
# games that are over with ply 9 (one player has no discs left): he lets both players pass before a
# game is over. Here it has no successors.
PERFT = [1, 4, 12, 56, 244, 1396, 8200, 55092, 390216, 3005288, 24571284 - 228]


def after(game, moves: str):
    position = game.start()
    for move in moves.split():
        position.play(move)
    return position


def board(position) -> list[str]:
    """The drawn board without its names and spaces, from top to bottom."""
    return ["".join(line.split()[1:]) for line in str(position).splitlines()[1:]]


def random_game(game, random, every=lambda position: None):
    """Play legal moves at random to the end; `every` sees each position before a move."""
    position = game.start()
    while position.outcome is None:
        every(position)
        position.play(int(random.choice(position.legal)))
    return position


class Twin:
    """Othello as a person would write it: a table of X, O and dots, looked at square by square."""

    def __init__(self, size):
        self.size, self.mover = size, "X"
        self.table = [["."] * size for _ in range(size)]
        low, high = size // 2 - 1, size // 2
        self.table[low][low] = self.table[high][high] = "O"
        self.table[low][high] = self.table[high][low] = "X"

    def at(self, row, column):
        inside = row in range(self.size) and column in range(self.size)
        return self.table[row][column] if inside else None

    def turned(self, row, column, player):
        """The squares whose discs the player would turn."""
        squares, enemy = [], "O" if player == "X" else "X"
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                line, r, c = [], row + down, column + right
                while self.at(r, c) == enemy:
                    line.append((r, c))
                    r, c = r + down, c + right
                if self.at(r, c) == player:
                    squares += line
        return squares

    def moves(self, player):
        squares = [(r, c) for r in range(self.size) for c in range(self.size)]
        return [
            r * self.size + c
            for r, c in squares
            if self.at(r, c) == "." and self.turned(r, c, player)
        ]

    def legal(self):
        own, others = self.moves(self.mover), self.moves("O" if self.mover == "X" else "X")
        return own or ([self.size**2] if others else [])

    def play(self, action):
        if action < self.size**2:
            row, column = divmod(action, self.size)
            for r, c in [*self.turned(row, column, self.mover), (row, column)]:
                self.table[r][c] = self.mover
        self.mover = "O" if self.mover == "X" else "X"

    def lead(self):
        return sum(row.count("X") - row.count("O") for row in self.table)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_every_size_equals_its_slow_twin(size):
    game, random = games.load(f"othello{size}"), np.random.default_rng(size)
    for _ in range(max(1, 1500 // size**3)):
        position, twin = game.start(), Twin(size)
        while (legal := position.legal.tolist()) or twin.legal():
            assert legal == twin.legal()
            assert position.outcome is None and "XO"[position.mover] == twin.mover
            action = int(random.choice(legal))
            position.play(action)
            twin.play(action)
            assert board(position) == ["".join(row) for row in twin.table]
            assert position.final()[1] == twin.lead()
        assert position.outcome == np.sign(twin.lead())


def test_counts_equal_the_published_ones():
    game = games.load("othello8")
    start = game.start_state()
    assert [
        count_positions(game.rules, start, game.actions, depth) for depth in range(len(PERFT))
    ] == PERFT


def test_the_second_player_wins_on_four_by_four():
    """As Feinstein's page on the solution of 6x6 and Wikipedia's "Computer Othello" have it."""
    game = games.load("othello4")
    assert (
        Solver(game.rules, game.state_bytes, game.actions, game.max_plies, log2_entries=16).value(
            game.start().state
        )
        == -1
    )


def test_the_perfect_game_on_six_by_six_ends_as_published():
    """Joel Feinstein, "Perfect play in 6x6 Othello" (1993), his b2-g7 as a1-f6: 20 discs to 16, by
    one pass."""
    moves = (
        "c2 b4 c5 d2 e4 e3 d1 c1 b1 d5 d6 f4 b3 b2 f3 f2 e2 b6 a4 c6 a6 a2 b5 a5 e6 e5 a3 a1 f5 f6 "
        "pass e1 f1"
    )
    position = after(games.load("othello6"), moves)
    assert position.outcome == -1.0 and position.final()[1] == 16 - 20


def test_a_player_without_a_move_must_pass_and_only_then_may():
    game = games.load("othello4")
    position = after(game, "b1 c1 d3 a1")
    assert board(position) == ["OOO.", ".XX.", ".XXX", "...."]
    assert [game.format(action) for action in position.legal] == ["pass"]
    assert position.mover == 0
    position.play("pass")
    assert position.mover == 1 and position.outcome is None
    assert board(position) == ["OOO.", ".XX.", ".XXX", "...."]
    assert [game.format(action) for action in position.legal] == ["a3", "b4", "c4", "d4"]
    with pytest.raises(ValueError, match="'pass' is not legal here; legal: a3 b4 c4 d4"):
        position.play("pass")


def test_the_game_is_over_when_neither_can_move_and_empty_cells_count_for_nobody():
    position = after(games.load("othello4"), "b1 c1 d1 a1 a3 pass d4")
    assert board(position) == ["OXXX", ".XX.", "XXX.", "...X"]
    assert position.outcome == 1.0 and len(position.legal) == 0
    assert position.final()[1] == 9 - 1


def test_the_game_is_over_when_one_player_has_no_discs_left():
    """The shortest one: after nine plies White is wiped out."""
    position = after(games.load("othello8"), "e6 f4 e3 f6 g5 d6 e7 f5 c5")
    assert board(position)[2:7] == ["....X...", "...XXX..", "..XXXXX.", "...XXX..", "....X..."]
    assert position.outcome == 1.0 and position.plies == 9
    assert position.final()[1] == 13


def test_a_draw_is_an_equal_number_of_discs():
    game, random = games.load("othello4"), np.random.default_rng(0)
    ends = [random_game(game, random) for _ in range(300)]
    draws = [position for position in ends if position.outcome == 0.0]
    assert draws and all(position.final()[1] == 0 for position in draws)
    assert all(position.final()[1] != 0 for position in ends if position.outcome != 0.0)


def test_one_position_has_one_state_however_it_was_reached():
    """The moves kept in the state are those of the position, and nothing else."""
    level, states = [games.load("othello4").start()], {}
    for _ in range(5):
        level = [
            position.copy().play(int(action)) for position in level for action in position.legal
        ]
    for position in level:
        states.setdefault((str(position), position.mover), set()).add(position.state.tobytes())
    assert len(states) < len(level)
    assert all(len(found) == 1 for found in states.values())


@pytest.mark.parametrize("name", ["othello6", pytest.param("othello10", marks=pytest.mark.slow)])
def test_exchanged_colours_change_nothing_that_the_mover_sees(name):
    def exchanged(position):
        copy = position.copy()
        record = copy.state.view(position.game.dtype)[0]
        record["discs"] = record["discs"][::-1].copy()
        record["mover"] = 1 - record["mover"]
        return copy

    def compare(position):
        other = exchanged(position)
        assert other.mover != position.mover and other.key == position.key
        assert other.legal.tolist() == position.legal.tolist()
        np.testing.assert_array_equal(other.planes(), position.planes())
        action = int(position.legal[-1])
        ours, theirs = position.copy().play(action), other.play(action)
        assert theirs.state.tobytes() == exchanged(ours).state.tobytes() or ours.outcome is not None
        assert theirs.outcome is None if ours.outcome is None else theirs.outcome == -ours.outcome

    random_game(games.load(name), np.random.default_rng(3), compare)


def test_the_planes_are_the_mover_s_discs_and_the_other_s():
    planes = after(games.load("othello4"), "b1").planes()  # White to move
    assert planes[0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert planes[1].tolist() == [[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_cells_are_letter_and_number_from_the_top_left():
    game = games.load("othello8")
    assert game.format(0) == "a1" and game.format(19) == "d3" and game.parse("C4") == 26
    assert game.format(64) == "pass" and game.parse("Pass") == 64
    with pytest.raises(ValueError, match="a1 .top left. to h8"):
        game.parse("i1")


def test_white_begins_on_d4_and_e5():
    position = games.load("othello8").start()
    assert str(position).splitlines()[0] == "  a b c d e f g h"
    assert str(position).splitlines()[4:6] == ["4 . . . O X . . .", "5 . . . X O . . ."]
    assert [position.game.format(action) for action in position.legal] == ["d3", "c4", "f5", "e6"]


def test_wide_boards_are_drawn_in_columns():
    lines = str(games.load("othello10").start()).splitlines()
    assert lines[0] == "   a b c d e f g h i j" and lines[10] == "10 . . . . . . . . . ."
    assert len({len(line) for line in lines}) == 1


def test_symmetries_are_the_four_that_leave_the_start_as_it_is():
    """The other four of the square exchange the colours of the first discs, so no game would have
    such an image."""
    game = games.load("othello6")
    names = [
        [game.format(cells[game.parse(cell)]) for cell in ("a1", "b1")] for cells in game.cell_maps
    ]
    assert names[0] == ["a1", "b1"]
    assert sorted(names) == [["a1", "a2"], ["a1", "b1"], ["f6", "e6"], ["f6", "f5"]]
    assert (game.action_maps[:, 36] == 36).all()


@pytest.mark.parametrize(
    ("name", "num_games"),
    [("othello4", 10), ("othello6", 3), pytest.param("othello10", 1, marks=pytest.mark.slow)],
)
def test_the_laws_hold(name, num_games):
    assert check(games.load(name), num_games, seed=5) == []
