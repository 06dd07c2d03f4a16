"""For whom a value is: it changes sides in named functions alone, `native.perspective`'s in the
core and `games.game`'s outside."""

import re
from pathlib import Path

import numpy as np
import pytest

from games.game import for_side, win_rate
from native.perspective import FIRST, SECOND, mover_score, stored_value

PACKAGE = Path(__file__).parent.parent.parent / "selfplay"
# How a change of sides is spelled when it is written by hand; comments and texts are looked at too.
BY_HAND = re.compile(
    r"1(\.0)? - 2(\.0)? \*|2(\.0)? \* [\w.]*(mover|side|player|resigned)\w* - "
    r"1|(?<!\w)\(-?1(\.0)?, -?1(\.0)?\)\[|"
    r"(?<!=)-1(\.0)? if .* else 1(\.0)?\b|1(\.0)? \+ \w*sign"
)
TWIN = "reference.py"  # the slow search, whose spelling must not be the fast one's


def test_a_value_of_the_first_player_is_turned_for_the_second_and_back():
    values = np.array([1.0, -0.25, 0.0])
    assert for_side(0.5, FIRST) == 0.5 and for_side(0.5, SECOND) == -0.5
    assert for_side(values, np.array([0, 1, 1])).tolist() == [1.0, 0.25, 0.0]
    assert for_side(for_side(values, SECOND), SECOND).tolist() == values.tolist()


@pytest.mark.parametrize(
    "value, first, second", [(1.0, 1.0, 0.0), (-1.0, 0.0, 1.0), (0.0, 0.5, 0.5), (0.2, 0.6, 0.4)]
)
def test_win_rates_of_the_sides_add_up_to_one_and_a_draw_counts_half(value, first, second):
    assert win_rate(value, FIRST) == pytest.approx(first) and win_rate(
        value, SECOND
    ) == pytest.approx(second)


def test_a_win_rate_lies_between_0_and_1():
    assert win_rate(1.0000001, FIRST) == 1.0 and win_rate(1.0000001, SECOND) == 0.0


def test_the_core_and_the_python_side_turn_values_alike():
    for side in (FIRST, SECOND):
        for turn in (mover_score.py_func, stored_value.py_func):
            assert turn(0.75, side) == for_side(0.75, side)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("**/*.py")), ids=lambda path: path.name)
def test_no_other_file_turns_values_by_hand(path):
    lines = path.read_text().splitlines() if path.name != TWIN else []
    assert [line for line in lines if BY_HAND.search(line)] == []


def test_the_search_for_changes_by_hand_finds_them():
    for line in (
        "sign = 1.0 - 2.0 * mover",
        "x = (1, -1)[side]",
        "v = 2 * resigned - 1",
        "s = -1.0 if mover else 1.0",
    ):
        assert BY_HAND.search(line)
