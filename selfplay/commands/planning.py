"""A plan of a run: this machine's speeds, measured; the run gone through with them; and how it is
told."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event

import numpy as np
import torch

from selfplay import config_file
from selfplay.actors.actor import Actor
from selfplay.actors.local_pool import actors_here, cores_taken, seed_of
from selfplay.commands.benchmark import in_threads, play_until
from selfplay.commands.training import number_of_actors, tuned
from selfplay.config import RunConfig, game_of
from selfplay.learning.learner import Learner
from selfplay.learning.plan import Forecast, Speeds, Strength, forecast, strength
from selfplay.learning.replay import Replay
from selfplay.network.hardware import usable_device
from selfplay.network.network import Shape
from selfplay.network.weights import new_network, shape_for, weights_of

SECONDS = 6.0  # of each measurement
WHOLE = (0.0, 1.0)  # the shares of a run between which is learned
FREE = {"minutes", "generations"}  # settings on which past runs' strength does not depend
WAITS = 0.75  # one side waits that works less than so much of what the other works


@dataclass(frozen=True)
class Plan:
    preset: str
    settings: RunConfig
    speeds: Speeds
    forecast: Forecast
    strength: list[Strength]  # empty where past runs say nothing


def plan(preset: str, changes: list[str], hours: float | None, actors: int | None) -> Plan:
    """The run that `train` would make of these; `hours` in place of the preset's time."""
    settings = config_file.load(preset, changes)
    usable_device(settings.network.device)
    shape = shape_for(game_of(settings), settings.network, settings.learner)
    settings = tuned(settings, None, shape)
    taken = cores_taken(settings)
    actors = number_of_actors(
        actors, None, settings.actor.threads, settings.network.device, taken
    ) or actors_here(
        settings.actor.local_actors, settings.network.device, settings.actor.threads, taken
    )
    speeds = measure(settings, shape, actors)
    limit = 3600 * hours if hours else 60 * settings.minutes or None
    found = forecast(settings, speeds, limit)
    changed = {change.partition("=")[0].strip() for change in changes}
    expected = strength(preset, found.positions) if changed <= FREE else []
    return Plan(preset, settings, speeds, found, expected)


def measure(settings: RunConfig, shape: Shape, count: int) -> Speeds:
    """Of an untrained network and `count` actors in threads: side by side as in a run, or in turn
    if the run is in lockstep."""
    weights = weights_of(new_network(shape, settings.seed))
    low, high = min(settings.search.simulations), max(settings.search.simulations)
    players = [Actor(settings, shape, seed_of(settings.seed, number)) for number in range(count)]
    precision = players[0].load(weights, 0, low, settings.network.precision)
    replay = Replay(game_of(settings), settings.replay)
    replay.add(players[0].play(settings.learner.batch)[0])
    learner = Learner(
        new_network(shape, settings.seed),
        settings.learner,
        settings.network.precision,
        settings.network.device,
    )
    stop, random = Event(), np.random.default_rng(settings.seed)

    def learn(seconds: float | None) -> float:
        """Seconds a step, measured for so long; None: until told to stop."""
        torch.set_num_threads(settings.learner.threads)
        learner.learn(replay, 2, random, WHOLE)
        begin, steps = time.perf_counter(), 0
        while True:
            learner.learn(replay, 5, random, WHOLE)
            steps, spent = steps + 5, time.perf_counter() - begin
            if stop.is_set() if seconds is None else spent > seconds:
                return spent / steps

    def play(simulations: int) -> float:
        """Positions a second, of all actors together."""
        for player in players:
            player.load(weights, 0, simulations, precision)
        end = time.perf_counter() + SECONDS
        played = in_threads([partial(play_until, player, end) for player in players])
        return sum(work.moves for _, work in played) / SECONDS

    with ThreadPoolExecutor(1) as thread:
        learning = thread.submit(learn, SECONDS if settings.lockstep else None)
        if settings.lockstep:
            learning.result()
        positions = {simulations: play(simulations) for simulations in sorted({low, high})}
        stop.set()
        return Speeds(count, positions, learning.result())


def show(plan: Plan) -> None:
    settings, speeds, found = plan.settings, plan.speeds, plan.forecast
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
        for each in plan.strength
    ]
    network = settings.network
    print(f"{plan.preset} on this machine, {network.blocks}x{network.channels} network")
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        print(f"  {name:<{width}}  {text}")
    if advice := suggestion(settings, found):
        print(f"  {advice}")


def suggestion(settings: RunConfig, found: Forecast) -> str | None:
    """What would let neither actors nor the learner wait."""
    if settings.lockstep or max(found.playing, found.learning) < 0.5:
        return None
    if found.playing < WAITS * found.learning:
        return (
            "The actors would wait: more simulations a search cost no time "
            "(search.simulations, or search.simulations_by = balance)."
        )
    if found.learning < WAITS * found.playing:
        return "The learner would wait: a larger network, or fewer simulations a search."
    return None
