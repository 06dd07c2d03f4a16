"""Players, named the same everywhere: `random`, `mcts:1000`, `solver`, a checkpoint or run, `PATH@64`, `PATH@0`, or an
outside engine, `gtp:COMMAND`. Where simulations stand there may be a time: `PATH@0.5s`, `mcts:0.5s`."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

import games
from games.game import Game, for_side
from native import abi
from native.machine.random import seeds
from native.playout import rollout_values
from native.search.settings import GUMBEL, PUCT, Settings
from selfplay import config
from selfplay.config import MatchConfig
from selfplay.matches.gtp_engine import EnginePlayer
from selfplay.messages import short
from selfplay.network.evaluator import Evaluator, Symmetries
from selfplay.network.hardware import device_or_cpu
from selfplay.network.network import Network
from selfplay.network.weights import shape_for
from selfplay.searching.anytime import OpenSearch
from selfplay.searching.searcher import Found, Searcher
from selfplay.searching.time_control import parse_seconds
from selfplay.searching.timed import Thinker
from selfplay.storage import checkpoint

MANY = 256  # positions searched side by side in matches and exams
SOLVER_NODES = 50_000_000  # for one move, after which the solver says that the position is too hard
MOST_SIMULATIONS = 10_000_000
NODES = 1 << 21  # of all trees side by side
EDGES = 1 << 24  # of the largest tree, some 500 MB where the game fills them
LEAVES = 8  # of one tree in flight when a network is asked: it answers eight in hardly more time than one
SHOWN = 200  # characters of a player's name in a message: a whole path, mostly
LONGEST_MOVE = 24 * 3600.0  # seconds that a player's name may ask for
FORMS = "random, mcts:SIMULATIONS, solver, CHECKPOINT[@SIMULATIONS], RUN[@SIMULATIONS] or gtp:COMMAND; @0.5s: by time"


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


@dataclass(frozen=True)
class Effort:
    """How much a player searches for a move, as its name says it: simulations, or seconds, or nothing."""

    simulations: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.simulations} simulations" if self.seconds is None else f"{self.seconds:g} s a move"


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


def precision_of(player: Player) -> str | None:
    """The precision in which the player's network is computed; None for a player without a network."""
    return getattr(player, "precision", None)


def create(text: str, game: Game, seed: int = 0, precision: str = "auto") -> Player:
    """The player of that name; its network, if it has one, computed in `precision`. ValueError with one line for a name that
    means nothing, a network of another game, or a precision that cannot be had here."""
    if text == "random":
        return RandomPlayer(game, seed)
    if text == "solver":
        return SolverPlayer(game)
    if text.startswith("gtp:"):
        return EnginePlayer(text, game)
    if text.startswith("mcts:"):
        effort = parse_effort(text, text.removeprefix("mcts:"))
        return in_time(SearchPlayer.playouts(text, game, effort.simulations or 1, seed), effort)
    found, effort = find_checkpoint(text)
    refuse_another_game(text, found, game)
    if found.shape != shape_for(game, found.config.network, found.config.learner):
        raise ValueError(f"{short(text, SHOWN)} has a network of another shape than {game.name} wants now")
    simulations = found.config.match.simulations if effort.simulations is None else effort.simulations
    device = device_or_cpu(found.config.network.device)
    player = SearchPlayer.network(text, game, found.network(), found.config.match, simulations, seed, precision, device)
    player.is_counted = effort.simulations is not None
    return in_time(player, effort)


def refuse_another_game(text: str, found: checkpoint.Checkpoint, game: Game) -> None:
    """ValueError if a checkpoint is of another game. For one of a user's own game the user's own word for it counts, where the
    file that it was trained with is not there or may not run; the network's shape must fit all the same."""
    try:
        name = game_in(found, game).name
    except ValueError:
        if game.source is None:
            raise
        return
    if name != game.name:
        raise ValueError(f"{text!r} plays {name}, not {game.name}")


def game_in(found: checkpoint.Checkpoint, asked: Game | None = None) -> Game:
    """A checkpoint's game, with the options it was trained with: `asked` itself, if it is the very file."""
    is_asked = asked is not None and asked.source is not None and asked.source.digest == found.config.game_digest
    return asked.with_options(**found.config.options) if is_asked else config.game_of(found.config)


