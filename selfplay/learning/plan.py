"""What a run will cost and give: a forecast from this machine's speeds and from past runs.

A run is gone through generation by generation, as `selfplay.learning.loop` does it, with seconds in
place of work. Strength is read off past runs of the same preset: the errors left fall as a power of
the positions played.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfplay.config import RunConfig
from selfplay.learning.balance import balanced
from selfplay.learning.loop import simulations_at

PAST_RUNS = Path(__file__).parent.parent / "presets" / "past_runs.json"
FEWEST = 4  # past runs from which a forecast is made
ERRORS = 2.5  # standard errors that its interval reaches to either side, for so few
LEAST_ERROR = 0.03  # of the logarithm of what is left: two runs of one seed differ by as much


@dataclass(frozen=True)
class Speeds:
    """What this machine does, actors and learner side by side."""

    actors: int
    positions: dict[int, float]  # positions/s of all actors, by simulations a search; two or one
    step: float  # seconds of a learner's step

    def playing(self, rows: int, simulations: int) -> float:
        """Seconds of a generation's games: a part of a move's time is the same for any number of
        simulations."""
        known = sorted(self.positions)
        times = [1 / self.positions[n] for n in known]
        if len(known) == 1:
            return rows * times[0] * simulations / known[0]
        (a, b), (first, last) = (known[0], known[-1]), (times[0], times[-1])
        return rows * (first + (last - first) * (simulations - a) / (b - a))


@dataclass(frozen=True)
class Forecast:
    generations: int
    positions: int
    seconds: float
    simulations: int  # of the last generation
    playing: float  # shares of the time that actors and learner work
    learning: float


@dataclass(frozen=True)
class Strength:
    what: str
    percent: float
    low: float
    high: float


def forecast(config: RunConfig, speeds: Speeds, limit: float | None) -> Forecast:
    """The run to its last generation, or until `limit` seconds are spent."""
    rows, played, learned = config.replay.rows_per_generation, 0.0, 0.0
    steps = max(1, round(rows * config.replay.samples_per_row / config.learner.batch))
    measures = config.ledger.games or config.ledger.positions
    measuring = config.ledger.budget if measures and not config.lockstep else 0.0
    learning = steps * speeds.step / (1 - min(0.9, measuring))
    low, high = min(config.search.simulations), max(config.search.simulations)
    is_balanced = config.search.simulations_by == "balance" and not config.lockstep
    simulations, time, generation, longest = low, 0.0, 0, 0.0

    def games() -> float:
        """Seconds of the next generation's games."""
        nonlocal simulations
        if not is_balanced:
            share = max(generation / config.generations, time / limit if limit else 0.0)
            simulations = simulations_at(config, min(1.0, share))
        return speeds.playing(rows, simulations)

    def is_over(ahead: float) -> bool:
        is_late = bool(limit) and time + ahead * longest >= limit
        return generation > 0 and (generation >= config.generations or is_late)

    if not config.lockstep:
        time = played = games()
    while not is_over(0.5):
        playing = games() if config.lockstep else 0.0
        generation += 1
        if config.lockstep:
            longest = playing + learning
        elif is_over(1.5):  # nothing is played beside the last learning
            longest = learning
        else:
            playing = games()
            longest = max(playing, learning)
        time, played, learned = time + longest, played + playing, learned + learning
        if is_balanced and playing:
            simulations = balanced(simulations, playing, learning, low, high)
    return Forecast(generation, generation * rows, time, simulations, played / time, learned / time)


def strength(preset: str, positions: int) -> list[Strength]:
    """What past runs of this preset lead to expect of a run of so many positions, with intervals
    that hold nine of ten or more; nothing where there are too few."""
    past = json.loads(PAST_RUNS.read_text()).get(preset)
    if past is None or len(past["runs"]) < FEWEST:
        return []
    runs = np.array(past["runs"], float)
    x, at = np.log(runs[:, 0]), np.log(positions)
    found = []
    for what, percent in zip(past["percent"], runs[:, 1:].T):
        left = np.log(100 - percent)
        slope, level = np.polyfit(x, left, 1)
        error = np.sqrt(((left - slope * x - level) ** 2).sum() / (len(x) - 2))
        away = (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
        half = ERRORS * max(error, LEAST_ERROR) * np.sqrt(1 + 1 / len(x) + away)
        middle = slope * at + level
        expected, low, high = (100 - np.exp(middle + d) for d in (0.0, half, -half))
        found.append(Strength(what, float(expected), max(0.0, float(low)), float(high)))
    return found
