"""The rules against open_spiel's, on a few random games each; tests/conformance/agreement.py plays
ten thousand."""

from dataclasses import replace

import pytest

pytest.importorskip("pyspiel", reason="open_spiel is not installed: pip install open_spiel")

from tests.conformance.agreement import PAIRS, REPEATS, compare, row_and_column, same

pytestmark = pytest.mark.slow

GAMES = {name: 2 if name == "go19" else 20 for name in PAIRS}


@pytest.mark.parametrize("name", PAIRS)
def test_the_rules_agree_with_open_spiel_on_every_move(name):
    found = compare(PAIRS[name], range(GAMES[name]))
    assert found.games == GAMES[name] and found.plies >= 5 * found.games
    assert {what: found.examples[what] for what in found.unexplained} == {}


def test_repetitions_in_go_are_forbidden_here_and_end_the_game_there():
    """The one difference of rules is met in random games, not only stated."""
    found = compare(PAIRS["go5"], range(150))
    assert found.unexplained == [] and found.classes[REPEATS] > 0


def columns_exchanged(text):
    return row_and_column(text).translate(str.maketrans("ab", "ba"))


def sides_exchanged(text):
    return f"{'abcde'[int(text[1]) - 1]}{'abcde'.index(text[0]) + 1}"


def upside_down(text):
    return text if text == "pass" else f"{text[0]}{9 - int(text[1])}"


@pytest.mark.parametrize(
    ("name", "changes", "what"),
    [
        ("tictactoe", {"translate": columns_exchanged}, "end"),
        ("hex5", {"translate": sides_exchanged}, "end"),
        ("othello8", {"translate": upside_down}, "legal moves"),
        ("breakthrough6", {"translate": same}, "legal moves"),
        ("go5", {"theirs": "go(board_size=5,komi=3.5)"}, "outcome"),
        ("gomoku9", {"theirs": "gomoku(size=9,connect=4)"}, "end"),
        ("connect4", {"theirs": "connect_four(x_in_row=5)"}, "end"),
    ],
)
def test_other_rules_are_found_out(name, changes, what):
    """Another orientation, another komi, other lines: none goes unseen, and the moves that show it
    are told."""
    found = compare(replace(PAIRS[name], **changes), range(60))
    assert what in found.unexplained
    assert "after " in found.examples[what]
