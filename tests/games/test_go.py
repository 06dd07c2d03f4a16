"""Go: a slow twin on dictionaries, published counts, positions made for superko, scoring, handicap,
set-up stones."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import games
from games.game import run_file
from games.laws import check


def go(size):
    """Go on a board of any size, also on the tiny ones that nobody plays."""
    return run_file(f"games.go{size}", games.FOLDER / "go.py").GAME


def board(game, text, mover=0, **options):
    """The position drawn in `text`: X black, O white, rows from the top."""
    cells = [symbol for symbol in text if symbol in "XO."]
    assert len(cells) == game.cells
    black, white = (
        [cell for cell, symbol in enumerate(cells) if symbol == stone] for stone in "XO"
    )
    return game.setup(black, white, mover, **options)


class Twin:
    """Go as a person would write it: a dictionary of stones, flood fill for liberties, every
    earlier board in a list."""

    def __init__(self, size):
        self.size, self.stones, self.mover, self.passes, self.plies = size, {}, 0, 0, 0
        self.history = [frozenset()]

    def around(self, point):
        row, column = point
        near = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        return [p for p in near if 0 <= p[0] < self.size and 0 <= p[1] < self.size]

    def chain(self, stones, point):
        """(its stones, its liberties)."""
        members, liberties, frontier = {point}, set(), [point]
        while frontier:
            for near in self.around(frontier.pop()):
                if near not in stones:
                    liberties.add(near)
                elif stones[near] == stones[point] and near not in members:
                    members.add(near)
                    frontier.append(near)
        return members, liberties

    def after(self, point):
        """The stones after the mover's stone on `point`, or None for suicide."""
        stones = dict(self.stones)
        stones[point] = self.mover
        for near in self.around(point):
            if stones.get(near) == 1 - self.mover:
                members, liberties = self.chain(stones, near)
                if not liberties:
                    for stone in members:
                        del stones[stone]
        return stones if self.chain(stones, point)[1] else None

    def verdicts(self):
        """(legal actions, points that superko alone forbids)."""
        legal, forbidden = [], []
        if self.over:
            return legal, forbidden
        for row, column in itertools.product(range(self.size), repeat=2):
            if (row, column) not in self.stones and (
                stones := self.after((row, column))
            ) is not None:
                repeats = frozenset(stones.items()) in self.history
                (forbidden if repeats else legal).append(row * self.size + column)
        return [*legal, self.size**2], forbidden

    @property
    def over(self):
        return self.passes == 2 or self.plies == 2 * self.size**2

    def play(self, action):
        if action == self.size**2:
            self.passes += 1
        else:
            self.stones = self.after(divmod(action, self.size))
            self.history.append(frozenset(self.stones.items()))
            self.passes = 0
        self.mover, self.plies = 1 - self.mover, self.plies + 1

    def score(self):
        """Black's area less White's."""
        points = 0
        for point in itertools.product(range(self.size), repeat=2):
            if point in self.stones:
                points += 1 - 2 * self.stones[point]
            else:
                reached, frontier, seen = set(), [point], {point}
                while frontier:
                    for near in self.around(frontier.pop()):
                        if near in self.stones:
                            reached.add(self.stones[near])
                        elif near not in seen:
                            seen.add(near)
                            frontier.append(near)
                points += {(0,): 1, (1,): -1}.get(tuple(reached), 0)
        return points


def compare(game, twin, position, choose):
    """Play `position` and `twin` side by side to the end; returns how many points superko forbade
    on the way."""
    forbidden_points = 0
    while True:
        legal, forbidden = twin.verdicts()
        assert position.legal.tolist() == legal, f"\n{position}"
        assert (position.outcome is None) == (not twin.over)
        planes = position.planes().reshape(game.planes, -1)
        own, other = (
            {
                row * game.columns + column
                for (row, column), colour in twin.stones.items()
                if colour == side
            }
            for side in (twin.mover, 1 - twin.mover)
        )
        assert set(np.flatnonzero(planes[0])) == own and set(np.flatnonzero(planes[4])) == other
        if not legal:
            break
        assert np.flatnonzero(planes[13]).tolist() == forbidden
        for plane, side in ((0, twin.mover), (4, 1 - twin.mover)):
            for point, colour in twin.stones.items():
                if colour == side:
                    liberties = min(3, len(twin.chain(twin.stones, point)[1]))
                    assert planes[plane + liberties, point[0] * game.columns + point[1]] == 1.0
        forbidden_points += len(forbidden)
        action = choose(legal)
        position.play(action)
        twin.play(action)
    owner, score = position.final()
    assert score == twin.score() - 7.5 and owner.sum() == twin.score()
    assert position.outcome == np.sign(score)
    return forbidden_points


