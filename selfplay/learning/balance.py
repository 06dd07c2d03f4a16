"""Simulations a search so that playing takes as long as learning.

Actors and the learner work side by side, and whoever is ahead waits. A search costs about as much
as it has simulations, so their number is the one that lets neither wait.
"""

LARGEST_STEP = 1.5  # factor by which a generation may change the number
DAMPING = 0.7  # exponent of the measured ratio: part of playing does not grow with simulations


def balanced(
    simulations: int, play_seconds: float, learn_seconds: float, low: int, high: int
) -> int:
    """The next generation's simulations, in [low, high], where this one's games took
    `play_seconds`, and the learner `learn_seconds` beside them."""
    if play_seconds <= 0.0 or learn_seconds <= 0.0:  # the games were on disk already
        return simulations
    factor = (learn_seconds / play_seconds) ** DAMPING
    factor = min(LARGEST_STEP, max(1 / LARGEST_STEP, factor))
    return min(high, max(low, round(simulations * factor)))
