"""Boards that are set up, and turns that are given: the same positions as those that play leads to,
in every game that has them."""

import numpy as np
import pytest

import games
from games.game import Position
from games.laws import check, random_positions
from selfplay.faces.game_record import Move, executed, stones, turned

LARGE = pytest.param("othello10", marks=pytest.mark.slow)
FAMILIES = ["go5", "othello4", "othello6", LARGE, "gomoku9", "hex3", "hex5"]


def set_up_like(position: Position, mover: int | None = None) -> Position:
    """The same stones, set up."""
    found = stones(position)
    black, white = ([cell for cell, owner in enumerate(found) if owner == side] for side in (1, -1))
    return position.game.setup(black, white, position.mover if mover is None else mover)


def look(position: Position) -> tuple:
    return (
        position.mover,
        position.outcome,
        position.legal.tolist(),
        position.observe()[0].tobytes(),
        str(position),
    )


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "go5"])
def test_a_board_that_is_set_up_is_the_board_that_play_leads_to(name):
    """Finished ones too: wins, full boards, and Othello's forced passes. (Go's positions have a
    past: see below.)"""
    game, random, passes = games.load(name), np.random.default_rng(1), 0
    for _ in range(3 if game.cells > 36 else 10):
        position = game.start()
        while position.outcome is None:
            position.play(int(random.choice(position.legal)))
            again = set_up_like(position)
            assert look(again) == look(position)
            if position.outcome is None:
                assert again.key == position.key
                passes += name.startswith("othello") and game.format(position.legal[0]) == "pass"
                action = int(position.legal[-1])
                assert look(again.play(action)) == look(position.copy().play(action))
    assert passes or name not in ("othello4", "othello6")


def test_a_go_board_that_is_set_up_is_the_board_without_its_past():
    for position in random_positions(games.load("go5"), 40, seed=2):
        again = set_up_like(position)
        assert str(again) == str(position) and again.mover == position.mover
        assert (
            np.array_equal(again.planes()[:8], position.planes()[:8])
            and not again.planes()[8:].any()
        )
        assert set(position.legal) <= set(again.legal)  # superko alone forbade the others
        assert again.final()[1] == position.final()[1]


@pytest.mark.parametrize("name", FAMILIES)
def test_equal_keys_and_equal_observations_go_together_on_boards_that_are_set_up(name):
    """Of any number of stones, either mover: a cache may hold them side by side. (Othello is the
    same for both sides.)"""
    game, random, seen, keys = games.load(name), np.random.default_rng(3), {}, {}
    for _ in range(300):
        board = random.choice([0, 0, 1, -1], game.cells)
        board[random.random(game.cells) < random.random()] = 0
        try:
            position = game.setup(
                *(np.flatnonzero(board == side).tolist() for side in (1, -1)),
                int(random.integers(2)),
            )
        except ValueError:
            assert name == "go5"  # a chain without liberties
            continue
        planes, scalars = position.observe()
        view = (
            planes.tobytes()
            + scalars.tobytes()
            + bytes([position.mover if not name.startswith("othello") else 0])
        )
        assert (
            seen.setdefault(position.key, view) == view
            and keys.setdefault(view, position.key) == position.key
        )
        assert (len(position.legal) == 0) == (position.outcome is not None)


@pytest.mark.parametrize("name", FAMILIES)
def test_from_any_board_that_is_set_up_a_game_ends_within_max_plies(name):
    """A search's paths have room for so many."""
    game, random = games.load(name), np.random.default_rng(4)
    for share in (0.0, 0.05, 0.2, 0.5):
        for _ in range(15):
            board = np.where(
                random.random(game.cells) < share, random.choice([1, -1], game.cells), 0
            )
            try:
                cells = (np.flatnonzero(board == side).tolist() for side in (1, -1))
                position, plies = game.setup(*cells, int(random.integers(2))), 0
            except ValueError:
                continue
            while position.outcome is None:
                position.play(int(random.choice(position.legal)))
                plies += 1
            assert plies <= game.max_plies and position.plies <= game.max_plies


@pytest.mark.parametrize("name", FAMILIES)
def test_stones_that_cannot_stand_so_are_refused_with_one_line(name):
    game = games.load(name)
    for black, white in (([0], [0]), ([game.cells], []), ([], [-1])):
        with pytest.raises(ValueError, match="own|point") as caught:
            game.setup(black, white, 0)
        assert "\n" not in str(caught.value)


def test_a_swap_may_answer_a_single_stone_that_is_set_up_and_nothing_else():
    hex5 = games.load("hex5")
    swap = hex5.parse("swap")
    assert swap in hex5.setup([3], [], 1, swap=1.0).legal
    for black, white, mover in (
        ([], [3], 0),
        ([], [3], 1),
        ([3], [], 0),
        ([], [], 1),
        ([3, 4], [], 1),
        ([3], [4], 1),
    ):
        assert swap not in hex5.setup(black, white, mover, swap=1.0).legal, (black, white, mover)


