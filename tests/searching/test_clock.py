"""Clocks and time controls against numbers worked by hand: a game's time, move by move."""

import math

import pytest

from selfplay.searching.clock import LAG, MOVES_TO_COME, SAFETY, SHORTEST, Clock, minutes
from selfplay.searching.time_control import NO_LIMIT, TimeControl, parse, parse_seconds


def net(seconds):
    return pytest.approx(SAFETY * seconds - LAG)


def shown(clock, side=0) -> str:
    return str(clock.sides[side])


# The notation


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("10m", TimeControl(600.0)),
        ("1h30m", TimeControl(5400.0)),
        ("5m+3s", TimeControl(300.0, increment=3.0)),
        (" 5m + 500ms ", TimeControl(300.0, increment=0.5)),
        ("0+2s", TimeControl(0.0, increment=2.0)),
        ("10m+5x30s", TimeControl(600.0, period=30.0, moves=1, periods=5)),
        ("5M + 5 X 30S", TimeControl(300.0, period=30.0, moves=1, periods=5)),
        ("0+3x10s", TimeControl(0.0, period=10.0, moves=1, periods=3)),
        ("10m+25/5m", TimeControl(600.0, period=300.0, moves=25, periods=1)),
        ("30s/move", TimeControl(0.0, period=30.0, moves=1, periods=1)),
    ],
)
def test_time_controls_are_written_as_go_servers_write_them(text, control):
    assert parse(text) == control and control.is_limited


