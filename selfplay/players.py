"""Players, named the same everywhere: `random`, `mcts:1000`, `solver`, a checkpoint or run, `PATH@64`, `PATH@0`, or an
outside engine, `gtp:COMMAND`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

import games
from games.game import Game
from native import abi
from native.playout import speak_for_movers
from native.random import seeds
from native.settings import GUMBEL, PUCT, Settings
from selfplay import checkpoint, config
from selfplay.config import MatchConfig
from selfplay.engine import EnginePlayer
from selfplay.evaluator import Evaluator, Views
from selfplay.network import Network
from selfplay.searcher import Searcher

MANY = 256  # positions searched side by side in matches and exams
SOLVER_NODES = 50_000_000  # for one move, after which the solver says that the position is too hard
MOST_SIMULATIONS = 10_000_000
NODES = 1 << 21  # of all trees side by side
FORMS = "random, mcts:SIMULATIONS, solver, CHECKPOINT[@SIMULATIONS], RUN[@SIMULATIONS] or gtp:COMMAND"


@dataclass(frozen=True)
class Analysis:
    """What a player thinks of one position. Values are for the FIRST player."""

    actions: np.ndarray  # i32[n], legal actions
    visits: np.ndarray  # i32[n]
    values: np.ndarray  # f64[n], NaN where unvisited
    priors: np.ndarray  # f32[n]
    value: float  # the search's
    network_value: float | None  # None for players without a network
    choice: int  # the move it would play
    network_choice: int | None


class Player(Protocol):
    """Who moves. An outside engine has `choose_after(sequences, states)` in place of `choose`; see `moves_of`."""

    name: str

    def choose(self, states: np.ndarray) -> np.ndarray:
        """Moves i32[n] for positions u8[n, S], none of them finished."""

    def analyse(self, state: np.ndarray) -> Analysis | None: ...


def moves_of(player: Player, sequences: list[list[int]], states: np.ndarray) -> np.ndarray:
    """The player's moves i32[n], or RESIGN, in unfinished positions u8[n, S] that these actions from the start led to."""
    if hasattr(player, "choose_after"):
        return player.choose_after(sequences, states)
    return player.choose(states)


def create(text: str, game: Game, seed: int = 0) -> Player:
    """The player of that name. ValueError with one line for a name that means nothing, or a network of another game."""
    if text == "random":
        return RandomPlayer(game, seed)
    if text == "solver":
        return SolverPlayer(game)
    if text.startswith("gtp:"):
        return EnginePlayer(text, game)
    if text.startswith("mcts:"):
        return SearchPlayer.playouts(text, game, parse_count(text, text.removeprefix("mcts:")), seed)
    found, simulations = find_checkpoint(text)
    if games.load(found.game).name != game.name:  # a game of one's own is stored as its file's path
        raise ValueError(f"{text!r} plays {games.load(found.game).name}, not {game.name}")
    if found.shape != checkpoint.shape_for(game, found.config.network, found.config.learner):
        raise ValueError(f"{text!r} has a network of another shape than {game.name} wants now")
    simulations = found.config.match.simulations if simulations is None else simulations
    return SearchPlayer.network(text, game, found.network(), found.config.match, simulations, seed)


def game_of(text: str) -> Game | None:
    """The game of a checkpoint or run, with the options it was trained with; None for players of any game. ValueError if it is
    none of them."""
    if text in ("random", "solver") or text.startswith(("mcts:", "gtp:")):
        return None
    return config.game_of(find_checkpoint(text)[0].config)


def find_checkpoint(text: str) -> tuple[checkpoint.Checkpoint, int | None]:
    path, at, count = text.rpartition("@")
    if not at or Path(text).exists():
        path, count = text, None
    try:
        return checkpoint.find(path), None if count is None else parse_count(text, count)
    except checkpoint.DamagedFile:
        raise
    except ValueError as error:
        if "neither" in str(error):
            raise ValueError(f"unknown player {text!r}; players are {FORMS}") from None
        raise


def parse_count(text: str, count: str) -> int:
    """Simulations a move."""
    if not count.isdigit() or (text.startswith("mcts:") and int(count) < 1):
        raise ValueError(f"player {text!r}: {count!r} is no number of simulations")
    if int(count) > MOST_SIMULATIONS:
        raise ValueError(f"player {text!r}: at most {MOST_SIMULATIONS:,} simulations a move")
    return int(count)


def match_settings(config: MatchConfig, simulations: int) -> Settings:
    """Search without noise: Gumbel gains most when simulations are few, PUCT goes on gaining when they are many."""
    gumbel = config.kind == "gumbel" or (config.kind == "auto" and simulations <= config.gumbel_up_to)
    return Settings(
        kind=GUMBEL if gumbel else PUCT,
        solves=config.solves,
        gumbel_scale=0.0,
        c_init=float(config.c_init),
        c_spread=float(config.c_spread),
        lcb=float(config.lcb),
    )


def views(game: Game, count: int) -> Views | None:
    """The first `count` symmetries of the game's board; None for the identity alone."""
    return Views(game.cell_maps[:count], game.action_maps[:count]) if min(count, len(game.cell_maps)) > 1 else None


