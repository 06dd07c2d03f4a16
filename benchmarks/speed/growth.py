"""Does memory grow? `python benchmarks/speed/growth.py [--minutes 30]`: one actor plays Connect
Four, takes new weights every minute as in a run, and its process's resident memory is
read after three minutes and at the end."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
from measure import figure, parser, report

from selfplay import config, config_file
from selfplay.actors.actor import Actor
from selfplay.network.weights import new_network, shape_for, weights_of

EARLY = 3  # minutes


def resident() -> float:
    """Megabytes."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 / 1e6


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--minutes", type=float, default=30.0)
    made.add_argument("--preset", default="connect4-quick")
    options = made.parse_args()
    settings = config_file.load(options.preset)
    settings = msgspec.structs.replace(
        settings, network=msgspec.structs.replace(settings.network, precision="fp32")
    )
    shape = shape_for(config.game_of(settings), settings.network, settings.learner)
    actor, begin, played, seen = Actor(settings, shape, seed=1), time.monotonic(), 0, []
    for generation in range(10**9):
        actor.load(weights_of(new_network(shape, generation)), generation, 32, "fp32")
        until = begin + 60.0 * (generation + 1)
        while time.monotonic() < until:
            games, _ = actor.play(100)
            played += games.count
        seen.append(resident())
        print(f"  {generation + 1} min: {seen[-1]:.0f} MB, {played:,} games", flush=True)
        if generation + 1 >= options.minutes:
            break
    memory = {f"after {EARLY} minutes": seen[EARLY - 1]} if len(seen) > EARLY else {}
    memory |= {
        f"after {len(seen)} minutes": seen[-1],
        f"highest in {len(seen)} minutes": max(seen),
    }
    figures = [
        figure("selfplay", f"{options.preset}: memory of an actor, {when}", megabytes, "MB")
        for when, megabytes in memory.items()
    ]
    what = f"{options.preset}: games played by an actor in {len(seen)} minutes"
    figures.append(figure("selfplay", what, played, "games"))
    report(f"resident memory of an actor, {options.preset}", figures, options.record)


if __name__ == "__main__":
    main()
