"""What Go's network may be given besides: unconditional life and ladders, against slow twins and
known diagrams.

The planes are constants of the file, so these games are copies of it with the constants changed, as
a comparison's are.
"""

import numpy as np
import pytest

import games
from games.laws import check
from tests.games.test_go import Twin, board, seldom_pass

ALIVE, LADDERS = 14, 16  # the first plane of each


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """go(size): the game with all planes."""
    folder, text = tmp_path_factory.mktemp("go"), (games.FOLDER / "go.py").read_text()
    for constant in ("PASS_ALIVE", "LADDERS"):
        assert f"\n{constant} = False " in text
        text = text.replace(f"\n{constant} = False ", f"\n{constant} = True ")

    def load(size):
        path = folder / f"go{size}.py"
        path.write_text(text.replace("board_size(__name__, 9)", f"board_size(__name__, {size})"))
        return games.load(str(path))

    return load


def marked(position, plane):
    return {position.game.format(int(cell)) for cell in np.flatnonzero(position.planes()[plane])}


class Inputs(Twin):
    """Life and ladders as a person would write them, on sets of points."""

    def chains(self, colour):
        """[(stones, liberties)]."""
        found, left = [], {point for point, stone in self.stones.items() if stone == colour}
        while left:
            found.append(self.chain(self.stones, min(left)))
            left -= found[-1][0]
        return found

    def regions(self, colour):
        """The parts into which the colour's stones cut the board."""
        everywhere = [(row, column) for row in range(self.size) for column in range(self.size)]
        found, left = [], {point for point in everywhere if self.stones.get(point) != colour}
        while left:
            region = frontier = {min(left)}
            while frontier := {q for p in frontier for q in self.around(p) if q in left} - region:
                region = region | frontier
            found.append(region)
            left -= region
        return found

    def kept(self, colour):
        """Benson's chains with their eyes, a set of points."""
        chains, regions = self.chains(colour), self.regions(colour)
        empty = [{point for point in region if point not in self.stones} for region in regions]
        beside = [
            [k for k, (stones, _) in enumerate(chains) if stones & self.rim(region)]
            for region in regions
        ]
        living, healthy = set(range(len(chains))), set(range(len(regions)))
        before = None
        while before != (living, healthy):
            before = living, healthy
            living = {k for k in living if sum(empty[r] <= chains[k][1] for r in healthy) > 1}
            healthy = {r for r in healthy if living.issuperset(beside[r])}
        liberties = set().union(*(chains[k][1] for k in living))
        eyes = [regions[r] for r in healthy if empty[r] <= liberties]
        return set().union(*(chains[k][0] for k in living), *eyes)

    def rim(self, region):
        return {near for point in region for near in self.around(point)} - region

    def answer(self, stones, point, colour):
        """The stones after that move, None for suicide."""
        self.stones, kept, self.mover, mover = stones, self.stones, colour, self.mover
        after = self.after(point)
        self.stones, self.mover = kept, mover
        return after

    def caught_by(self, stones, stone, attack, line):
        """Is the stone caught after the hunter's move?"""
        after = self.answer(stones, attack, 1 - stones[stone])
        if after is None or frozenset(after.items()) in line:
            return False
        return self.caught(after, stone, [*line, frozenset(after.items())])

    def caught(self, stones, stone, line):
        """Is the stone, in atari, caught with its owner to move?"""
        members, moves = self.chain(stones, stone)
        for near in self.rim(members):
            if stones.get(near, stones[stone]) != stones[stone]:
                liberties = self.chain(stones, near)[1]
                moves = moves | (liberties if len(liberties) == 1 else set())
        for move in moves:
            after = self.answer(stones, move, stones[stone])
            if after is None or frozenset(after.items()) in line:
                continue
            liberties, further = self.chain(after, stone)[1], [*line, frozenset(after.items())]
            if len(liberties) > 2:
                return False
            if len(liberties) == 2 and not any(
                self.caught_by(after, stone, attack, further) for attack in liberties
            ):
                return False
        return True

    def ladders(self):
        """(stones of caught chains, the mover's moves that catch a chain of two liberties)."""
        stones, moves, line = set(), set(), [frozenset(self.stones.items())]
        for colour in range(2):
            for members, liberties in self.chains(colour):
                stone = min(members)
                attacks = {
                    a
                    for a in liberties
                    if len(liberties) == 2 and self.caught_by(self.stones, stone, a, line)
                }
                if attacks or (len(liberties) == 1 and self.caught(self.stones, stone, line)):
                    stones |= members
                if colour != self.mover:
                    moves |= attacks
        return stones, moves


@pytest.mark.parametrize(
    ("size", "count", "least"),
    [
        (5, 300, (300, 600)),
        pytest.param(7, 120, (50, 500), marks=pytest.mark.slow),
        pytest.param(9, 40, (0, 250), marks=pytest.mark.slow),
    ],
)
def test_life_and_ladders_equal_their_slow_twins_in_random_games(go, size, count, least):
    game, random, found = go(size), np.random.default_rng(size), np.zeros(2, int)
    for _ in range(count):
        position, twin = game.start(), Inputs(size)
        for _ in range(random.integers(1, game.max_plies)):
            action = seldom_pass(position.legal, random)
            if position.copy().play(action).outcome is not None:
                break
            position.play(action)
            twin.play(action)
        planes = position.planes().reshape(game.planes, -1)
        expected = [twin.kept(twin.mover), twin.kept(1 - twin.mover), *twin.ladders()]
        for plane, points in zip(planes[ALIVE:], expected):
            cells = sorted(row * size + column for row, column in points)
            assert np.flatnonzero(plane).tolist() == cells, f"\n{position}\nmover {twin.mover}"
        found += len(expected[0] | expected[1]), len(expected[2])
    assert np.all(found >= least), f"points kept and stones caught: {found}"