def seldom_pass(legal, random):
    may_pass = len(legal) == 1 or random.random() < 0.1
    return int(random.choice(legal if may_pass else legal[:-1]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "count", "least"), [(2, 40, 10), (3, 60, 10), (5, 30, 3), (9, 4, 0)]
)
def test_random_games_equal_the_slow_twins(size, count, least):
    """Stones, legal points, points that only superko forbids, liberties and the score, in games
    that seldom pass."""
    random, forbidden = np.random.default_rng(size), 0
    for _ in range(count):
        forbidden += compare(
            go(size), Twin(size), go(size).start(), lambda legal: seldom_pass(legal, random)
        )
    assert forbidden >= least  # random games on large boards seldom want to repeat


@pytest.mark.slow
@given(choices=st.lists(st.integers(0, 1000), min_size=32, max_size=32))
def test_any_game_on_four_by_four_equals_its_slow_twin(choices):
    left = iter(choices)
    compare(go(4), Twin(4), go(4).start(), lambda legal: legal[next(left) % len(legal)])


@pytest.mark.slow
@pytest.mark.parametrize(("size", "published"), [(2, 57), (3, 12675)])
def test_as_many_positions_can_be_set_up_as_are_legal(size, published):
    """Tromp and Farneback, "Combinatorics of Go": 3^(n*n) colourings of which so many have no chain
    without liberty."""
    game, legal = go(size), 0
    for colours in itertools.product(range(3), repeat=size * size):
        cells = [[cell for cell, c in enumerate(colours) if c == colour] for colour in (0, 1)]
        try:
            game.setup(*cells, 0)
            legal += 1
        except ValueError:
            pass
    assert legal == published


def refuses(position, vertex):
    planes = position.planes().reshape(position.game.planes, -1)
    return (
        position.game.parse(vertex) not in position.legal
        and planes[13, position.game.parse(vertex)] == 1.0
    )


def test_a_ko_is_retaken_only_after_a_move_elsewhere():
    position = board(go(5), """
        . X O . .
        X . X O .
        . X O . .
        . . . . .
        . . . . .""", mover=1)  # fmt: skip
    position.play("B4")
    assert position.planes()[0].sum() == 3 and refuses(position, "C4")
    position.play("E1").play("D1")
    assert position.game.parse("C4") in position.legal


def test_sending_two_and_returning_one_repeats_the_board_with_the_other_to_move():
    """Positional superko forbids it; situational superko, which asks who moves next as well, would
    not."""
    position = board(go(5), """
        . O . O .
        X X O . .
        . . . . .
        . . . . .
        . . . . .""", mover=1)  # fmt: skip
    position.play("A5").play("C5")
    assert position.planes()[4].sum() == 3, "Black has taken two stones"
    assert refuses(position, "B5")


def test_a_triple_ko_ends_with_the_sixth_capture():
    position = board(go(9), """
        X . X O . . . . .
        . X O . . . . . .
        . . . . . . . . .
        . . . . . . . . .
        . . . . . . . . .
        . . . . . . . . .
        . . . . . . . . .
        . X O . . . X O .
        X O . O . X O . O""", mover=0)  # fmt: skip
    for vertex in ("C1", "B9", "H1", "B1", "C9"):
        position.play(vertex)
    assert refuses(position, "G1")


def test_eternal_life_is_cut_short():
    """Two stones for two, time and again: Black gives B7 and C7, takes D7 and E7, White throws in
    at E7 as before."""
    position = board(go(7), """
        O . X . O X .
        . O O X X . .
        . . . . . . .
        . . . . . . .
        . . . . . . .
        . . . . . . .
        . . . . . . .""")  # fmt: skip
    for vertex in ("B7", "D7", "C7"):
        position.play(vertex)
    assert refuses(position, "E7")


def test_no_arrangement_of_stones_ever_comes_twice():
    random = np.random.default_rng(0)
    for _ in range(20):
        position, seen = go(5).start(), set()
        while position.outcome is None:
            action = seldom_pass(position.legal, random)
            position.play(action)
            assert action == position.game.actions - 1 or str(position) not in seen
            seen.add(str(position))


