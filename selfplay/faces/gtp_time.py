"""Time, and settings, as controllers tell them: the Go Text Protocol's own words, KGS's and
KataGo's."""

import math
from collections.abc import Callable

from selfplay.faces.engine_session import EngineSession
from selfplay.faces.gtp_arguments import argument, colour, count, number, seconds
from selfplay.searching.clock import Clock
from selfplay.searching.time_control import LONGEST_TIME, NO_LIMIT, TimeControl

KGS_SYSTEMS = ("none", "absolute", "byoyomi", "canadian")
KATA_SYSTEMS = (*KGS_SYSTEMS, "fischer", "fischer-capped")


def time_settings(session: EngineSession, arguments: list[str]) -> str:
    """MAIN PERIOD STONES; a period without stones means no limit at all."""
    main, period = seconds(arguments, 0, "the time"), seconds(arguments, 1, "the time")
    stones = count(arguments, 2, "the number of stones")
    is_limited = period == 0 or stones > 0
    session.clock = Clock(
        TimeControl.overtime(main, period, max(1, stones), 1) if is_limited else NO_LIMIT
    )
    return ""


def kgs_time_settings(session: EngineSession, arguments: list[str]) -> str:
    """none | absolute MAIN | byoyomi MAIN PERIOD PERIODS | canadian MAIN PERIOD STONES"""
    session.clock = Clock(time_system(arguments, KGS_SYSTEMS))
    return ""


def kata_time_settings(session: EngineSession, arguments: list[str]) -> str:
    """KataGo's: KGS's systems, fischer MAIN INCREMENT, and fischer-capped MAIN INCREMENT MOST_MAIN
    MOST_A_MOVE, where a negative number caps nothing."""
    session.clock = Clock(time_system(arguments, KATA_SYSTEMS))
    return ""


def time_system(arguments: list[str], known: tuple[str, ...]) -> TimeControl:
    system, numbers = argument(arguments, 0, "the system"), arguments[1:]
    if system not in known:
        raise ValueError(f"syntax error: unknown time system {system[:20]!r}")
    if system == "none":
        return NO_LIMIT
    main = seconds(numbers, 0, "main time")
    if system == "absolute":
        return TimeControl(main)
    if system.startswith("fischer"):
        increment = seconds(numbers, 1, "the increment")
        caps = [cap(numbers, index) for index in (2, 3)] if system == "fischer-capped" else []
        return TimeControl(main, increment, **dict(zip(("most_main", "most_a_move"), caps)))
    period, what = seconds(numbers, 1, "overtime"), "periods" if system == "byoyomi" else "stones"
    number = count(numbers, 2, f"the number of {what}")
    if system == "byoyomi":
        return TimeControl.overtime(main, period, 1, number)
    return TimeControl.overtime(main, period, max(1, number), min(1, number))


def cap(arguments: list[str], index: int) -> float:
    return value if (value := number(arguments, index, "the limit", float)) >= 0 else math.inf


def time_left(session: EngineSession, arguments: list[str]) -> str:
    """COLOUR TIME STONES. Some controllers tell a little less than nothing when time has just run
    out."""
    time, stones = (
        number(arguments, 1, "the time", float),
        count(arguments, 2, "the number of stones"),
    )
    session.clock.tell(colour(arguments), time, stones)
    return ""


# Settings, as KataGo names them


def get_parameter(session: EngineSession, arguments: list[str]) -> str:
    return PARAMETERS[parameter(arguments)][0](session)


def set_parameter(session: EngineSession, arguments: list[str]) -> str:
    name = parameter(arguments)
    PARAMETERS[name][1](session, argument(arguments, 1, "the value"))
    return ""


def parameter(arguments: list[str]) -> str:
    name = argument(arguments, 0, "the parameter")
    if name not in PARAMETERS:
        raise ValueError(f"unknown parameter {name[:40]!r}; there are: {', '.join(PARAMETERS)}")
    return name


def set_pondering(session: EngineSession, word: str) -> None:
    if word.lower() not in ("true", "false"):
        raise ValueError(f"ponderingEnabled is true or false, not {word[:20]!r}")
    session.ponders = word.lower() == "true"


def set_most_seconds(session: EngineSession, word: str) -> None:
    if (value := seconds([word], 0, "maxTime")) == 0.0:
        raise ValueError("maxTime must be above 0")
    session.most_seconds = value


PARAMETERS: dict[
    str, tuple[Callable[[EngineSession], str], Callable[[EngineSession, str], None]]
] = {
    "maxTime": (lambda session: f"{session.most_seconds or LONGEST_TIME:g}", set_most_seconds),
    "ponderingEnabled": (lambda session: str(session.ponders).lower(), set_pondering),
}


def stop(session: EngineSession, arguments: list[str]) -> str:
    """No more pondering until the next move. (That a command has come has stopped it already.)"""
    session.answered = None
    return ""
