"""The command `plan`."""

import time as clock
from argparse import ArgumentParser

HELP = "what a run will cost and give on this machine"
SECONDS = 6.0  # of each measurement
WHOLE = (0.0, 1.0)  # the shares of a run between which is learned
FREE = ("minutes", "generations")  # settings on which past runs' strength does not depend


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("preset", metavar="PRESET", help="a preset or a TOML file, as for train")
    command.add_argument(
        "--hours", type=float, metavar="H", help="how long; else as the preset says"
    )
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting"
    )
    command.add_argument("--actors", type=int, metavar="N", help="else as many as train would take")
    command.add_argument("--json", action="store_true")


def run(options) -> None:
    """Measure actors and learner side by side for some seconds, and go through the run with these
    speeds."""
    import math
    from dataclasses import asdict

    from selfplay import config_file
    from selfplay.commands.report import print_json
    from selfplay.commands.training import number_of_actors, tuned
    from selfplay.config import game_of
    from selfplay.learning.plan import forecast, strength
    from selfplay.network.hardware import usable_device
    from selfplay.network.weights import shape_for

    if options.hours is not None and not 0 < options.hours < math.inf:
        raise ValueError("--hours must be more than 0")
    settings = config_file.load(options.preset, options.set)
    usable_device(settings.network.device)
    shape = shape_for(game_of(settings), settings.network, settings.learner)
    settings = tuned(settings, None, shape)
    taken = 0 if settings.lockstep else settings.learner.threads
    actors = number_of_actors(
        options.actors, None, settings.actor.threads, settings.network.device, taken
    )
    speeds = measure(settings, shape, actors)
    limit = 3600 * options.hours if options.hours else 60 * settings.minutes or None
    found = forecast(settings, speeds, limit)
    keys = {change.partition("=")[0].strip() for change in options.set}
    expected = strength(options.preset, found.positions) if keys <= set(FREE) else []
    if options.json:
        return print_json(
            {
                "preset": options.preset,
                "game": settings.game,
                "speeds": asdict(speeds),
                "forecast": asdict(found),
                "strength": [asdict(each) for each in expected],
            }
        )
    show(options.preset, settings, speeds, found, expected)


def measure(settings, shape, actors: int):
    """`Speeds` of an untrained network: side by side as in a run, or in turn if the run is in
    lockstep."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    import numpy as np
    import torch

    from selfplay.actors.actor import Actor
    from selfplay.actors.local_pool import actors_here, cores_taken, seed_of
    from selfplay.config import game_of
    from selfplay.learning.learner import Learner
    from selfplay.learning.plan import Speeds
    from selfplay.learning.replay import Replay
    from selfplay.network.weights import new_network, weights_of

    device, precision = settings.network.device, settings.network.precision
    count = actors or actors_here(
        settings.actor.local_actors, device, settings.actor.threads, cores_taken(settings)
    )
    players = [Actor(settings, shape, seed_of(settings.seed, number)) for number in range(count)]
    network = new_network(shape, settings.seed)
    weights = weights_of(network)
    low, high = min(settings.search.simulations), max(settings.search.simulations)
    precision = players[0].load(weights, 0, low, precision)
    replay = Replay(game_of(settings), settings.replay)
    replay.add(players[0].play(settings.learner.batch)[0])
    learner = Learner(
        new_network(shape, settings.seed), settings.learner, settings.network.precision, device
    )
    stop, random = Event(), np.random.default_rng(settings.seed)

    def learn() -> float:
        """Seconds a step, until told to stop."""
        torch.set_num_threads(settings.learner.threads)
        learner.learn(replay, 2, random, WHOLE)
        begin, steps = clock.perf_counter(), 0
        while not (steps and stop.is_set()):
            learner.learn(replay, 5, random, WHOLE)
            steps += 5
            if settings.lockstep and clock.perf_counter() - begin > SECONDS:
                break
        return (clock.perf_counter() - begin) / steps

    def play(simulations: int) -> float:
        """Positions a second, of all actors together."""
        for player in players:
            player.load(weights, 0, simulations, precision)
        end = clock.perf_counter() + SECONDS
        with ThreadPoolExecutor(count) as threads:
            done = [threads.submit(play_until, player, end) for player in players]
            return sum(each.result()[1].moves for each in done) / SECONDS

    with ThreadPoolExecutor(1) as thread:
        learning = thread.submit(learn)
        if settings.lockstep:
            learning.result()
        positions = {simulations: play(simulations) for simulations in sorted({low, high})}
        stop.set()
        return Speeds(count, positions, learning.result())


def show(preset: str, settings, speeds, found, expected) -> None:
    rows = settings.replay.rows_per_generation
    playing = ", ".join(f"{rate:,.0f} at {n}" for n, rate in speeds.positions.items())
    lines = [
        ("actors", f"{speeds.actors}; positions/s by simulations a search: {playing}"),
        (
            "learner",
            f"{settings.learner.batch / speeds.step:,.0f} rows/s, a step in "
            f"{1000 * speeds.step:.0f} ms",
        ),
        (
            "time",
            f"{found.seconds / 60:.1f} min, {found.generations} generations of {rows:,} positions",
        ),
        ("work", f"actors {found.playing:.0%} of the time, the learner {found.learning:.0%}"),
        ("positions", f"{found.positions:,}"),
    ]
    lines += [
        (each.what, f"{each.percent:.1f} % ({each.low:.1f} .. {each.high:.1f}), from past runs")
        for each in expected
    ]
    print(
        f"{preset} on this machine, {settings.network.blocks}x{settings.network.channels} network"
    )
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        print(f"  {name:<{width}}  {text}")
    if advice := suggestion(settings, speeds, found):
        print(f"  {advice}")


def suggestion(settings, speeds, found) -> str | None:
    """What would let neither actors nor the learner wait."""
    if settings.lockstep or max(found.playing, found.learning) < 0.5:
        return None
    if found.playing < 0.75 * found.learning:
        return (
            "The actors would wait: more simulations a search cost no time "
            "(search.simulations, or search.simulations_by = balance)."
        )
    if found.learning < 0.75 * found.playing:
        return "The learner would wait: a larger network, or fewer simulations a search."
    return None


def play_until(player, end: float):
    return player.play(10**9, lambda: clock.perf_counter() >= end)
