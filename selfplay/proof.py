"""What `selfplay check` proves of a game: the laws of its rules, and that the compiled search plays it as the slow one
does; and how fast its rules are."""

import time
from collections.abc import Iterator

import numpy as np

from games.game import Game, Position
from games.laws import LAWS, Sample, Violation, sample_games, told
from games.laws import check as check_laws
from native.playout import random_games
from native.random import seeds
from native.settings import GUMBEL, PUCT, Settings
from selfplay.reference import FakeNetwork, Search
from selfplay.searcher import Searcher

SEARCH_LAW = "the compiled search visits what the slow reference visits"
POSITIONS, SIMULATIONS = 12, 40
KINDS = (Settings(GUMBEL, gumbel_scale=0.0), Settings(PUCT))


def laws() -> list[str]:
    """Everything that is proved, a sentence each."""
    return [*LAWS, SEARCH_LAW]


def violations(game: Game, num_games: int, seed: int) -> list[Violation]:
    """What does not hold, each with the moves and the position. The search is tried only on rules that keep the laws."""
    found = check_laws(game, num_games, seed)
    return found or [Violation(SEARCH_LAW, explanation) for explanation in search_differences(game, seed)]


def search_differences(game: Game, seed: int) -> Iterator[str]:
    """Positions on which the compiled search and the reference disagree, for each kind of search."""
    samples = [s for s in sample_games(game, 4, np.random.default_rng(seed)) if s.position.outcome is None]
    step = max(1, len(samples) // POSITIONS)
    for settings in KINDS:
        for sample in samples[::step]:
            if difference := search_difference(game, sample, settings):
                yield difference
                break


def search_difference(game: Game, sample: Sample, settings: Settings) -> str | None:
    network, position = FakeNetwork(game.actions), sample.position
    searcher = Searcher(game, network, settings, SIMULATIONS, games=1)
    searcher.search(position.state[None])
    actions, visits, *_ = searcher.root()
    twin = Search(Position(game, position.state.copy()), network, settings, SIMULATIONS).run()
    expected = [twin.root.edges[int(action)].visits for action in actions]
    if visits.tolist() == expected:
        return None
    return f"visits {visits.tolist()}, expected {expected} {told(game, sample)}"


def random_play(game: Game, seconds: float) -> tuple[float, float]:
    """(positions a second of uniformly random legal play on one core, mean length of a game)."""
    state, actions = game.start_state(), np.zeros(game.actions + 1, np.int32)
    values, random_state = game.option_values(), seeds(1, 1)[0]
    batch = max(1, 20_000 // game.max_plies)  # games a call: enough that Python's part does not count
    begin, plies, played = time.perf_counter(), 0, 0
    while time.perf_counter() - begin < seconds:
        plies += random_games(game.rules, values, state, random_state, actions, batch)
        played += batch
    return plies / (time.perf_counter() - begin), plies / played
