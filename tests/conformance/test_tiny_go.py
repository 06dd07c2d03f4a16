"""Go's published numbers on tiny boards; tests/conformance/tiny_go.py counts the games on 2x2 as
well, which takes minutes."""

import pytest

import games
from tests.conformance import tiny_go

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [2, 3, 4])
def test_as_many_positions_can_be_played_without_a_capture_as_are_legal(size):
    assert tiny_go.legal_positions(size) == tiny_go.POSITIONS[size]


def all_games(position) -> int:
    """Without a table: each move played, each game to its end."""
    if position.outcome is not None:
        return 1
    return sum(all_games(position.copy().play(int(action))) for action in position.legal)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_games_on_a_line_are_as_many_as_published_played_one_by_one_or_kept_by_what_can_be_reached(
    columns,
):
    start = games.Position(games.load("go8"), tiny_go.corner(1, columns).start)
    assert all_games(start) == tiny_go.count_games(1, columns).games == tiny_go.GAMES[1, columns]


def test_games_on_a_line_of_four_differ_from_the_published_number_by_suicide_alone():
    count = tiny_go.count_games(1, 4)
    assert (
        count.games == tiny_go.twin_games(1, 4, suicide=False) == 719_178_893
        and count.disagreements == 0
    )
    assert tiny_go.twin_games(1, 4, suicide=True) == tiny_go.GAMES[1, 4]


def test_where_the_rules_allow_other_moves_than_the_paths_it_has_fixed_simulations(monkeypatch):
    board = tiny_go.corner(1, 3)
    wrong = board.successors.copy()
    wrong[1] &= wrong[1] - 1  # one move fewer from there than the rules know
    monkeypatch.setattr(tiny_go, "corner", lambda rows, columns: board._replace(successors=wrong))
    assert tiny_go.count_games(1, 3).disagreements > 0
