"""Players: whoever chooses moves in matches, exams, protocols and at the board.
`selfplay.matches.player_names` has their names."""

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from games.game import Game, for_side
from native import abi
from native.playout import rollout_values
from native.search.forest import Batch
from native.search.params import PUCT, SearchParams
from selfplay.config import MatchConfig, match_params
from selfplay.matches.gtp_engine import EnginePlayer
from selfplay.matches.player_names import PlayerName, SearchBudget, parse_name
from selfplay.network.evaluator import Evaluator, Symmetries
from selfplay.network.hardware import device_or_cpu
from selfplay.network.network import Network
from selfplay.searching.anytime import AnytimeSearch
from selfplay.searching.result import MoveInfo, SearchResult, read_result
from selfplay.searching.searcher import Evaluates, Searcher
from selfplay.searching.timed import TimedSearcher

MANY = 256  # positions searched side by side in matches and exams
SOLVER_NODES = 50_000_000  # for one move, after which the solver says that the position is too hard
NODES = 1 << 21  # nodes in all trees side by side
EDGES = 1 << 24  # edges in the largest tree, some 500 MB where the game fills them
# leaves of one tree in flight when a network is asked: it answers eight in hardly more time than
# one
LEAVES = 8


class Player(Protocol):
    """Whoever chooses moves: one of this file, or `gtp_engine.EnginePlayer`."""

    name: str
    precision: str | None  # in which its network is computed; None without a network
    needs_moves: bool  # does `choose` need to know how positions came about?

    def choose(self, states: np.ndarray, moves: list[list[int]] | None = None) -> np.ndarray:
        """Moves i32[n] for positions u8[n, S], none of them finished. `moves`: the actions from the
        start that led to each."""

    def analyse(self, state: np.ndarray) -> SearchResult | None: ...


def create(name: str | PlayerName, game: Game, seed: int = 0, precision: str = "auto") -> Player:
    """The player of that name; its network, if it has one, is computed in `precision`. ValueError
    with one line for a name that means nothing, a network of another game, or a precision that
    cannot be had here."""
    name = parse_name(name) if isinstance(name, str) else name
    name.check_game(game)
    match name.kind:
        case "random":
            return RandomPlayer(game, seed)
        case "solver":
            return SolverPlayer(game)
        case "gtp":
            return EnginePlayer(name.text, game)
        case "mcts":
            return in_time(
                SearchPlayer.playouts(name.text, game, name.budget.simulations or 1, seed),
                name.budget,
            )
    return in_time(network_player(name, game, seed, precision), name.budget)


def network_player(name: PlayerName, game: Game, seed: int, precision: str) -> "SearchPlayer":
    found, asked = name.checkpoint, name.budget.simulations
    match_config = found.config.match
    player = SearchPlayer.network(
        name.text,
        game,
        found.network(),
        match_config,
        match_config.simulations if asked is None else asked,
        seed,
        precision,
        device_or_cpu(found.config.network.device),
    )
    player.has_fixed_simulations = asked is not None
    return player


def in_time(player: "SearchPlayer", budget: SearchBudget) -> "SearchPlayer":
    """The player, by the time that its name asks for, if it does."""
    return player if budget.seconds is None else TimedPlayer(player, budget.seconds)


def views(game: Game, count: int) -> Symmetries | None:
    """The first `count` symmetries of the game's board; None for the identity alone."""
    return (
        Symmetries(game.cell_maps[:count], game.action_maps[:count])
        if min(count, len(game.cell_maps)) > 1
        else None
    )


class RandomPlayer:
    """Plays uniformly random legal moves."""

    needs_moves = False
    precision: str | None = None

    def __init__(self, game: Game, seed: int = 0):
        self.name, self.game, self.random = "random", game, np.random.default_rng(seed)

    def choose(self, states: np.ndarray, moves: list[list[int]] | None = None) -> np.ndarray:
        return np.array(
            [self.random.choice(legal_actions(self.game, state)) for state in states], np.int32
        )

    def analyse(self, state: np.ndarray) -> SearchResult | None:
        return None


class SolverPlayer:
    """Plays exactly: the lowest of the moves with the best value."""

    needs_moves = False
    precision: str | None = None

    def __init__(self, game: Game):
        from native.solver import Solver

        self.name, self.game = "solver", game
        self.solver = Solver(
            game.rules, game.state_bytes, game.actions, game.max_plies, node_limit=SOLVER_NODES
        )

    def choose(self, states: np.ndarray, moves: list[list[int]] | None = None) -> np.ndarray:
        return np.array([self.analyse(state).choice for state in states], np.int32)

    def analyse(self, state: np.ndarray) -> SearchResult:
        actions, values = self.solver.action_values(state)
        if np.isnan(values).any():
            raise ValueError("this position is too hard for the exact solver")
        mover = abi.call_mover(self.game.rules, state)
        best = int(np.argmax(for_side(values, mover)))
        return SearchResult(
            mover=mover,
            choice=int(actions[best]),
            value=float(values[best]),
            mean_value=float(values[best]),
            simulations=0,
            network_value=None,
            network_choice=None,
            moves=tuple(
                MoveInfo(action, visits=0, value=value, prior=0.0)
                for action, value in zip(actions.tolist(), values.tolist())
            ),
        )