def test_the_second_line_of_two_has_won_at_gomoku():
    game = games.load("gomoku9")
    black, white = list(range(5)), list(range(9, 14))
    assert [game.setup(black, white, mover).outcome for mover in (0, 1)] == [-1.0, 1.0]
    assert game.setup(list(range(6)), [], 1, exact=1.0).outcome is None  # six are no line then


# Turns


def test_a_turn_that_is_given_is_no_pass(go5):
    position = go5.start().play("C3")
    other = turned(position, 0)
    assert other.mover == 0 and position.mover == 1 and other.observe()[1][1] == 0.0
    assert other.play("pass").outcome is None and other.play("pass").outcome is not None
    # last moves, whose planes take turns, are not shown
    assert not turned(position, 0).planes()[8:].any()


def test_play_goes_on_behind_two_passes_with_the_same_superko(go5):
    """Black has taken a ko; White may not take back, before the passes and behind them."""
    position = go5.start()
    for move in ("B3", "C3", "A2", "D2", "B1", "C1", "A5", "B2", "C2"):  # C2 takes B2
        position.play(move)
    assert go5.parse("B2") not in position.legal
    position.play("pass").play("pass")
    assert position.outcome is not None
    assert (
        go5.parse("B2") not in turned(position, 1).legal
        and go5.parse("E5") in turned(position, 1).legal
    )
    assert turned(position, 0).outcome is None


def test_play_goes_on_behind_the_ply_cap_as_often_as_asked(go5):
    """GoGui and judges play games out: the history that superko asks for has no room for more
    plies, and begins anew."""
    position, random = go5.start(), np.random.default_rng(5)
    for ply in range(4 * go5.max_plies):
        position = turned(position, ply % 2)
        moves = position.legal[:-1] if len(position.legal) > 1 else position.legal
        position.play(int(random.choice(moves)))
    assert check(go5, 1) == [] and position.plies <= go5.max_plies


@pytest.mark.parametrize("name", ["othello4", "othello6"])
def test_a_turn_that_is_given_at_othello_finds_the_side_s_moves(name):
    for position in random_positions(games.load(name), 60, seed=6):
        for side in (0, 1):
            turn = turned(position, side)
            assert look(turn) == look(set_up_like(position, side)) and str(turn) == str(position)
            assert (turn.legal.tolist() == position.legal.tolist()) or side != position.mover
    with pytest.raises(ValueError, match="the game is over"):
        turned(games.load(name).setup([0], [], 0), 1)


def test_games_without_passes_give_no_turns(tictactoe, connect4):
    for game in (tictactoe, connect4, games.load("hex5"), games.load("gomoku9")):
        with pytest.raises(ValueError, match="it is the other player's turn"):
            turned(game.start(), 1)


# Forbidden moves


def brute_force(board: dict[tuple[int, int], int], size: int, cell: int, side: int) -> dict:
    """FF[4], B and W: place the stone, take the other's stones without liberties, then one's own;
    slowly, over all stones."""
    board = dict(board) | {divmod(cell, size): side}

    def has_liberty(start):
        chain, todo = {start}, [start]
        while todo:
            r, c = todo.pop()
            for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if 0 <= near[0] < size and 0 <= near[1] < size:
                    if near not in board:
                        return True
                    if board[near] == board[start] and near not in chain:
                        chain.add(near)
                        todo.append(near)
        return False

    for colour in (-side, side):
        board = {point: c for point, c in board.items() if c != colour or has_liberty(point)}
    return board


def test_every_move_of_a_go_record_is_executed_as_the_format_says(go5):
    """Every point, taken or not, of random positions, for either side: legal moves, kos, suicides
    of one and many stones."""
    kinds = {"legal": 0, "taken": 0, "other": 0}
    for position in random_positions(go5, 12, seed=7):
        before = {divmod(cell, 5): owner for cell, owner in enumerate(stones(position)) if owner}
        for cell in range(25):
            for side in (0, 1):
                after = executed(position, Move(side, cell), {})
                found = {divmod(c, 5): owner for c, owner in enumerate(stones(after)) if owner}
                assert found == brute_force(before, 5, cell, 1 - 2 * side)
                assert after.outcome is not None or after.mover == 1 - side
                is_legal = cell in turned(position, side).legal
                kinds[
                    "legal" if is_legal else "taken" if divmod(cell, 5) in before else "other"
                ] += 1
                again = set_up_like(after)
                assert np.array_equal(again.planes()[:8], after.planes()[:8])
    assert all(kinds.values())
