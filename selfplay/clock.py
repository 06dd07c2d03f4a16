"""Time for a game, as the Go Text Protocol tells it, and how much of it the next move may take."""

from dataclasses import dataclass, field

MOVES_TO_COME = 30  # for which main time is kept
SAFETY = 0.9  # of the time there is: the last wave and the way to the opponent take some too
LAG = 0.05  # seconds
SHORTEST = 0.02


@dataclass
class Clock:
    """Main time, then periods of overtime. Lists are by side (0, 1): seconds left, and moves to be made in them (0: it is
    main time)."""

    overtime: float = 0.0  # seconds of a period
    stones: int = 0  # moves to be made in a period: any number (Canadian), 1 (Japanese)
    is_limited: bool = False
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    moves: list[int] = field(default_factory=lambda: [0, 0])

    @classmethod
    def of(cls, main: float, overtime: float, stones: int) -> "Clock":
        """GTP's time_settings: a period without stones means no limit at all."""
        clock = cls(overtime, stones, not (overtime > 0 and stones == 0))
        for side in (0, 1):
            clock.tell(side, *((main, 0) if main > 0 else (overtime, stones)))
        return clock

    def tell(self, side: int, seconds: float, moves: int) -> None:
        """GTP's time_left. (In Japanese overtime it tells periods where others tell moves; a period is for one move.)"""
        self.seconds[side], self.moves[side] = seconds, min(moves, self.stones)

    def budget(self, side: int) -> float | None:
        """Seconds for the next move; None where there is no limit."""
        if not self.is_limited:
            return None
        share = self.seconds[side] / (self.moves[side] or MOVES_TO_COME)
        if not self.moves[side] and self.stones:
            share += self.overtime / self.stones
        return max(SHORTEST, SAFETY * share - LAG)

    def spend(self, side: int, seconds: float) -> None:
        """Count a move's time, for opponents that do not tell what is left."""
        in_overtime = self.moves[side] > 0
        self.seconds[side] = max(0.0, self.seconds[side] - seconds)
        self.moves[side] = max(0, self.moves[side] - 1)
        if self.stones and not self.moves[side] and (in_overtime or self.seconds[side] == 0.0):
            self.tell(side, self.overtime, self.stones)