@pytest.mark.parametrize(
    "text",
    [
        "", "soon", "10", "5m+", "+3s", "5m+3", "-5m", "5m+-3s", "5m+0x30s", "5m+x30s", "5m+5x",
        "5m+2.5x30s", "5m+0/5m", "5m+25/", "30s/game", "5m+3s+3s", "nan", "infs", "1e9m", "0", "0s",
        "0+0s", "5 minutes", "٣m", "5m+²x3s", "9" * 400 + "m",
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_one_line_that_says_what_would_do(text):
    with pytest.raises(ValueError, match="is no time control; they are 10m") as refusal:
        parse(text)
    assert "\n" not in str(refusal.value) and "10m+5x30s" in str(refusal.value)


def test_times_are_numbers_with_units():
    assert [parse_seconds(t) for t in ("0.5s", "500ms", ".5s", "2m", "1h1m1s")] == [
        0.5,
        0.5,
        0.5,
        120.0,
        3661.0,
    ]
    for text in ("0.5", "s", "0s", "-1s", "1.s", "1s ", "1 s", "", "1d"):
        with pytest.raises(ValueError, match="is no time"):
            parse_seconds(text)


# What is left, move by move


def test_no_limit_is_no_clock():
    clock = Clock()
    assert not clock.is_limited and clock.budget(0) is None
    assert not clock.spend(0, 1e9) and clock.budget(0) is None
    clock.tell(0, 5, 0)
    assert clock.budget(0) is None


def test_absolute_time_runs_down_for_its_own_side():
    clock = Clock(TimeControl(300.0))
    assert clock.budget(0) == net(300 / 30) and shown(clock) == "5:00"
    assert not clock.spend(0, 150)
    assert clock.budget(0) == net(5) and clock.budget(1) == net(10) and shown(clock) == "2:30"
    assert not clock.spend(0, 150)  # to the last moment, and not over it
    assert clock.spend(0, 0.1) and shown(clock) == "time is up" and clock.budget(0) == SHORTEST


def test_a_flag_falls_once_and_play_may_go_on():
    clock = Clock(TimeControl(10.0))
    assert (
        not clock.wait(1, 9) and clock.wait(1, 2) and not clock.wait(1, 2) and not clock.spend(1, 5)
    )
    assert shown(clock, 1) == "time is up" and shown(clock, 0) == "0:10"


def test_fischer_adds_after_each_move():
    clock = Clock(TimeControl(60.0, increment=3.0))
    assert clock.budget(0) == net(60 / 30 + 3)
    clock.spend(0, 10)
    assert shown(clock) == "0:53"
    clock.wait(0, 51)  # 2 seconds left: the increment is not there before the move
    assert clock.budget(0) == net(2)
    clock.spend(0, 1.5)
    assert shown(clock) == "0:03.5"
    assert clock.spend(0, 3.6)  # the increment comes too late
    assert shown(clock) == "time is up"


def test_fischer_may_cap_main_time_and_a_move():
    clock = Clock(TimeControl(60.0, increment=10.0, most_main=65.0, most_a_move=4.0))
    assert clock.budget(0) == net(4)
    clock.spend(0, 2)
    assert shown(clock) == "1:05"  # not 68
    clock.spend(0, 12)
    assert shown(clock) == "1:03"


def test_a_japanese_period_comes_back_with_a_move_and_is_lost_when_it_runs_out():
    clock = Clock(TimeControl(60.0, period=30.0, moves=1, periods=3))
    assert clock.budget(0) == net(60 / 30 + 30)
    clock.spend(0, 50)
    assert shown(clock) == "0:10" and clock.budget(0) == net(10 / 30 + 30)
    clock.spend(0, 35)  # 10 of main time, 25 of the first period
    assert shown(clock) == "0:30 (3 periods)" and clock.budget(0) == net(30)
    clock.wait(0, 20)
    assert shown(clock) == "0:10 (3 periods)"
    clock.spend(0, 50)  # 10, 30 and 10: two periods are gone
    assert shown(clock) == "0:30"
    assert not clock.spend(0, 30) and clock.spend(0, 31) and shown(clock) == "time is up"


def test_so_much_for_each_move_is_one_period():
    clock = Clock(parse("30s/move"))
    assert clock.budget(0) == net(30) and shown(clock) == "0:30"
    for _ in range(5):
        assert not clock.spend(0, 29)
    assert clock.budget(0) == net(30) and clock.spend(0, 30.5)


def test_a_canadian_period_is_for_many_moves():
    clock = Clock(TimeControl(30.0, period=60.0, moves=20, periods=1))
    assert clock.budget(0) == net(30 / 30 + 60 / 20)
    clock.spend(0, 40)  # 10 of the period, and one of its moves
    assert shown(clock) == "0:50 (for 19 moves)" and clock.budget(0) == net(50 / 19)
    for _ in range(18):
        clock.spend(0, 2)
    assert shown(clock) == "0:14 (for 1 move)" and clock.budget(0) == net(14)
    clock.spend(0, 10)  # the twentieth: a new period
    assert shown(clock) == "1:00 (for 20 moves)"
    assert clock.spend(0, 61)


def test_where_a_game_must_end_soon_nothing_is_kept_for_later():
    assert Clock(TimeControl(300.0)).budget(0, moves_to_come=3) == net(100)
    assert Clock(TimeControl(300.0)).budget(0, moves_to_come=0) == net(300)
    assert Clock(TimeControl(300.0)).budget(0, moves_to_come=1000) == net(300 / MOVES_TO_COME)
    canadian = Clock(TimeControl(0.0, period=60.0, moves=20, periods=1))
    assert canadian.budget(0, moves_to_come=4) == net(15)


def test_what_a_controller_tells_is_believed():
    japanese = Clock(TimeControl(60.0, period=30.0, moves=1, periods=5))
    japanese.tell(1, 20, 0)
    assert shown(japanese, 1) == "0:20" and japanese.budget(1) == net(20 / 30 + 30)
    japanese.tell(1, 30, 2)  # KGS tells periods there
    assert shown(japanese, 1) == "0:30 (2 periods)" and shown(japanese, 0) == "1:00"
    canadian = Clock(TimeControl(0.0, period=600.0, moves=25, periods=1))
    canadian.tell(0, 100, 10)
    assert canadian.budget(0) == net(10)
    absolute = Clock(TimeControl(0.0))
    absolute.spend(0, 1)
    absolute.tell(0, 90, 5)  # it has no overtime
    assert absolute.budget(0) == net(3) and shown(absolute) == "1:30"
    absolute.tell(0, -0.5, 0)
    assert absolute.budget(0) == SHORTEST


def test_no_budget_is_longer_than_the_time_there_is():
    for text in ("1s", "1s+10s", "1s+25/5m", "1s+3x30s", "30s/move"):
        left = Clock(parse(text)).sides[0]
        there_is = (left.main + (left.period if left.periods else 0)) if left.main else left.period
        for moves in (1, 2, 30, 1000):
            assert SHORTEST <= left.budget(moves) <= there_is


def test_time_is_shown_as_on_a_clock():
    assert [minutes(s) for s in (0, 3.99, 9.99, 10, 59.9, 60, 3599, 3600, 36061)] == [
        "0:00.0", "0:03.9", "0:09.9", "0:10", "0:59", "1:00", "59:59", "1:00:00", "10:01:01",
    ]  # fmt: skip
    assert NO_LIMIT.main == math.inf
