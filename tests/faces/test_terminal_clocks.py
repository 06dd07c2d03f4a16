"""Time at the board: clocks that are shown and kept to, and engines that think meanwhile."""

import io
import threading

import pytest
from rich.console import Console

from selfplay.faces.terminal import sit_down
from selfplay.matches import players
from selfplay.searching.time_control import parse
from tests.faces.sitting import Parrot, sit


class Now:
    """A clock on which each question takes so long: a person's waits and engines' moves are two
    questions each."""

    def __init__(self, *steps: float):
        self.time, self.steps = 0.0, list(steps)

    def __call__(self) -> float:
        self.time += self.steps.pop(0) if self.steps else 0.0
        return self.time


def clock_lines(said: str) -> list[str]:
    return [line for line in said.split("\n") if line.startswith("time:")]


def test_both_sides_clocks_are_counted_and_shown(connect4):
    # asked, a wait of 20 s; the engine takes 7 s; a wait of 100 s
    now = Now(0, 20, 0, 7, 0, 100, 0, 0)
    said, _ = sit(connect4, ["4", "5"], second=Parrot(connect4), control=parse("5m+3s"), now=now)
    assert clock_lines(said) == [
        "time: X 5:00, O 5:00",
        "time: X 4:43, O 5:00",
        "time: X 4:43, O 4:56",
        "time: X 3:06, O 4:56",
        "time: X 3:06, O 4:59",
    ]


def test_words_at_the_prompt_take_time_and_are_no_moves(connect4):
    now = Now(0, 10, 0, 10, 0, 10)
    said, prompts = sit(
        connect4, ["board", "9", "board"], second=Parrot(connect4), control=parse("1m+3s"), now=now
    )
    assert clock_lines(said) == [
        "time: X 1:00, O 1:00",
        "time: X 0:50, O 1:00",
        "time: X 0:30, O 1:00",
    ]
    assert [prompt.split(" (")[0] for prompt in prompts] == [
        f"X to move, {t}" for t in ("1:00", "0:50", "0:40", "0:30")
    ]


def test_a_flag_that_falls_is_announced_once_and_the_game_goes_on(connect4):
    now = Now(0, 70, 0, 0, 0, 70)
    said, _ = sit(
        connect4, ["4", "4", "4", "4"], second=Parrot(connect4), control=parse("1m"), now=now
    )
    assert said.count("X (you): time is up. The game goes on.") == 1
    assert "time: X time is up, O 1:00" in said
    assert said.rstrip().endswith("X (you) win. (Time was up for X.)")


def test_overtime_is_shown_in_periods(connect4):
    now = Now(0, 75, 0, 0, 0, 35)
    said, _ = sit(
        connect4, ["4", "4", "board"], second=Parrot(connect4), control=parse("1m+3x30s"), now=now
    )
    assert (
        clock_lines(said)[1] == "time: X 0:30 (3 periods), O 1:00" and "X 0:30 (2 periods)" in said
    )


def test_without_a_control_no_clock_is_shown(connect4):
    said, _ = sit(connect4, ["4", "board"], second=Parrot(connect4))
    assert clock_lines(said) == []


def test_an_engine_keeps_to_its_clock(connect4):
    ticks = iter(range(10**9))
    player = players.create("mcts:100000", connect4)
    said, _ = sit(
        connect4, ["4"], second=player, control=parse("20s"), now=lambda: next(ticks) * 0.01
    )
    # 20 s / 21 moves
    assert "O (mcts:100000) plays" in said and clock_lines(said)[-1] == "time: X 0:19, O 0:19"


def test_a_narrow_terminal_keeps_clocks_whole(connect4):
    now = Now(0, 600, 0, 700)
    said, _ = sit(
        connect4, ["4"], second=Parrot(connect4), control=parse("10m+25/5m"), now=now, width=30
    )
    assert "time: X 10:00, O 10:00\n" in said
    assert "time: X 5:00 (for 24 moves)\n      O 10:00\n" in said
    assert "time: X 5:00 (for 24 moves)\n      O 3:20 (for 24 moves)\n" in said


# Pondering


def test_an_engine_thinks_while_a_person_is_asked_and_stops_with_the_answer(connect4):
    player, threads, out = players.create("mcts:50", connect4), [], io.StringIO()
    lines = ["4", "hint", "help", "quit"]

    def read(prompt):
        threads.append([thread.name for thread in threading.enumerate()])
        return lines.pop(0)

    console = Console(file=out, width=80, highlight=False)
    sit_down(
        connect4, None, player, player, [], "selfplay play parrot", console, read, ponders=True
    )
    assert all("ponder" in names for names in threads) and len(threads) == 4
    assert "ponder" not in [thread.name for thread in threading.enumerate()]
    assert "O (mcts:50) plays" in out.getvalue() and "mcts:50 would play" in out.getvalue()


@pytest.mark.parametrize("ending", [["^C"], []])
def test_leaving_ends_all_thinking(connect4, ending):
    said, _ = sit(
        connect4, ["4", *ending], second=players.create("mcts:50", connect4), ponders=True
    )
    assert "Left. To go on" in said
    assert "ponder" not in [thread.name for thread in threading.enumerate()]
