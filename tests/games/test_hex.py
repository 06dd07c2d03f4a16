"""Hex: a slow twin that floods the board, counts, the swap, hand-made chains, notation, drawing,
the laws.

Games were also compared with OpenSpiel 2.0.2 (`hex(board_size=11,swap=true)`, without the swap, and
on 3, 5 and 19; 3,060 random games): the same cells and actions, the same mirrored stone after a
swap; its black (x) is our first player and connects top and bottom. Only its `max_game_length` is
smaller by one with the swap.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import games
from games.laws import check
from native.playout import count_positions

TOUCHING = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, 0), (1, -1))
FIRST, SECOND = 1, -1


class Flood:
    """Hex on a dictionary of stones; after every move the mover's chains are flooded from one edge
    to the other."""

    def __init__(self, size: int, swap: bool):
        self.size, self.swap, self.plies, self.outcome = size, swap, 0, None
        self.owner: dict[tuple[int, int], int] = {}

    def legal(self) -> list[int]:
        if self.outcome is not None:
            return []
        cells = [(r, c) for r in range(self.size) for c in range(self.size)]
        free = [cell for cell, place in enumerate(cells) if place not in self.owner]
        return free + [self.size**2] if self.swap and self.plies == 1 else free

    def play(self, action: int):
        player = FIRST if self.plies % 2 == 0 else SECOND
        self.plies += 1
        if action == self.size**2:
            ((row, column),) = self.owner
            self.owner = {(column, row): SECOND}
        else:
            self.owner[divmod(action, self.size)] = player
            if connects(self.owner, self.size, player):
                self.outcome = float(player)

    def owners(self) -> list[list[int]]:
        return [[self.owner.get((r, c), 0) for c in range(self.size)] for r in range(self.size)]


def connects(owner: dict, size: int, player: int) -> bool:
    """Whether the player's stones connect his two edges: rows 0 and size - 1, or columns 0 and size
    - 1."""
    axis = 0 if player == FIRST else 1
    reached = {place for place, stone in owner.items() if stone == player and place[axis] == 0}
    waiting = list(reached)
    while waiting:
        row, column = waiting.pop()
        for dr, dc in TOUCHING:
            place = row + dr, column + dc
            if owner.get(place) == player and place not in reached:
                reached.add(place)
                waiting.append(place)
    return any(place[axis] == size - 1 for place in reached)


def played(game, moves: str, **options):
    position = game.start(**options)
    for move in moves.split():
        position.play(move)
    return position


@pytest.fixture(scope="module")
def hex3():
    return games.load("hex3")


@pytest.fixture(scope="module")
def hex5():
    return games.load("hex5")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "num_games"), [(3, 60), (5, 40), (11, 4), (19, 1)])
@pytest.mark.parametrize("swap", [0, 1])
def test_random_games_equal_the_slow_twin(size, num_games, swap):
    game, random = games.load(f"hex{size}"), np.random.default_rng(size)
    for number in range(num_games):
        position, twin = game.start(swap=swap), Flood(size, bool(swap))
        while twin.outcome is None:
            assert position.legal.tolist() == twin.legal()
            assert position.mover == twin.plies % 2
            action = int(random.choice(twin.legal()))
            if twin.plies == 1 and swap and number % 2 == 0:
                action = size**2
            position.play(action)
            twin.play(action)
            assert position.outcome == twin.outcome, str(position)
            if size < 11 or twin.outcome is not None:
                assert position.final()[0].tolist() == twin.owners()
        assert position.legal.tolist() == []
        assert position.final()[1] == twin.outcome


# Positions of hex3 exactly 0, 1, 2, ... plies from the start, without and with the swap. The slow
# twin counted all, for no one publishes such counts; the test lets it count again as far as a
# second goes.
PERFT = {
    0: [1, 9, 72, 504, 3024, 15120, 54720, 146880, 207360, 120960, 0],
    1: [1, 9, 81, 576, 3528, 18144, 69840, 201600, 354240, 328320, 120960, 0],
}


def count(twin: Flood, depth: int) -> int:
    if depth == 0:
        return 1
    if depth == 1:
        return len(twin.legal())
    total = 0
    for action in twin.legal():
        child = Flood(twin.size, twin.swap)
        child.owner, child.plies = dict(twin.owner), twin.plies
        child.play(action)
        total += count(child, depth - 1)
    return total


@pytest.mark.parametrize("swap", [0, 1])
def test_counts_equal_those_of_the_slow_twin(hex3, swap):
    start, counts = hex3.start_state(swap=swap), PERFT[swap]
    assert [
        count_positions(hex3.rules, start, hex3.actions, depth) for depth in range(len(counts))
    ] == counts
    assert [count(Flood(3, bool(swap)), depth) for depth in range(7)] == counts[:7]


def test_the_longest_game_has_max_plies(hex3):
    """Nine stones and the swap: the counts end at ten plies, so there are games of ten and none of
    eleven."""
    assert hex3.max_plies == 10 == max(depth for depth, counted in enumerate(PERFT[1]) if counted)


colourings = st.lists(st.sampled_from([FIRST, SECOND]), min_size=25, max_size=25)


@given(stones=colourings)
def test_every_full_board_has_exactly_one_winner(stones):
    """Hex never draws (Gale 1979), whatever the colours; this is a test of the twin's
    neighbours."""
    owner = {divmod(cell, 5): stone for cell, stone in enumerate(stones)}
    assert connects(owner, 5, FIRST) != connects(owner, 5, SECOND)


@given(order=st.permutations(range(25)))
@settings(max_examples=40)
def test_the_winner_is_who_connects_when_the_board_is_filled_up(hex5, order):
    """A game always ends at the first connection, and no stone played later could change who has
    it."""
    position, owner = hex5.start(), {}
    for ply, cell in enumerate(order):
        owner[divmod(cell, 5)] = FIRST if ply % 2 == 0 else SECOND
    for cell in order:
        if position.outcome is None:
            position.play(cell)
    assert position.outcome == (1.0 if connects(owner, 5, FIRST) else -1.0)


@given(order=st.permutations(range(25)))
@settings(max_examples=40)
def test_after_a_swap_the_second_player_stands_as_the_first_did(hex5, order):
    """The mirrored game with exchanged players ends at the same stone with the opposite outcome."""
    mirrored = [cell % 5 * 5 + cell // 5 for cell in order]
    plain, swapped = hex5.start(), hex5.start(swap=1).play(order[0]).play("swap")
    plain.play(order[0])
    for cell, image in zip(order[1:], mirrored[1:]):
        if plain.outcome is None:
            plain.play(cell)
            swapped.play(image)
            assert swapped.outcome == (None if plain.outcome is None else -plain.outcome)
            assert (swapped.final()[0] == -plain.final()[0].T).all()
    assert plain.outcome is not None


@pytest.mark.parametrize(
    ("moves", "outcome"),
    [
        ("b1 a1 b2 a2 b3", 1.0),  # the first player from top to bottom
        ("a1 a2 b1 b2 c3 c2", -1.0),  # the second from left to right
        ("a2 a1 b2 b1 c2", None),  # left to right is nothing for the first
        ("a1 b1 a2 b2 c3 b3", None),  # nor top to bottom for the second
        ("c1 a1 b2 c3 a3", 1.0),  # cells touch along the short diagonal
        ("a1 c1 b1 b2 c3 a3", -1.0),
        ("a1 a2 b2 b1 c3", None),  # but not along the long one
        ("a2 a1 c1 c2 b3 b2", None),  # a1 b2 is no chain; only b2 c2 is
        ("a3 a1 c1 b1 b2", 1.0),  # the middle of a chain last
    ],
)
def test_chains_connect_the_players_own_edges(hex3, moves, outcome):
    assert played(hex3, moves).outcome == outcome


def test_a_stone_joins_all_of_a_long_chain_at_once(hex5):
    """The chain winds from the bottom up to b2 and joins the top only by the last stone."""
    chain, others = "b2 b3 c3 d3 e3 e4 d5", "a1 a2 a3 a4 a5 e1 e2"
    moves = " ".join(f"{mine} {other}" for mine, other in zip(chain.split(), others.split()))
    assert played(hex5, moves).outcome is None
    assert played(hex5, moves + " c1").outcome == 1.0
    assert played(hex5, moves + " d1").outcome is None


def test_rows_do_not_wrap_around_the_edge(hex3):
    """c1 and a2, c2 and a3 are neighbours as numbers."""
    assert played(hex3, "c1 b1 a2 b2 a3").outcome is None


def test_the_swap_is_legal_as_the_second_move_only(hex3):
    assert hex3.start(swap=1).legal.tolist() == list(range(9))
    assert played(hex3, "b1", swap=1).legal.tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert played(hex3, "b1 a1", swap=1).legal.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert played(hex3, "b1").legal.tolist() == [0, 2, 3, 4, 5, 6, 7, 8]
    with pytest.raises(ValueError, match="not legal"):
        played(hex3, "b1 swap")
    with pytest.raises(ValueError, match="not legal"):
        played(hex3, "b1 swap swap", swap=1)


def test_a_swap_mirrors_the_stone_and_makes_it_the_second_player_s(hex3):
    position = played(hex3, "b1 swap", swap=1)
    assert position.final()[0].tolist() == [[0, 0, 0], [-1, 0, 0], [0, 0, 0]]
    assert position.mover == 0
    assert position.legal.tolist() == [0, 1, 2, 4, 5, 6, 7, 8]
    position.play("b1")  # free again
    assert position.final()[0].tolist() == [[0, 1, 0], [-1, 0, 0], [0, 0, 0]]
    assert position.mover == 1


def test_a_stone_on_the_long_diagonal_is_swapped_where_it_stands(hex3):
    position = played(hex3, "b2 swap", swap=1)
    assert position.final()[0].tolist() == [[0, 0, 0], [0, -1, 0], [0, 0, 0]]


def test_a_swapped_stone_connects_its_new_owner(hex3):
    assert played(hex3, "b1 swap a1 b2 a3 c2", swap=1).outcome == -1.0
    assert played(hex3, "b1 swap b2 c1 b3 a1", swap=1).outcome is None
    assert played(hex3, "b1 swap b2 c1 b3 a1 b1", swap=1).outcome == 1.0


def test_the_mover_sees_own_and_other_stones_and_own_edges(hex3):
    first, second = played(hex3, "a1 b1"), played(hex3, "a1 b1 c2")
    assert [np.flatnonzero(plane).tolist() for plane in first.planes()] == [
        [0],
        [1],
        [0, 1, 2, 6, 7, 8],
    ]
    assert [np.flatnonzero(plane).tolist() for plane in second.planes()] == [
        [1],
        [0, 5],
        [0, 2, 3, 5, 6, 8],
    ]


@pytest.mark.parametrize(
    ("moves", "swap", "seen"),
    [("", 1, 1.0), ("b1", 1, 1.0), ("b1 a1", 1, 0.0), ("b1 swap", 1, 0.0), ("b1", 0, 0.0)],
)
def test_the_network_sees_whether_a_swap_may_come(hex3, moves, swap, seen):
    assert played(hex3, moves, swap=swap).observe()[1].tolist() == [seen]


def test_the_key_tells_who_moves_and_whether_a_swap_may_come(hex3):
    assert played(hex3, "a1 b1 c1 a2").key == played(hex3, "c1 a2 a1 b1").key
    assert played(hex3, "a1").key != played(hex3, "a1", swap=1).key
    assert played(hex3, "a1 b1").key == played(hex3, "a1 b1", swap=1).key
    after_swap, plain = played(hex3, "b1 swap c3", swap=1), played(hex3, "c3 a2")
    assert (after_swap.final()[0] == plain.final()[0]).all() and after_swap.mover != plain.mover
    assert after_swap.key != plain.key


def test_cells_are_named_from_the_top_left(hex3):
    assert [hex3.parse(text) for text in ("a1", "C1", " a2 ", "c3", "swap", "SWAP")] == [
        0,
        2,
        3,
        8,
        9,
        9,
    ]
    assert [hex3.format(action) for action in (0, 2, 3, 8, 9)] == ["a1", "c1", "a2", "c3", "swap"]
    for text in ("d1", "a4", "a0", "pass", ""):
        with pytest.raises(ValueError, match="no cell.*c3"):
            hex3.parse(text)


def test_the_board_is_drawn_as_a_rhombus(hex3):
    assert str(played(hex3, "a1 c2")).splitlines() == [
        "   a b c",
        " 1 X . .",
        "  2 . . O",
        "   3 . . .",
    ]


@pytest.mark.parametrize(("size", "num_games"), [(3, 30), (5, 10)])
@pytest.mark.parametrize("swap", [0.0, 1.0])
def test_the_laws_hold_with_both_options(size, num_games, swap):
    game = games.load(f"hex{size}").with_options(swap=swap)
    assert check(game, num_games, seed=size) == []
