"""Speed, measured and explained: `rules`, `search` (trees with a free evaluator), `net` (the bare
network), `selfplay` (all together).

Each figure is the median, lowest and highest of several repeats, after a warm-up that compiles. One
core, one thread, unless several actors play; the network on a GPU where that is asked for. Beside
the speed stands where the time goes, in shares, and what bounds it.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

import games
from games.game import Game
from native.machine.host import cores
from native.search import forest as memory
from native.search.cache import new_cache
from native.search.mcts import SearchBatch, expand_and_backup, select_leaves
from native.search.params import GUMBEL, PUCT, SearchParams
from native.search.profile import ENCODE, PLAY, WALK, replay_trees
from native.search.tree_only import search_tree_only
from selfplay.actors.actor import Actor, Work
from selfplay.actors.local_pool import LocalPool, actors_here
from selfplay.commands.prove import random_play
from selfplay.config import ActorConfig, NetworkConfig, RunConfig, SearchConfig, check
from selfplay.network import hardware, tuning
from selfplay.network.evaluator import Evaluator
from selfplay.network.hardware import is_gpu, machine, usable_device
from selfplay.network.network import operations
from selfplay.network.precision import usable_precisions
from selfplay.network.weights import new_network, shape_for, weights_of
from selfplay.storage.records import Games

Figures = dict[str, float]
SLICE_SECONDS = 0.2  # seconds, in which two things that are compared are measured in turn


@dataclass
class Bench:
    """One thing to measure: `measure(seconds)` gives figures, `bound(medians)` says in words what
    holds them back."""

    setting: str
    measure: Callable[[float], Figures]
    bound: Callable[[Figures], str]
    cores: int = 1
    precision: str | None = None  # the network's, if there is one


def run(options) -> dict:
    """The figures of one `selfplay bench` command. ValueError for sizes that cannot be."""
    for name in ("games", "simulations", "blocks", "channels", "repeats", "actors"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise ValueError(f"--{name} must be at least 1")
    if not (math.isfinite(options.seconds) and options.seconds > 0):
        raise ValueError("--seconds must be above 0")
    network = NetworkConfig(blocks=options.blocks, channels=options.channels)
    check(RunConfig(game=options.game, network=network), "bench")
    usable_device(options.device)
    game = games.load(options.game)
    torch.set_num_threads(1)
    bench = {"rules": rules, "search": search, "net": net, "selfplay": selfplay}[options.what](
        game, options
    )
    bench.measure(0.1)  # compiles
    samples = [bench.measure(options.seconds) for _ in range(options.repeats)]
    figures = {name: spread([sample[name] for sample in samples]) for name in samples[0]}
    return {
        "what": options.what,
        "game": game.name,
        "setting": bench.setting,
        "machine": machine() + gpu_name(options.device),
        "cores_used": bench.cores,
        "precision": bench.precision,
        "repeats": options.repeats,
        "figures": figures,
        "bound": bench.bound({name: figure["median"] for name, figure in figures.items()}),
    }


def spread(values: list[float]) -> dict[str, float]:
    return {
        "median": float(np.median(values)),
        "low": float(min(values)),
        "high": float(max(values)),
    }


def rules(game: Game, options) -> Bench:
    def measure(seconds: float) -> Figures:
        rate, length = random_play(game, seconds)
        return {"positions/s": rate, "mean length": length}

    return Bench(
        "uniformly random legal play, one core", measure, lambda figures: "the game's own rules"
    )


# Trees alone


def search(game: Game, options) -> Bench:
    """Uniform priors and zero values, asked for in batch steps as a network would be, or (--alone)
    without leaving compiled code."""
    trees = Trees(game, options)
    kind = (
        f"{options.kind.upper() if options.kind == 'puct' else 'Gumbel'}, {options.simulations} "
        "simulations"
    )
    how = "in one compiled call" if options.alone else "in batch steps"
    size = memory.forest_bytes(
        options.games, options.simulations, game.state_bytes, game.actions, game.max_plies
    )
    setting = (
        f"{kind}, {options.games} games, uniform priors and zero values, {how}; room for "
        f"{size / 1e6:,.0f} MB of trees"
    )
    return Bench(setting, trees.measure_alone if options.alone else trees.measure, bound_of_trees)


class Trees:
    """Searches of first positions, again and again, and clocks around their parts."""

    def __init__(self, game: Game, options):
        self.game, self.simulations, self.games = game, options.simulations, options.games
        self.search_batch = SearchBatch(
            game.rules,
            SearchParams(PUCT if options.kind == "puct" else GUMBEL),
            bench_forest(game, options.games, options.simulations),
            new_cache(0, game.actions),
            memory.new_batch(options.games, game.planes, game.cells, game.scalars, game.actions),
        )
        self.states = np.repeat(game.start_state()[None], options.games, 0)
        self.seconds = np.zeros(2)  # in select_leaves, in expand_and_backup

    def measure(self, seconds: float) -> Figures:
        self.seconds[:] = 0.0
        total, searches = self.repeat(self._search, seconds)
        call = self._empty_call()
        calls = 2 * searches * (self.simulations + 1)
        play, encode = self._rules_seconds()
        inside, taken = self.seconds.sum() - calls * call, total
        parts = {
            "selecting, backing up": self.seconds[0]
            - calls / 2 * call
            - (play + encode) * searches,
            "playing": play * searches,
            "encoding": encode * searches,
            "backup": self.seconds[1] - calls / 2 * call,
            "Python": taken - inside,
        }
        rate = self.simulations * self.games * searches / total
        return {"simulations/s": rate} | {
            f"share {name}": max(0.0, part) / total for name, part in parts.items()
        }

    def measure_alone(self, seconds: float) -> Figures:
        total, searches = self.repeat(self.search_tree_only, seconds)
        play, encode = (seconds * searches / total for seconds in self._rules_seconds())
        whole = max(1.0, play + encode)  # above 1 after a slow spell while they were measured
        return {
            "simulations/s": self.simulations * self.games * searches / total,
            "share selecting, expanding, backing up": 1.0 - (play + encode) / whole,
            "share playing": play / whole,
            "share encoding": encode / whole,
        }

    def repeat(self, work: Callable[[], None], seconds: float) -> tuple[float, int]:
        """(seconds taken, times done), at least once."""
        begin, times = time.perf_counter(), 0
        while True:
            work()
            times += 1
            if (taken := time.perf_counter() - begin) >= seconds:
                return taken, times

    def _search(self) -> None:
        memory.reset_trees(self.search_batch.forest, self.states, self.simulations)
        while True:
            begin = time.perf_counter()
            rows = select_leaves(self.search_batch)
            middle = time.perf_counter()
            self.seconds[0] += middle - begin
            if not rows:
                return
            expand_and_backup(self.search_batch, rows)
            self.seconds[1] += time.perf_counter() - middle

    def search_tree_only(self) -> None:
        memory.reset_trees(self.search_batch.forest, self.states, self.simulations)
        search_tree_only(self.search_batch)

    def _empty_call(self) -> float:
        """Seconds to hand a forest to a kernel that has nothing to do: its searches are
        complete."""
        return hardware.best_of(lambda: select_leaves(self.search_batch), 20)

    def _rules_seconds(self) -> tuple[float, float]:
        """(playing, encoding) of all the nodes of the searches that have just been done, each at
        its fastest."""
        rules, forest, batch = (
            self.search_batch.rules,
            self.search_batch.forest,
            self.search_batch.batch,
        )
        memories = [np.zeros(len(forest.new_number) + 1, np.int32) for _ in range(3)]

        def part(which: int) -> float:
            return hardware.best_of(lambda: replay_trees(rules, forest, batch, which, *memories), 5)

        walk, play, encode = part(WALK), part(PLAY), part(ENCODE)
        return max(0.0, play - walk), max(0.0, encode - play)


def bench_forest(game: Game, num_games: int, simulations: int) -> memory.Forest:
    return memory.new_forest(num_games, simulations, game.state_bytes, game.actions, game.max_plies)


def bound_of_trees(figures: Figures) -> str:
    shares = {
        name.removeprefix("share "): share
        for name, share in figures.items()
        if name.startswith("share ")
    }
    largest = max(shares, key=shares.get)
    return f"{largest}: {shares[largest]:.0%} of the time"


# The network alone


def net(game: Game, options) -> Bench:
    network = new_network(
        shape_for(game, NetworkConfig(blocks=options.blocks, channels=options.channels)), 1
    )
    device = options.device
    evaluator = Evaluator(network, options.games, options.precision, device)
    peak = hardware.peak_flops(evaluator.precision, device=device)
    others = [name for name in usable_precisions(network, device) if name != evaluator.precision]
    others = {name: Evaluator(network, options.games, name, device) for name in others}

    def measure(seconds: float) -> Figures:
        part = seconds / tuning.ROUNDS / (1 + len(others))
        rate = tuning.rate(evaluator, options.games, part)
        flops = rate * operations(network.shape)
        figures = {"evaluations/s": rate, "GFLOP/s": flops / 1e9, "share of peak": flops / peak}
        return figures | {
            f"evaluations/s, {name}": tuning.rate(other, options.games, part)
            for name, other in others.items()
        }

    def bound(figures: Figures) -> str:
        return bound_of_network(figures["share of peak"], peak, evaluator.precision, device)

    setting = (
        f"{options.blocks}x{options.channels} network, batch {options.games}, "
        f"{evaluator.precision}{on(device)}"
    )
    return Bench(setting, measure, bound, precision=evaluator.precision)


def gpu_name(device: str) -> str:
    return f" and {torch.cuda.get_device_name(device)}" if is_gpu(device) else ""


def on(device: str) -> str:
    return f" on {device}" if is_gpu(device) else ""


def bound_of_network(share: float, peak: float, precision: str, device: str, cores: int = 1) -> str:
    what = (
        "arithmetic" if share > 0.5 else "memory and the steps between layers, more than arithmetic"
    )
    whose = "the GPU's" if is_gpu(device) else "this core's" if cores == 1 else f"{cores} cores'"
    return (
        f"{what}: convolutions at {share:.0%} of {whose} {peak / 1e9:,.0f} GFLOP/s (large "
        f"{precision} matrices)"
    )


# All together


def selfplay(game: Game, options) -> Bench:
    device, simulations = options.device, options.simulations
    count = options.actors or (actors_here(0, device, 1) if is_gpu(device) else 1)
    network = NetworkConfig(blocks=options.blocks, channels=options.channels, device=device)
    shape = shape_for(game, network)
    tuned = (
        tuning.by_batch(new_network(shape, 1), options.precision, device=device)
        if options.tune
        else {}
    )
    num_games = tuning.smallest_good(tuned) if tuned else options.games
    config = RunConfig(
        game=options.game,
        network=network,
        search=SearchConfig(simulations=[simulations]),
        actor=ActorConfig(games=num_games, local_actors=count),
    )
    pool = LocalPool(config, shape, 1, options.precision)
    precision = pool.load(weights_of(new_network(shape, 1)), 0, simulations)
    bare = [Evaluator(new_network(shape, 1), num_games, precision, device) for _ in pool.actors]
    batches = [tuning.random_batch(shape, num_games) for _ in bare]
    peak = hardware.peak_flops(precision, device=device) * (1 if is_gpu(device) else count)
    # until games end, and are no longer in step
    in_threads([partial(actor.play, 1) for actor in pool.actors])

    def measure(seconds: float) -> Figures:
        """The bare network and all of it in turn, so that a slow spell of the machine meets
        both."""
        rates, played, spent = [], [], 0.0
        while spent < seconds:
            asking = [
                partial(tuning.ask_for, *pair, SLICE_SECONDS / 2) for pair in zip(bare, batches)
            ]
            rates.append(sum(in_threads(asking)))
            begin = time.perf_counter()
            played += in_threads(
                [partial(play_until, actor, begin + SLICE_SECONDS) for actor in pool.actors]
            )
            spent += time.perf_counter() - begin
        rate = float(np.mean(rates))
        figures = figures_of(played, spent, rate, count)
        return figures | {"share of peak": figures["evaluations/s"] * operations(shape) / peak}

    def bound(figures: Figures) -> str:
        reached = figures["evaluations / bare network's"]
        if reached < 0.5:
            return bound_of_trees(figures)
        where = bound_of_network(figures["share of peak"] / reached, peak, precision, device, count)
        return f"the network, at {reached:.0%} of its own speed; in it, {where}"

    said = (
        f"{options.blocks}x{options.channels} network in {precision}, {simulations} simulations, "
        f"{num_games} games"
    )
    said += f" in each of {count} threads" if count > 1 else ""
    said += on(device)
    by_batch = ", ".join(f"{rows}: {rate:,.0f}" for rows, rate in tuned.items())
    said += f" (evaluations/s by batch: {by_batch})" if tuned else ""
    return Bench(said, measure, bound, min(count, cores()), precision)


def in_threads(tasks: list[Callable]) -> list:
    """What the tasks return, each in a thread of its own."""
    with ThreadPoolExecutor(len(tasks)) as threads:
        return [done.result() for done in [threads.submit(task) for task in tasks]]


def play_until(actor: Actor, end: float) -> tuple[Games, Work]:
    return actor.play(10**9, lambda: time.perf_counter() >= end)


def figures_of(
    played: list[tuple[Games, Work]], spent: float, bare_rate: float, actors: int
) -> Figures:
    """Rates, and shares of the actors' time, of what they played side by side in `spent`
    seconds."""
    total = {name: sum(getattr(work, name) for _, work in played) for name in FIELDS}
    compiled = {
        "network": "network_seconds",
        "selection": "select_seconds",
        "backup": "backup_seconds",
    }
    shares = {f"share {name}": total[field] / spent / actors for name, field in compiled.items()}
    return {
        "positions/s": total["moves"] / spent,
        "simulations/s": total["simulations"] / spent,
        "evaluations/s": total["evaluations"] / spent,
        "games/h": 3600 * sum(games.count for games, _ in played) / spent,
        **shares,
        "share Python": 1.0 - sum(shares.values()),
        "evaluations / bare network's": total["evaluations"] / spent / bare_rate,
        "cached share of leaves": total["cache_hits"]
        / (total["cache_hits"] + total["evaluations"]),
    }


FIELDS = (
    "moves",
    "simulations",
    "evaluations",
    "cache_hits",
    "network_seconds",
    "select_seconds",
    "backup_seconds",
)
