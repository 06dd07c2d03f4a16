"""A game's clocks: what is left to each side under a time control, and how much of it the next move
may take.

Pure arithmetic: nobody here asks what time it is. Sides are 0 and 1, times are seconds.
"""

from dataclasses import dataclass, replace

from selfplay.searching.time_control import NO_LIMIT, TimeControl

MOVES_TO_COME = 30  # moves for which main time is kept, where the game can still be as long
# the share of the time there is that a move may plan with: the last batch step and the way to the
# opponent take some too
SAFETY = 0.9
LAG = 0.05  # seconds that the way takes
SHORTEST = 0.02  # seconds that a move has in any case


@dataclass(frozen=True)
class PlayerClock:
    """What one side has left: main time, and behind it periods of overtime, the first of which may
    have begun."""

    control: TimeControl
    main: float
    periods: int  # the one that is running included
    period: float  # left in the running period
    moves: int  # to be made in the running period
    has_fallen: bool = False

    @classmethod
    def of(cls, control: TimeControl) -> "PlayerClock":
        return cls(control, control.main, control.periods, control.period, control.moves)

    def after(self, seconds: float) -> "PlayerClock":
        """When so much time has passed and no move was made: main time goes first, then period
        after period."""
        main, periods, period, moves = self.main, self.periods, self.period, self.moves
        if seconds <= main:
            return replace(self, main=main - seconds)
        seconds -= main
        while periods and seconds > period:
            seconds -= period
            periods, period, moves = periods - 1, self.control.period, self.control.moves
        if not periods:
            return replace(self, main=0.0, periods=0, period=0.0, has_fallen=True)
        return replace(self, main=0.0, periods=periods, period=period - seconds, moves=moves)

    def after_move(self) -> "PlayerClock":
        """When a move is made: main time gets its increment, or the period has one move less to
        wait for."""
        if self.has_fallen:
            return self
        if self.main > 0 or not self.periods:
            main = min(self.main + self.control.increment, max(self.main, self.control.most_main))
            return replace(self, main=main)
        if self.moves > 1:
            return replace(self, moves=self.moves - 1)
        return replace(self, period=self.control.period, moves=self.control.moves)

    def with_time_left(self, seconds: float, moves: int) -> "PlayerClock":
        """By a controller, as GTP's time_left: moves is 0 in main time. (Where a period is for one
        move it tells periods instead, as KGS does.)"""
        control, seconds = self.control, max(0.0, seconds)
        if not moves or not control.periods:
            return replace(PlayerClock.of(control), main=seconds)
        if control.moves == 1:
            return PlayerClock(control, 0.0, moves, seconds, 1)
        return PlayerClock(control, 0.0, control.periods, seconds, min(moves, control.moves))

    def budget(self, moves_to_come: int) -> float:
        """Seconds for the next move, if the side makes so many more moves at most.

        In main time an even share of it, and what each move is given besides; spare periods are
        kept for bad luck.
        """
        control = self.control
        given = control.period / min(control.moves, moves_to_come) if self.periods else 0.0
        if self.main > 0:
            share = self.main / min(moves_to_come, MOVES_TO_COME) + control.increment + given
            share = min(share, self.main + given)  # an increment comes after the move
        else:
            share = self.period / min(self.moves, moves_to_come) if self.periods else 0.0
        return max(SHORTEST, SAFETY * min(share, control.most_a_move) - LAG)

    def __str__(self) -> str:
        """ "4:32", in overtime "0:30 (5 periods)" or "4:10 (for 12 moves)"."""
        if self.has_fallen:
            return "time is up"
        if self.main > 0 or not self.periods:
            return minutes(self.main)
        if self.control.moves > 1:
            return f"{minutes(self.period)} (for {self.moves} move{'s' * (self.moves > 1)})"
        return minutes(self.period) + (f" ({self.periods} periods)" if self.periods > 1 else "")


def minutes(seconds: float) -> str:
    """ "1:02:03", "4:32"; the last ten seconds in tenths. Never more than there is."""
    if seconds < 10:
        return f"0:{int(seconds * 10) / 10:04.1f}"
    hours, seconds = divmod(int(seconds), 3600)
    return (
        f"{hours}:{seconds // 60:02}:{seconds % 60:02}"
        if hours
        else f"{seconds // 60}:{seconds % 60:02}"
    )


class Clock:
    """The two sides' clocks under one time control."""

    def __init__(self, control: TimeControl = NO_LIMIT):
        self.control = control
        self.sides = [PlayerClock.of(control), PlayerClock.of(control)]

    @property
    def is_limited(self) -> bool:
        return self.control.is_limited

    def budget(self, side: int, moves_to_come: int = MOVES_TO_COME) -> float | None:
        """Seconds for the side's next move; None where there is no limit."""
        return self.sides[side].budget(max(1, moves_to_come)) if self.is_limited else None

    def wait(self, side: int, seconds: float) -> bool:
        """Count time in which the side made no move. Did its flag fall in it?"""
        had_fallen = self.sides[side].has_fallen
        self.sides[side] = self.sides[side].after(seconds)
        return self.sides[side].has_fallen and not had_fallen

    def move(self, side: int) -> None:
        """Count a move, behind the time it took."""
        self.sides[side] = self.sides[side].after_move()

    def spend(self, side: int, seconds: float) -> bool:
        """Count a move and the time it took. Did the flag fall?"""
        has_fallen = self.wait(side, seconds)
        self.move(side)
        return has_fallen

    def tell(self, side: int, seconds: float, moves: int) -> None:
        if self.is_limited:
            self.sides[side] = self.sides[side].with_time_left(seconds, moves)
