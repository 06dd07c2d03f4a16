"""What benchmarks/peers/peers.py measures: our side of each comparison, and what the peers are
asked for.

A contest holds named measures of ours, requests to peers, and which of them make its ratios.
"""

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

import games
from native.search import forest as memory
from native.search.params import GUMBEL, PUCT, SearchParams
from native.search.tree_only import search_tree_only
from selfplay.cli import parser
from selfplay.commands import benchmark
from selfplay.commands.prove import random_play
from selfplay.searching.searcher import Searcher

Measure = Callable[[float], float]  # seconds -> so much a second


@dataclass(frozen=True)
class Contest:
    name: str
    ours: dict[str, Measure]  # column -> measure
    theirs: dict[str, tuple[str, dict]]  # column -> (peer, request)
    # column -> the slowest of these ours by the fastest of those peers
    ratios: dict[str, tuple[list[str], list[str]]]
    asked: float | None = None  # of the ratios, at least


@dataclass(frozen=True)
class Event:
    """Contests of one kind."""

    topic: str  # of the results
    unit: str
    games: list[str]
    contests: Callable[[str, Namespace], Iterator[Contest]]  # of one game


def play(name: str, asked: Namespace) -> Iterator[Contest]:
    """Uniformly random legal play. A ply is a legal move played, the same for all."""
    game, request = games.load(name), {"what": "play", "game": name}
    random_play(game, 0.1)  # compiles
    theirs = {"open_spiel": ("open_spiel", request), "pgx": ("pgx", request)}
    ratios = {"ours / the faster peer": (["ours"], list(theirs))}
    yield Contest(name, {"ours": lambda seconds: random_play(game, seconds)[0]}, theirs, ratios)


class Free:
    """An evaluator that costs nothing: logits and values stay the zeros that they are at first."""

    def evaluate(self, batch, rows: int) -> None:
        pass


def search(name: str, asked: Namespace) -> Iterator[Contest]:
    """Trees from the first position with uniform priors and zero values: `trees` at a time, then
    one alone."""
    for simulations in asked.simulations:
        yield search_contest(name, simulations, asked.trees)
    yield search_contest(name, max(asked.simulations), 1)


def search_contest(name: str, simulations: int, trees: int) -> Contest:
    """Our searches write the network's input of every leaf. Peers need not, and do with "input":
    theirs is free.

    Many trees are searched in waves, two calls from Python each, as with a network; one alone in
    one compiled call, as the peers do.

    Where values are all zero, open_spiel's PUCT, to which a move not yet tried is worth a draw,
    tries every move of a position before any of them twice, so that few positions need their moves
    listed. Ours takes such a move for worse than those tried, and goes deep. So the ratios of the
    same search take ours with open_spiel's rule, and Gumbel's by mctx's.
    """
    request = {"what": "search", "game": name, "simulations": simulations, "games": trees}
    kinds = {
        "Gumbel": SearchParams(GUMBEL, mcts_solver=False),
        "PUCT": SearchParams(PUCT, mcts_solver=False),
        "PUCT, untried drawn": SearchParams(
            PUCT, mcts_solver=False, fpu_absolute=True, fpu_value=0.0
        ),
    }
    ours = {
        column: searcher(name, settings, simulations, trees) for column, settings in kinds.items()
    }
    bare = {
        "open_spiel": ("open_spiel", request | {"input": False}),
        "mctx": ("pgx", request | {"input": False}),
    }
    full = {
        f"{column}, input": (peer, asked | {"input": True})
        for column, (peer, asked) in bare.items()
    }
    of = f"{trees} trees" if trees > 1 else "one tree"
    both, same = ["Gumbel", "PUCT"], "PUCT / open_spiel, the same search"
    ratios = {
        "ours / the faster peer": (both, list(bare)),
        "ours / the faster peer, with input": (both, list(full)),
        same: (["PUCT, untried drawn"], ["open_spiel"]),
        f"{same}, with input": (["PUCT, untried drawn"], ["open_spiel, input"]),
        "Gumbel / mctx": (["Gumbel"], ["mctx"]),
    }
    return Contest(f"{name}, {simulations} simulations, {of}", ours, bare | full, ratios)


def searcher(name: str, settings: SearchParams, simulations: int, trees: int) -> Measure:
    """Simulations a second. Memory is taken at the first measurement and kept as long as the
    contest."""
    game, made = games.load(name), {}

    def measure(seconds: float) -> float:
        if not made:
            made["searcher"] = Searcher(game, Free(), settings, simulations, trees, cache_entries=0)
            made["states"] = np.repeat(game.start_state()[None], trees, 0)
        begin, searches = time.perf_counter(), 0
        while searches == 0 or time.perf_counter() - begin < seconds:
            made["searcher"].search(made["states"]) if trees > 1 else alone(
                made["searcher"], made["states"]
            )
            searches += 1
        return searches * trees * simulations / (time.perf_counter() - begin)

    return measure


def alone(searcher: Searcher, states: np.ndarray) -> None:
    memory.reset_trees(searcher.forest, states, searcher.simulations)
    search_tree_only(searcher.search_batch)


NETWORKS = {"connect4": (4, 32), "go9": (6, 64)}  # blocks, channels
AHEAD = 3.0  # times


def selfplay(name: str, asked: Namespace) -> Iterator[Contest]:
    """Whole self-play with a network in the precision that is fastest here: positions searched and
    played."""
    torch.set_num_threads(1)
    (blocks, channels), simulations = NETWORKS.get(name, (4, 32)), min(asked.simulations)
    sizes = {
        "blocks": blocks,
        "channels": channels,
        "simulations": simulations,
        "games": asked.trees,
    }
    words = [word for key, value in sizes.items() for word in (f"--{key}", str(value))]
    options, made = parser().parse_args(["bench", "selfplay", "--game", name, *words]), {}

    def measure(seconds: float) -> float:
        if not made:
            made["measure"] = benchmark.selfplay(games.load(name), options).measure
        return made["measure"](seconds)["positions/s"]

    request = {"what": "selfplay", "game": name, "planes": games.load(name).planes, **sizes}
    peer, ratio = "pgx with mctx", "ours / pgx with mctx"
    yield Contest(
        f"{name} {blocks}x{channels}",
        {"ours": measure},
        {peer: ("pgx", request)},
        {ratio: (["ours"], [peer])},
        AHEAD,
    )


EVENTS = {
    "play": Event(
        "peers_rules",
        "positions/s",
        ["connect4", "othello8", "hex11", "gomoku15", "breakthrough8", "go9", "go19"],
        play,
    ),
    "search": Event(
        "peers_search",
        "simulations/s",
        ["connect4", "othello8", "hex11", "go9", "go19"],
        search,
    ),
    "selfplay": Event("peers_selfplay", "positions/s", list(NETWORKS), selfplay),
}
