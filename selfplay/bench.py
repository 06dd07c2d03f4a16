"""Speed, measured: `rules`, `search` (trees with a free evaluator), `net` (the bare network), `selfplay` (all together).

Each figure is the median, lowest and highest of several repeats, after a warm-up that compiles.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import torch

import games
from games.game import Game
from native import forest as memory
from native.cache import new_cache
from native.search import Settings, absorb, descend
from selfplay.actor import Actor
from selfplay.checkpoint import new_network, shape_for, weights_of
from selfplay.config import ActorConfig, NetworkConfig, RunConfig, SearchConfig
from selfplay.evaluator import Evaluator
from selfplay.network import operations
from selfplay.proof import random_play
from selfplay.report import machine


def run(options) -> dict:
    """The figures of one `selfplay bench` command. ValueError for sizes that cannot be."""
    for name in ("games", "simulations", "blocks", "channels", "repeats"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} must be at least 1")
    if not (math.isfinite(options.seconds) and options.seconds > 0):
        raise ValueError("--seconds must be above 0")
    game = games.load(options.game)
    torch.set_num_threads(1)
    setting, measure = {"rules": rules, "search": search, "net": net, "selfplay": selfplay}[options.what](game, options)
    measure(0.1)  # compiles
    samples = [measure(options.seconds) for _ in range(options.repeats)]
    figures = {name: spread([sample[name] for sample in samples]) for name in samples[0]}
    return {
        "what": options.what,
        "game": game.name,
        "setting": setting,
        "machine": machine(),
        "cores_used": 1,
        "repeats": options.repeats,
        "figures": figures,
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "low": float(min(values)), "high": float(max(values))}


Measure = Callable[[float], dict[str, float]]  # seconds -> figures


def rules(game: Game, options) -> tuple[str, Measure]:
    def measure(seconds: float) -> dict[str, float]:
        rate, length = random_play(game, seconds)
        return {"positions/s": rate, "mean length": length}

    return "uniformly random legal play, one core", measure


def search(game: Game, options) -> tuple[str, Measure]:
    forest = memory.new_forest(options.games, options.simulations, game.state_bytes, game.actions, game.max_plies)
    batch = memory.new_batch(options.games, game.planes, game.cells, game.scalars, game.actions)
    states, cache, settings = (
        np.repeat(game.start_state()[None], options.games, 0),
        new_cache(0, game.actions),
        Settings(),
    )

    def measure(seconds: float) -> dict[str, float]:
        begin, simulations = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            memory.plant_all(forest, states, options.simulations)
            while rows := descend(game.rules, settings, forest, cache, batch):
                absorb(settings, forest, cache, batch, rows)
            simulations += options.simulations * options.games
        return {"simulations/s": simulations / (time.perf_counter() - begin)}

    return f"Gumbel, {options.simulations} simulations, {options.games} games, uniform priors and zero values", measure


def net(game: Game, options) -> tuple[str, Measure]:
    network = new_network(shape_for(game, NetworkConfig(blocks=options.blocks, channels=options.channels)), 1)
    evaluator = Evaluator(network, options.games)
    batch = memory.new_batch(options.games, game.planes, game.cells, game.scalars, game.actions)
    batch.planes[:] = np.random.default_rng(1).random(batch.planes.shape) < 0.3

    def measure(seconds: float) -> dict[str, float]:
        begin, rows = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            evaluator.evaluate(batch, options.games)
            rows += options.games
        rate = rows / (time.perf_counter() - begin)
        return {"evaluations/s": rate, "GFLOP/s": rate * operations(network.shape) / 1e9}

    return f"{options.blocks}x{options.channels} network, batch {options.games}, {evaluator.precision}", measure


def selfplay(game: Game, options) -> tuple[str, Measure]:
    config = RunConfig(
        game=options.game,
        network=NetworkConfig(blocks=options.blocks, channels=options.channels),
        search=SearchConfig(simulations=[options.simulations]),
        actor=ActorConfig(games=options.games),
    )
    shape = shape_for(game, config.network, config.learner)
    actor = Actor(config, shape, seed=1)
    precision = actor.load(weights_of(new_network(shape, 1)), 0, options.simulations, "auto")
    _, bare = net(game, options)

    def measure(seconds: float) -> dict[str, float]:
        rate = bare(seconds / 2)["evaluations/s"]
        begin, works = time.perf_counter(), []
        while time.perf_counter() - begin < seconds:
            works.append(actor.play(1))
        spent = time.perf_counter() - begin
        total = {name: sum(getattr(work, name) for _, work in works) for name in FIGURES}
        return {
            "positions/s": total["moves"] / spent,
            "simulations/s": total["simulations"] / spent,
            "evaluations/s": total["evaluations"] / spent,
            "games/h": 3600 * sum(played.count for played, _ in works) / spent,
            "network's share of time": total["network_seconds"] / spent,
            "rate in the network / bare network's": total["evaluations"] / total["network_seconds"] / rate,
            "cached share of leaves": total["cache_hits"] / (total["cache_hits"] + total["evaluations"]),
        }

    return (
        f"{options.blocks}x{options.channels} network in {precision}, {options.simulations} simulations, {options.games} games",
        measure,
    )


FIGURES = ("moves", "simulations", "evaluations", "network_seconds", "cache_hits")