def test_all_other_planes_and_keys_are_those_of_the_plain_game(go):
    random, plain, more = np.random.default_rng(0), games.load("go5").start(), go(5).start()
    while plain.outcome is None:
        assert np.array_equal(plain.planes(), more.planes()[:14]) and plain.key == more.key
        assert np.array_equal(plain.observe()[1], more.observe()[1])
        action = seldom_pass(plain.legal, random)
        plain.play(action)
        more.play(action)


def test_go_with_all_planes_keeps_the_laws(go):
    assert check(go(5), num_games=8, seed=5) == []


TWO_EYES = """
    . X . X O . .
    X X X X O . .
    O O O O O . .
    . . . . . . .
    . . . . . . .
    . . . . . . .
    . . . . . . ."""


def test_a_chain_with_two_eyes_lives(go):
    position = board(go(7), TWO_EYES)
    assert marked(position, ALIVE) == {"A7", "B7", "C7", "D7", "A6", "B6", "C6", "D6"}
    assert marked(position, ALIVE + 1) == set(), "White has no eye: a large region is nobody's"
    for_white = board(go(7), TWO_EYES, mover=1)
    assert marked(for_white, ALIVE + 1) == marked(position, ALIVE) and not marked(for_white, ALIVE)


def test_an_eye_that_needs_a_stone_in_atari_is_false(go):
    position = board(go(7), TWO_EYES.replace("X X X X O", "X X X O O"))
    assert marked(position, ALIVE) == marked(position, ALIVE + 1) == set()


def test_two_chains_live_by_eyes_that_they_share(go):
    shared = """
        X X . X . . .
        X . X X . . .
        . X X . . . .
        X X . . . . .
        . . . . . . .
        . . . . O . .
        . . . . . . ."""
    assert len(marked(board(go(7), shared), ALIVE)) == 10 + 3
    two_left = shared.replace("X X . X . . .", "X X . . . . .")
    assert len(marked(board(go(7), two_left), ALIVE)) == 9 + 2
    lower = "        X X . . . . .\n        . . . . . . ."  # the wall of the third eye
    assert two_left.count(lower) == 1
    assert not marked(board(go(7), two_left.replace(lower, lower.replace("X X", ". X"))), ALIVE)


def test_a_region_with_a_point_that_no_living_stone_touches_is_nobodys(go):
    """B2 and the corner, A1, are such points; the white stone in the eye at the top is lost and
    counts as Black's."""
    position = board(go(7), """
        . X . X O . X
        X X X X X X X
        . . . . . . X
        X X X X . . X
        . . . X . . X
        . . . X . . X
        . . . X X X X""")  # fmt: skip
    everything = {position.game.format(cell) for cell in range(49)}
    assert everything - marked(position, ALIVE) == {
        f"{column}{row}" for column in "ABC" for row in (1, 2, 3)
    }


LADDER = """
    . . . . . . . . .
    . . X . . . . . .
    . X O . . . . . .
    . X . . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . ."""


def test_a_ladder_across_an_empty_board_works(go):
    position = board(go(9), LADDER)
    assert marked(position, LADDERS) == {"C7"} and marked(position, LADDERS + 1) == {"D7"}
    for_white = board(go(9), LADDER, mover=1)
    assert marked(for_white, LADDERS) == {"C7"} and marked(for_white, LADDERS + 1) == set()
    position.play("D7")
    assert marked(position, LADDERS) == {"C7"}, "in atari, White to move, and no escape"


def test_a_stone_in_its_way_breaks_a_ladder_and_one_beside_it_does_not(go):
    rows = LADDER.strip("\n").split("\n")
    for row, text, caught in (
        (6, "    . . . . . . O . .", set()),
        (6, "    . . O . . . . . .", {"C7"}),
    ):
        position = board(go(9), "\n".join([*rows[:row], text, *rows[row + 1 :]]))
        assert marked(position, LADDERS) == caught


EDGE = """
    . . . X O . . . .
    . . . . X . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . .
    . . . . . . . . ."""


def test_a_stone_runs_along_the_edge_until_a_friend_or_the_corner(go):
    assert marked(board(go(9), EDGE, mover=1), LADDERS) == {"E9"}
    friend = EDGE.replace(". . . . X . . . .", ". . . . X . . O .")
    assert marked(board(go(9), friend, mover=1), LADDERS) == set()


def test_taking_a_stone_in_atari_beside_it_saves_a_chain(go):
    """D9 and E9 are each other's: whoever moves first takes, and each is asked about with its owner
    to move."""
    saved = EDGE.replace(". . . . X . . . .", ". . . O X . . . .")
    assert marked(board(go(9), saved, mover=1), LADDERS) == set()