def in_time(player: "SearchPlayer", effort: Effort) -> "SearchPlayer":
    """The player, by the time that its name asks for, if it does."""
    return player if effort.seconds is None else TimedPlayer(player, effort.seconds)


def game_of(text: str, asked: Game | None = None) -> Game | None:
    """The game of a checkpoint or run, with the options it was trained with; None for players of any game. ValueError if it is
    none of them. `asked` is the game that the user named, in place of a file of their own that the run names."""
    if text in ("random", "solver") or text.startswith(("mcts:", "gtp:")):
        return None
    found = find_checkpoint(text)[0]
    if asked is not None and asked.source is not None and games.is_own(found.config.game):
        return asked.with_options(**found.config.options)
    return config.game_of(found.config)


def find_checkpoint(text: str) -> tuple[checkpoint.Checkpoint, Effort]:
    path, at, word = text.rpartition("@")
    try:
        if not at or Path(text).exists():
            path, word = text, None
        return checkpoint.find(path), Effort() if word is None else parse_effort(text, word)
    except checkpoint.DamagedFile:
        raise
    except OSError:  # a name that no file can have
        raise unknown(text) from None
    except ValueError as error:
        if "neither" in str(error):
            raise unknown(text) from None
        raise


def unknown(text: str) -> ValueError:
    return ValueError(f"unknown player {short(text, SHOWN)}; players are {FORMS}")


def parse_effort(text: str, word: str) -> Effort:
    """Simulations, or time, a move."""
    if word.isascii() and word.isdigit():
        return Effort(simulations=parse_count(text, word))
    try:
        seconds = parse_seconds(word)
    except ValueError:
        what = "time: a number and ms, s, m or h is one" if word[:1].isdigit() else "number of simulations, or time"
        raise ValueError(f"player {short(text)}: {short(word, 20)} is no {what}, such as 0.5s") from None
    if seconds > LONGEST_MOVE:
        raise ValueError(f"player {short(text)}: at most {LONGEST_MOVE / 3600:g}h a move")
    return Effort(seconds=seconds)


def parse_count(text: str, count: str) -> int:
    digits = count.lstrip("0")
    if text.startswith("mcts:") and not digits:
        raise ValueError(f"player {short(text)}: {short(count, 20)} is no number of simulations")
    if len(digits) > len(str(MOST_SIMULATIONS)) or int(digits or 0) > MOST_SIMULATIONS:
        raise ValueError(f"player {short(text)}: at most {MOST_SIMULATIONS:,} simulations a move")
    return int(digits or 0)


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