def test_suicide_is_forbidden_and_a_capture_is_none():
    position = board(go(5), """
        . X . . .
        X X . . .
        . . . . .
        . . . O O
        . . . O .""", mover=1)  # fmt: skip
    assert game_text(position, "A5") == "illegal" and game_text(position, "E1") == "legal"
    surrounded = board(go(5), """
        . X O . .
        X X O . .
        O O . . .
        . . . . .
        . . . . .""", mover=1)  # fmt: skip
    assert game_text(surrounded, "A5") == "legal"
    assert surrounded.play("A5").planes()[0].sum() == 0


def game_text(position, vertex):
    return "legal" if position.game.parse(vertex) in position.legal else "illegal"


def test_area_is_stones_and_what_only_they_reach():
    position = board(go(5), """
        . X . O .
        . X . O .
        . X . O .
        . X . O .
        . X . O O""", komi=0.5)  # fmt: skip
    owner, score = position.final()
    assert score == 10 - 10 - 0.5
    assert owner[:, 2].tolist() == [0] * 5 and owner[0, 0] == 1 and owner[0, 4] == -1
    assert position.play("pass").outcome is None
    assert position.play("pass").outcome == -1.0


BENT_FOUR = """
    . . . . . . .
    . . . . . . .
    . . . . . . .
    X X X . . . .
    O O X X X X .
    . O O O O X .
    X X X . O X ."""


def test_a_bent_four_in_the_corner_is_what_is_played_of_it():
    """Area scoring knows no dead stones: left alone both sides' stones count, and Black must show
    that White is dead."""
    left = board(go(7), BENT_FOUR, komi=0).play("pass").play("pass")
    assert (
        left.final()[0][5].tolist() == [0, -1, -1, -1, -1, 1, 1] and left.final()[1] == 47 - 2 * 7
    )
    shown = board(go(7), BENT_FOUR, komi=0).play("A2").play("pass").play("D1")
    assert shown.final()[1] == 49
    answered = board(go(7), BENT_FOUR, komi=0).play("A2").play("D1")
    assert answered.planes()[0].sum() == 9 and game_text(answered, "B1") == "legal", (
        "White took four; Black plays inside"
    )


def test_two_passes_or_the_cap_end_the_game():
    game = go(5)
    position = game.start().play("pass").play("C3").play("pass")
    assert position.outcome is None and position.play("pass").outcome is not None
    random, position = np.random.default_rng(3), game.start()
    while position.outcome is None:
        legal = position.legal
        position.play(int(random.choice(legal[:-1] if len(legal) > 1 else legal)))
    assert position.plies <= game.max_plies == 50


def test_komi_is_an_option_and_the_network_sees_it():
    game = go(9)
    seven, half = game.start(), game.start(komi=0.5)
    assert seven.key != half.key and seven.final()[1] == -7.5 and half.final()[1] == -0.5
    assert seven.observe()[1][0] == pytest.approx(-0.5)
    assert seven.copy().play("E5").observe()[1][0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="no option 'kome'"):
        game.start(kome=7.5)


@pytest.mark.slow
def test_fixed_handicap_is_placed_as_the_protocol_says():
    nineteen = games.load("go19").start(handicap=9)
    stones = {nineteen.game.format(int(cell)) for cell in np.flatnonzero(nineteen.planes()[4])}
    assert (
        stones == {"D4", "Q16", "D16", "Q4", "D10", "Q10", "K4", "K16", "K10"}
        and nineteen.mover == 1
    )
    two = games.load("go9").start(handicap=2)
    assert {two.game.format(int(cell)) for cell in np.flatnonzero(two.planes()[4])} == {"C3", "G7"}
    assert games.load("go9").start(handicap=1).mover == 0


def test_stones_are_set_up_without_a_history():
    position = board(go(5), ". X O . . X X O . . O O . . . . . . . . . . . . .", mover=1)
    assert position.mover == 1 and position.plies == 0 and position.observe()[0][8:13].sum() == 0
    assert position.play("pass").play("E1").outcome is None
    with pytest.raises(ValueError, match="would have no liberty"):
        board(go(5), "X O . . . O O . . . . . . . . . . . . . . . . . .")


def test_vertices_are_the_protocols():
    game = go(9)
    assert [game.format(a) for a in (0, 8, 72, 80, 81)] == ["A9", "J9", "A1", "J1", "pass"]
    assert game.parse("j1") == 80 and game.parse("PASS") == 81
    for text in ("I5", "A10", "K1", "", "5A"):
        with pytest.raises(ValueError, match="no vertex"):
            game.parse(text)


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 9])
def test_go_keeps_the_laws(size):
    assert check(go(size), num_games=8, seed=5) == []


def test_sizes_are_named_where_one_is_not_played():
    with pytest.raises(ValueError, match="go is played on go5, go6"):
        games.load("go25")
