"""Time controls: how much time a game gives, in numbers and as people write them.

    10m         main time and no more (absolute)
    5m+3s       3 seconds more after each move (Fischer)
    10m+5x30s   then 5 periods of 30 seconds, each for one move (Japanese byo-yomi)
    10m+25/5m   then 25 moves in every 5 minutes (Canadian)
    30s/move    so much for each move

The marks are those of Go servers (OGS, KGS); times are a number and ms, s, m or h, or several:
1m30s.
"""

import math
import re
from dataclasses import dataclass

NO_END = math.inf
LONGEST_TIME = 2.0**31  # seconds that a clock can be set to
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)(ms|s|m|h)")
FORMS = (
    "10m, 5m+3s (3 s more a move), 10m+5x30s (5 periods of 30 s), 10m+25/5m (25 moves in 5 m) or "
    "30s/move"
)


@dataclass(frozen=True)
class TimeControl:
    """Main time, then periods of overtime, in seconds. A period in which its moves are made is
    given anew, one that runs out is lost; who has neither main time nor periods has lost on
    time."""

    main: float = NO_END  # without an end: there is no limit at all
    increment: float = 0.0  # added to main time after each move (Fischer)
    period: float = 0.0  # seconds in a period of overtime
    moves: int = 1  # to be made in a period: 1 Japanese, more Canadian
    periods: int = 0  # 0: no overtime
    most_main: float = NO_END  # increments raise main time no further
    most_a_move: float = NO_END  # no longer may one move take

    @property
    def is_limited(self) -> bool:
        return self.main < NO_END

    @classmethod
    def overtime(cls, main: float, period: float, moves: int, periods: int) -> "TimeControl":
        """Main time and overtime, which is none where a period holds no time or there is no
        period."""
        return (
            cls(main, period=period, moves=moves, periods=periods)
            if period > 0 and periods > 0
            else cls(main)
        )

    @classmethod
    def each_move(cls, seconds: float) -> "TimeControl":
        return cls.overtime(0.0, seconds, 1, 1)


NO_LIMIT = TimeControl()


def parse(text: str) -> TimeControl:
    """The time control of that notation. ValueError with one line for anything else."""
    main, plus, rest = "".join(text.split()).lower().partition("+")
    try:
        return _after_main(_main(main), rest) if plus else _alone(main)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time control; they are {FORMS}") from None


def parse_seconds(text: str) -> float:
    """ "500ms", "0.5s", "1m30s" -> seconds, above 0 and up to LONGEST_TIME. ValueError for anything
    else."""
    parts = TIME.findall(text)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if (
        "".join(number + unit for number, unit in parts) != text
        or not 0.0 < seconds <= LONGEST_TIME
    ):
        raise ValueError(
            f"{text[:40]!r} is no time; a number and ms, s, m or h is, such as 0.5s or 1m30s"
        )
    return seconds


def _main(text: str) -> float:
    return 0.0 if text == "0" else parse_seconds(text)


def _alone(text: str) -> TimeControl:
    time, slash, word = text.partition("/")
    if slash and word == "move":
        return TimeControl.each_move(parse_seconds(time))
    return TimeControl(parse_seconds(text))


def _after_main(main: float, text: str) -> TimeControl:
    if "x" in text:
        periods, _, period = text.partition("x")
        return TimeControl.overtime(main, parse_seconds(period), 1, _count(periods))
    if "/" in text:
        moves, _, period = text.partition("/")
        return TimeControl.overtime(main, parse_seconds(period), _count(moves), 1)
    return TimeControl(main, increment=parse_seconds(text))


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or not int(text):
        raise ValueError(f"{text!r} is no number of periods or moves")
    return int(text)