class RandomPlayer:
    """Plays uniformly random legal moves."""

    def __init__(self, game: Game, seed: int = 0):
        self.name, self.game, self.random = "random", game, np.random.default_rng(seed)

    def choose(self, states: np.ndarray) -> np.ndarray:
        return np.array([self.random.choice(legal_actions(self.game, state)) for state in states], np.int32)

    def analyse(self, state: np.ndarray) -> Analysis | None:
        return None


class SolverPlayer:
    """Plays exactly: the lowest of the moves with the best value."""

    def __init__(self, game: Game):
        from native.solver import Solver

        self.name, self.game = "solver", game
        self.solver = Solver(game.rules, game.state_bytes, game.actions, game.max_plies, node_limit=SOLVER_NODES)

    def choose(self, states: np.ndarray) -> np.ndarray:
        return np.array([self.analyse(state).choice for state in states], np.int32)

    def analyse(self, state: np.ndarray) -> Analysis:
        actions, values = self.solver.action_values(state)
        if np.isnan(values).any():
            raise ValueError("this position is too hard for the exact solver")
        signs = -1.0 if abi.call_mover(self.game.rules, state) else 1.0
        best = int(np.argmax(values * signs))
        unknown = np.zeros(len(actions))
        return Analysis(
            actions,
            unknown.astype(np.int32),
            values,
            unknown.astype(np.float32),
            float(values[best]),
            None,
            int(actions[best]),
            None,
        )


class SearchPlayer:
    """A search over a network's answers, or over random playouts."""

    def __init__(
        self, name: str, game: Game, evaluator_for, settings: Settings, simulations: int, seed: int, has_network: bool
    ):
        self.name, self.game, self.settings, self.simulations = name, game, settings, simulations
        self.evaluator_for, self.seed, self.has_network = evaluator_for, seed, has_network
        self.searchers: dict[int, Searcher] = {}

    @classmethod
    def network(
        cls,
        name: str,
        game: Game,
        network: Network,
        config: MatchConfig,
        simulations: int,
        seed: int = 0,
        precision: str = "auto",
    ) -> "SearchPlayer":
        evaluator = Evaluator(network, MANY, precision, views=views(game, config.symmetries if simulations else 1))
        return cls.of(name, game, evaluator, config, simulations, seed)

    @classmethod
    def of(
        cls, name: str, game: Game, evaluator: Evaluator, config: MatchConfig, simulations: int, seed: int = 0
    ) -> "SearchPlayer":
        settings = match_settings(config, simulations)
        return cls(name, game, lambda searcher: evaluator, settings, simulations, seed, True)

    @classmethod
    def playouts(cls, name: str, game: Game, simulations: int, seed: int = 0) -> "SearchPlayer":
        """UCT's family: uniform priors, the outcome of one random playout as each leaf's value."""
        # Without proofs: a yardstick should be the plain method that people know, and stay what it was.
        settings = Settings(kind=PUCT, c_init=PLAYOUT_EXPLORATION, fpu_reduction=0.0, solves=False)
        return cls(name, game, lambda searcher: PlayoutEvaluator(searcher, seed), settings, simulations, seed, False)

    def choose(self, states: np.ndarray) -> np.ndarray:
        return self._searcher(len(states)).search(states).action

    def analyse(self, state: np.ndarray) -> Analysis:
        searcher = self._searcher(1)
        found = searcher.search(state[None])
        actions, visits, values, priors, network_value = searcher.root()
        return Analysis(
            actions,
            visits,
            values,
            priors,
            float(found.value[0]),
            network_value if self.has_network else None,
            int(found.action[0]),
            int(actions[np.argmax(priors)]) if self.has_network else None,
        )

    def _searcher(self, count: int) -> Searcher:
        trees = 1 if count == 1 else max(1, min(MANY, NODES // max(1, self.simulations)))
        if trees not in self.searchers:
            searcher = Searcher(
                self.game,
                None,
                self.settings,
                self.simulations,
                trees,
                cache_entries=1 << 16 if self.has_network else 0,
                seed=self.seed,
            )
            searcher.evaluator = self.evaluator_for(searcher)
            self.searchers[trees] = searcher
        return self.searchers[trees]


PLAYOUT_EXPLORATION = 5.0  # c of PUCT for values from single playouts and uniform priors; see benchmarks/RESULTS.md


class PlayoutEvaluator:
    """Random playouts in a network's place: uniform policy, one game's outcome as the value."""

    def __init__(self, searcher: Searcher, seed: int):
        self.searcher, self.random = searcher, seeds(seed, len(searcher.batch.planes))

    def evaluate(self, batch, rows: int) -> None:
        game, forest = self.searcher.game, self.searcher.forest
        states = forest.state[batch.game[:rows]]  # one leaf a game: its scratch position is the leaf
        actions, scratch = np.zeros(game.actions + 1, np.int32), np.zeros(game.state_bytes, np.uint8)
        streams = self.random[batch.game[:rows]]  # a stream a game, so that no game depends on its neighbours
        speak_for_movers(game.rules, states, streams, actions, scratch, batch.value)
        self.random[batch.game[:rows]] = streams
        batch.logits[:rows] = 0.0


def legal_actions(game: Game, state: np.ndarray) -> np.ndarray:
    actions = np.empty(game.actions + 1, np.int32)
    return actions[: abi.call_legal(game.rules, state, actions)]
