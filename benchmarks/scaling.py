"""Games a second of one and of two Ray actors: `python benchmarks/scaling.py [PRESET] [SECONDS]`, each in turn.

The same weights, search and games in flight; starting up and the first games are left out.
"""

import sys
import time

from measure import in_turn, report, spread

import games
from selfplay import config
from selfplay.checkpoint import new_network, shape_for, weights_of
from selfplay.cluster import RayPool, start_ray


class Players:
    """A pool that is kept playing between measurements."""

    def __init__(self, settings, num_actors: int):
        shape = shape_for(games.load(settings.game), settings.network, settings.learner)
        self.pool = RayPool(settings, shape, 1, num_actors)
        self.pool.load(weights_of(new_network(shape, 1)), 0, settings.search.simulations[-1])
        self.num_actors = num_actors
        self.rate(10.0)  # games in flight get out of step, so that they end at a steady rate

    def rate(self, seconds: float) -> float:
        """Games a second, from one delivery to the last."""
        begin, played = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            for part, _ in self.pool.play(2000 * self.num_actors):
                played += part.count
        return played / (time.perf_counter() - begin)


def main() -> None:
    settings = config.load(sys.argv[1] if len(sys.argv) > 1 else "connect4-quick")
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 15.0
    start_ray(None, 3)  # room for both pools; one is idle while the other is measured
    one, two = Players(settings, 1), Players(settings, 2)
    samples = in_turn({"one actor": lambda: one.rate(seconds), "two actors": lambda: two.rate(seconds)})
    ratios = [b / a for a, b in zip(samples["one actor"], samples["two actors"])]
    lines = {f"{name}, games/s": spread(values) for name, values in samples.items()}
    report(f"Ray actors, {settings.game}", lines | {"two / one": spread(ratios)})


if __name__ == "__main__":
    main()