class SearchPlayer:
    """A search over a network's evaluations, or over random playouts."""

    needs_moves = False
    precision: str | None = None
    seconds: float | None = None  # for a move; see `TimedPlayer`
    has_fixed_simulations = True  # are there never more simulations, whatever the time?

    def __init__(
        self,
        name: str,
        game: Game,
        evaluator: Evaluates,
        params: SearchParams,
        simulations: int,
        seed: int,
        has_network: bool,
        config: MatchConfig | None = None,
        leaves: int = 1,  # leaves of one tree in flight
    ):
        self.name, self.game, self.params, self.simulations = name, game, params, simulations
        self.evaluator, self.seed, self.has_network = evaluator, seed, has_network
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
        params: SearchParams | None = None,
        leaves: int = 1,
    ) -> "SearchPlayer":
        """A player whose every search asks one evaluator, and searches by `params`; None: those of
        matches."""
        params = params or match_params(config, simulations)
        player = cls(name, game, evaluator, params, simulations, seed, True, config, leaves)
        player.precision = getattr(evaluator, "precision", None)
        return player

    @classmethod
    def playouts(cls, name: str, game: Game, simulations: int, seed: int = 0) -> "SearchPlayer":
        """UCT's family: uniform priors, the outcome of one random playout as each leaf's value."""
        # Without proofs: a yardstick should be the plain method that people know, and stay what it
        # was.
        params = SearchParams(
            kind=PUCT, c_init=PLAYOUT_EXPLORATION, fpu_reduction=0.0, mcts_solver=False
        )
        return cls(name, game, PlayoutEvaluator(game), params, simulations, seed, False)

    def choose(self, states: np.ndarray, moves: list[list[int]] | None = None) -> np.ndarray:
        return self._searcher(len(states)).search(states).action

    def analyse(self, state: np.ndarray) -> SearchResult:
        searcher = self._searcher(1)
        searcher.search(state[None])
        return self.result_of(searcher)

    def result_of(self, search: Searcher, index: int = 0) -> SearchResult:
        """What one tree of a search of this player's has found so far."""
        return read_result(search, index, self.has_network)

    def anytime_search(self) -> AnytimeSearch:
        """A search like the player's own, that can be stopped."""
        return self._open(self.params, self.simulations, 1)

    def endless_search(self) -> AnytimeSearch:
        """A search that grows as long as one lets it: PUCT over the player's opinions, whatever the
        player plays with."""
        capacity = max(1000, EDGES // self.game.actions)
        # playouts begin from the one leaf that a game has
        leaves = LEAVES if self.has_network else 1
        return self._open(self.params._replace(kind=PUCT), capacity, leaves)

    def _open(self, params: SearchParams, simulations: int, leaves: int) -> AnytimeSearch:
        entries = 1 << 16 if self.has_network else 0
        return AnytimeSearch(
            self.game, self.evaluator, params, simulations, 1, leaves, entries, self.seed
        )

    def _searcher(self, count: int) -> Searcher:
        trees = 1 if count == 1 else max(1, min(MANY, NODES // max(1, self.simulations)))
        if trees not in self.searchers:
            self.searchers[trees] = Searcher(
                self.game,
                self.evaluator,
                self.params,
                self.simulations,
                trees,
                self.leaves,
                cache_entries=1 << 16 if self.has_network else 0,
                seed=self.seed,
                # A yardstick's random numbers run on from search to search: it would be another one
                # if it stopped early.
                stops_early=self.has_network and self.config.early_stop,
            )
        return self.searchers[trees]


class TimedPlayer(SearchPlayer):
    """A SearchPlayer that has so many seconds for each move, whatever it gets done in them.

    One position after the other, so that all have the same time and no two searches share it.
    """

    has_fixed_simulations = False

    def __init__(
        self, player: SearchPlayer, seconds: float, now: Callable[[], float] = time.monotonic
    ):
        super().__init__(
            player.name,
            player.game,
            player.evaluator,
            player.params._replace(kind=PUCT),
            player.simulations,
            player.seed,
            player.has_network,
            player.config,
        )
        self.precision = player.precision
        self.seconds, self.timed = seconds, TimedSearcher(self, now=now)

    def choose(self, states: np.ndarray, moves: list[list[int]] | None = None) -> np.ndarray:
        return np.array([self.timed.think(None, state).choice()[0] for state in states], np.int32)

    def analyse(self, state: np.ndarray) -> SearchResult:
        return self.result_of(self.timed.think(None, state))


# c of PUCT for values from single playouts and uniform priors; see benchmarks/LOG.md
PLAYOUT_EXPLORATION = 5.0


class PlayoutEvaluator:
    """Evaluates each leaf by one random playout: uniform policy, the game's outcome as the value.
    For searches with one leaf of a tree in flight. A tree has a random stream of its own, which its
    search brings, so that no tree depends on its neighbours and no search on another."""

    def __init__(self, game: Game):
        self.game = game

    def evaluate(self, batch: Batch, rows: int) -> None:
        game, trees = self.game, batch.game[:rows]
        actions = np.zeros(game.actions + 1, np.int32)
        scratch = np.zeros(game.state_bytes, np.uint8)
        streams = batch.random_state[trees]
        rollout_values(game.rules, batch.position[trees], streams, actions, scratch, batch.value)
        batch.random_state[trees] = streams
        batch.logits[:rows] = 0.0


def legal_actions(game: Game, state: np.ndarray) -> np.ndarray:
    actions = np.empty(game.actions + 1, np.int32)
    return actions[: abi.call_legal(game.rules, state, actions)]
