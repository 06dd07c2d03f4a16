"""Games a second of one actor and of two:
`python benchmarks/speed/scaling.py [--preset NAME]`, as threads of this process and as processes of
Ray, each in turn.

The same weights, search and games in flight; starting up and the first games are left out.
"""

import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
from measure import figure, in_turn, parser, report

import games
from selfplay import config, config_file
from selfplay.actors.local_pool import LocalPool
from selfplay.actors.ray_pool import RayPool, start_ray
from selfplay.actors.ray_session import new_folder
from selfplay.network.weights import new_network, shape_for, weights_of

LINEAR = 1.9  # times as many games by two, at least
NAMES = {1: "one actor", 2: "two actors"}
ROWS = 8000  # an actor, that are played together; when they are played all wait for the last


class Players:
    """A pool that is kept playing between measurements."""

    def __init__(self, settings: config.RunConfig, kind: str, num_actors: int):
        shape = shape_for(games.load(settings.game), settings.network, settings.learner)
        if kind == "threads":
            actor = msgspec.structs.replace(settings.actor, local_actors=num_actors)
            self.pool = LocalPool(msgspec.structs.replace(settings, actor=actor), shape, 1)
        else:
            self.pool = RayPool(settings, shape, 1, num_actors)
        self.pool.load(weights_of(new_network(shape, 1)), 0, settings.search.simulations[-1])
        self.num_actors = num_actors
        self.rate(10.0)  # games in flight get out of step, so that they end at a steady rate

    def rate(self, seconds: float) -> float:
        """Games a second, from one delivery to the last."""
        begin, played = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            for part, _ in self.pool.play(ROWS * self.num_actors):
                played += part.count
        return played / (time.perf_counter() - begin)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--preset", default="connect4-quick")
    made.add_argument("--seconds", type=float, default=15.0, help="of a measurement")
    options = made.parse_args()
    settings = config_file.load(options.preset)
    folder, _lock = new_folder()
    # room for both pools; what is not measured is idle
    start_ray(str(folder), 3 * settings.actor.threads, settings.actor.threads)
    players = {
        (kind, count): Players(settings, kind, count)
        for kind, count in product(("threads", "processes"), (1, 2))
    }
    samples = in_turn({key: partial(p.rate, options.seconds) for key, p in players.items()})
    figures = [
        figure("selfplay", f"{options.preset}: {NAMES[count]}, {kind}", values, "games/s")
        for (kind, count), values in samples.items()
    ]
    for kind in ("threads", "processes"):
        times = [two / one for one, two in zip(samples[kind, 1], samples[kind, 2])]
        what = f"{options.preset}: two actors / one, {kind}"
        figures.append(figure("selfplay", what, times, "times", asked=LINEAR))
    report(f"actors, {settings.game}", figures, options.record)


if __name__ == "__main__":
    main()