def views(game: Game, count: int) -> Symmetries | None:
    """The first `count` symmetries of the game's board; None for the identity alone."""
    return Symmetries(game.cell_maps[:count], game.action_maps[:count]) if min(count, len(game.cell_maps)) > 1 else None


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
        best = int(np.argmax(for_side(values, abi.call_mover(self.game.rules, state))))
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

    precision: str | None = None
    seconds: float | None = None  # for a move; see `TimedPlayer`
    is_counted = True  # are there never more simulations, whatever the time?

    def __init__(
        self,
        name: str,
        game: Game,
        evaluator_for,
        settings: Settings,
        simulations: int,
        seed: int,
        has_network: bool,
        config: MatchConfig | None = None,
        leaves: int = 1,  # of one tree in flight
    ):
        self.name, self.game, self.settings, self.simulations = name, game, settings, simulations
        self.evaluator_for, self.seed, self.has_network = evaluator_for, seed, has_network
        self.config, self.leaves = config or MatchConfig(), leaves
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
        device: str = "cpu",
    ) -> "SearchPlayer":
        seen = views(game, config.symmetries if simulations else 1)
        evaluator = Evaluator(network, MANY, precision, device, views=seen)
        return cls.of(name, game, evaluator, config, simulations, seed)

    @classmethod
    def of(
        cls,
        name: str,
        game: Game,
        evaluator: Evaluator,
        config: MatchConfig,
        simulations: int,
        seed: int = 0,
        settings: Settings | None = None,
        leaves: int = 1,
    ) -> "SearchPlayer":
        """A player whose every search asks one evaluator, and searches by `settings`: None for those of matches."""
        settings = settings or match_settings(config, simulations)
        player = cls(name, game, lambda searcher: evaluator, settings, simulations, seed, True, config, leaves)
        player.precision = getattr(evaluator, "precision", None)
        return player

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
        return self.analysis_of(searcher, searcher.search(state[None]))

    def analysis_of(self, searcher: Searcher, found: Found) -> Analysis:
        """What this player's search of one position has found."""
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

    def open_search(self) -> OpenSearch:
        """A search like the player's own, that can be stopped."""
        return self._open(self.settings, self.simulations, 1)

    def endless_search(self) -> OpenSearch:
        """A search that grows as long as one lets it: PUCT over the player's opinions, whatever the player plays with."""
        capacity = max(1000, EDGES // self.game.actions)
        leaves = LEAVES if self.has_network else 1  # playouts begin from the one leaf that a game has
        return self._open(self.settings._replace(kind=PUCT), capacity, leaves)

    def _open(self, settings: Settings, simulations: int, leaves: int) -> OpenSearch:
        entries = 1 << 16 if self.has_network else 0
        search = OpenSearch(self.game, None, settings, simulations, 1, leaves, entries, self.seed)
        search.evaluator = self.evaluator_for(search)
        return search

    def _searcher(self, count: int) -> Searcher:
        trees = 1 if count == 1 else max(1, min(MANY, NODES // max(1, self.simulations)))
        if trees not in self.searchers:
            searcher = Searcher(
                self.game,
                None,
                self.settings,
                self.simulations,
                trees,
                self.leaves,
                cache_entries=1 << 16 if self.has_network else 0,
                seed=self.seed,
                # A yardstick's random numbers run on from search to search: it would be another one if it stopped early.
                stops_settled=self.has_network and self.config.stop_settled,
            )
            searcher.evaluator = self.evaluator_for(searcher)
            self.searchers[trees] = searcher
        return self.searchers[trees]


class TimedPlayer(SearchPlayer):
    """A SearchPlayer that has so many seconds for each move, whatever it gets done in them.

    One position after the other, so that all have the same time and no two searches share it.
    """

    is_counted = False

    def __init__(self, player: SearchPlayer, seconds: float, now: Callable[[], float] = time.monotonic):
        settings, evaluator_for = player.settings._replace(kind=PUCT), player.evaluator_for
        super().__init__(
            player.name,
            player.game,
            evaluator_for,
            settings,
            player.simulations,
            player.seed,
            player.has_network,
            player.config,
        )
        self.precision = player.precision
        self.seconds, self.thinker = seconds, Thinker(self, now=now)

    def choose(self, states: np.ndarray) -> np.ndarray:
        return np.array([self.thinker.think(None, state).choice()[0] for state in states], np.int32)

    def analyse(self, state: np.ndarray) -> Analysis:
        search = self.thinker.think(None, state)
        return self.analysis_of(search, search.found())


PLAYOUT_EXPLORATION = 5.0  # c of PUCT for values from single playouts and uniform priors; see benchmarks/RESULTS.md


class PlayoutEvaluator:
    """Random playouts in a network's place: uniform policy, one game's outcome as the value."""

    def __init__(self, searcher: Searcher, seed: int):
        self.searcher, self.random = searcher, seeds(seed, len(searcher.search_batch.batch.planes))

    def evaluate(self, batch, rows: int) -> None:
        game, forest = self.searcher.game, self.searcher.forest
        states = forest.state[batch.game[:rows]]  # one leaf a game: its scratch position is the leaf
        actions, scratch = np.zeros(game.actions + 1, np.int32), np.zeros(game.state_bytes, np.uint8)
        streams = self.random[batch.game[:rows]]  # a stream a game, so that no game depends on its neighbours
        rollout_values(game.rules, states, streams, actions, scratch, batch.value)
        self.random[batch.game[:rows]] = streams
        batch.logits[:rows] = 0.0


def legal_actions(game: Game, state: np.ndarray) -> np.ndarray:
    actions = np.empty(game.actions + 1, np.int32)
    return actions[: abi.call_legal(game.rules, state, actions)]
