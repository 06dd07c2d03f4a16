"""What each depth feature of a match is worth:
`python benchmarks/strength/features.py RUN [--games 200] [--simulations 200]`.

One network, two searches: plain PUCT, and PUCT with one feature more (and, last, all that help
together). Both get the same time: a short match first tells how long a move takes each of them, and
the feature's simulations are scaled by that. Games are paired, with random openings; what the clock
said in the match itself is printed beside the score.

With --seconds, instead, one game at a time and so many seconds a move for both: everything that a
player can have (its tree and answers kept from move to move, proofs, c by spread, bounds) against
plain PUCT, which begins each search with nothing.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import measure
import msgspec
import numpy as np
from measure import Figure, figure, report

from native.search.cache import new_cache
from selfplay.config import MatchConfig, game_of, match_params
from selfplay.matches import arena
from selfplay.matches.players import MANY, SearchPlayer, views
from selfplay.matches.rating import from_pairs
from selfplay.network.evaluator import Evaluator
from selfplay.storage import checkpoint

PLAIN = MatchConfig(kind="puct", mcts_solver=False, symmetries=1, cpuct_stdev_scale=0.0, lcb=0.0)
PILOT = 20  # games
ASKED = 100  # Elo of everything together, at least


def with_(**changes) -> MatchConfig:
    return msgspec.structs.replace(PLAIN, **changes)


MATCHES = {
    "proofs": with_(mcts_solver=True),
    "c scaled by the spread of values, 0.85": with_(cpuct_stdev_scale=0.85),
    "move by lower bound, 5 standard errors": with_(lcb=5.0),
    "Gumbel in place of PUCT": with_(kind="gumbel"),
    "2 symmetries averaged": with_(symmetries=2),
    "8 symmetries averaged": with_(symmetries=8),
    "proofs, Gumbel": with_(mcts_solver=True, kind="gumbel"),
    "proofs, spread, bound": with_(mcts_solver=True, cpuct_stdev_scale=0.85, lcb=5.0),
    "proofs, spread, 2 symmetries": with_(mcts_solver=True, cpuct_stdev_scale=0.85, symmetries=2),
    "proofs, Gumbel, 2 symmetries": with_(mcts_solver=True, kind="gumbel", symmetries=2),
}
# First-play urgency is no setting of matches; it is measured through the search's own settings.
SETTINGS = {
    "untried moves count as lost (FPU -1)": {"fpu_absolute": True, "fpu_value": -1.0},
    "untried moves count as drawn (FPU 0)": {"fpu_absolute": True, "fpu_value": 0.0},
    "untried moves as their parent (no reduction)": {"fpu_reduction": 0.0},
}


class Timed:
    """A player, and how long its moves took."""

    def __init__(self, player: SearchPlayer):
        self.player, self.name, self.precision = player, player.name, player.precision
        self.seconds, self.moves = 0.0, 0

    def choose(self, states: np.ndarray, moves: list[list[int]]) -> np.ndarray:
        begin = time.perf_counter()
        chosen = self.player.choose(states, moves)
        self.seconds += time.perf_counter() - begin
        self.moves += len(states)
        return chosen

    @property
    def per_move(self) -> float:
        return self.seconds / self.moves


class Contest:
    def __init__(self, run: str, num_games: int, openings: int):
        found = checkpoint.find(run)
        self.game, self.network = game_of(found.config), found.network()
        self.games, self.openings = num_games, openings
        self.precision = Evaluator(self.network, MANY).precision

    def player(self, name: str, config: MatchConfig, simulations: int, changes: dict) -> Timed:
        evaluator = Evaluator(
            self.network, MANY, self.precision, views=views(self.game, config.symmetries)
        )
        player = SearchPlayer.of(name, self.game, evaluator, config, simulations)
        player.params = match_params(config, simulations)._replace(**changes)
        return Timed(player)

    def meet(
        self,
        config: MatchConfig,
        simulations: int,
        other: int,
        changes: dict,
        count: int,
        seed: int,
    ):
        first = self.player("feature", config, other, changes)
        plain = self.player("plain", PLAIN, simulations, {})
        return arena.match(self.game, first, plain, count, self.openings, seed), first, plain

    def figures(
        self, name: str, config: MatchConfig, simulations: int, changes: dict
    ) -> list[Figure]:
        """Of the feature at equal time against plain PUCT with so many simulations."""
        other = simulations
        # compiles, and plans the convolutions
        self.meet(config, simulations, other, changes, PILOT, 99)
        for pilot in range(2):
            _, first, plain = self.meet(config, simulations, other, changes, PILOT, 100 + pilot)
            other = max(2, round(other * plain.per_move / first.per_move))
        result, first, plain = self.meet(config, simulations, other, changes, self.games, 1)
        elo, what = result.elo, f"{self.game.name}, {name}"
        note = f"{result.wins}-{result.draws}-{result.losses}, {result.distinct} distinct"
        score, match = 100 * result.score, f"score against plain PUCT, {self.games} games"
        time_taken = first.per_move / plain.per_move
        return [
            figure("features", f"{what}: {match}", score, "%", note=note),
            figure("features", what, elo.difference, "Elo", low=elo.low, high=elo.high),
            figure(
                "features",
                f"{what}: simulations in plain PUCT's time for {simulations}",
                other,
                "simulations",
            ),
            figure("features", f"{what}: time of the match, of plain PUCT's", time_taken, "times"),
        ]


class Clocked:
    """One position at a time, for so many seconds, in trees of eight leaves in flight; with
    `keeps`, what the game's last search found is searched on."""

    def __init__(self, player: SearchPlayer, seconds: float, keeps: bool):
        self.name, self.precision = player.name, player.precision
        self.seconds, self.keeps = seconds, keeps
        self.search, self.simulations = player.endless_search(), []
        if not keeps:
            self.search.search_batch = self.search.search_batch._replace(
                cache=new_cache(0, player.game.actions)
            )

    def choose(self, states: np.ndarray, moves: list[list[int]]) -> np.ndarray:
        return np.array(
            [self._choose(tuple(line), state) for state, line in zip(states, moves)], np.int32
        )

    def _choose(self, moves: tuple[int, ...], state: np.ndarray) -> int:
        end = time.monotonic() + self.seconds
        self.search.go_to(moves, state) if self.keeps else self.search.set_position(state)
        known = self.search.visits
        self.search.run(self.search.simulations, lambda: time.monotonic() >= end)
        self.simulations.append(self.search.visits - known)
        return self.search.choice()[0]


def clocked(contest: Contest, seconds: float) -> list[Figure]:
    """Everything against plain PUCT by the clock."""
    everything = contest.player(
        "everything", with_(mcts_solver=True, cpuct_stdev_scale=0.85, lcb=5.0), 1, {}
    ).player
    first = Clocked(everything, seconds, keeps=True)
    plain = Clocked(contest.player("plain", PLAIN, 1, {}).player, seconds, keeps=False)
    outcomes = []
    for pair in range(contest.games // 2):
        outcomes += arena.match(
            contest.game, first, plain, 2, contest.openings, pair
        ).outcomes.tolist()
        if pair % 10 == 9:
            print(f"  {len(outcomes)} games: {(np.mean(outcomes) + 1) / 2:.1%}", flush=True)
    outcome = np.array(outcomes)
    elo = from_pairs((outcome.reshape(-1, 2).mean(1) + 1) / 2, len(outcome) // 2)
    what = f"{contest.game.name}, all features: {seconds:g} s a move"
    won, drawn, lost = (int((np.sign(outcome) == sign).sum()) for sign in (1, 0, -1))
    note = f"{won}-{drawn}-{lost}"
    return [
        figure(
            "features",
            what,
            elo.difference,
            "Elo",
            low=elo.low,
            high=elo.high,
            asked=ASKED,
            note=note,
        ),
        figure(
            "features", f"{what}, new simulations", float(np.median(first.simulations)), "a move"
        ),
        figure(
            "features",
            f"{what}, new simulations of plain PUCT",
            float(np.median(plain.simulations)),
            "a move",
        ),
    ]


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument("run", help="a run or checkpoint")
    parser.add_argument("--games", type=int, default=200)
    parser.add_argument("--simulations", type=int, default=200, help="of plain PUCT")
    parser.add_argument(
        "--openings", type=int, default=6, help="random plies before a game, at most"
    )
    parser.add_argument("--only", nargs="*", help="features whose names hold one of these words")
    parser.add_argument(
        "--seconds", type=float, help="a move, one game at a time: everything against plain PUCT"
    )
    options = parser.parse_args()
    contest = Contest(options.run, options.games, options.openings)
    if options.seconds:
        figures = clocked(contest, options.seconds)
        return report("everything, against plain PUCT", figures, options.record)
    features = {name: (config, {}) for name, config in MATCHES.items()}
    features |= {name: (PLAIN, changes) for name, changes in SETTINGS.items()}
    for name, (config, changes) in features.items():
        if options.only and not any(word in name for word in options.only):
            continue
        if config.symmetries > len(contest.game.cell_maps):
            continue
        figures = contest.figures(name, config, options.simulations, changes)
        report(f"{name}, at equal time against plain PUCT", figures, options.record)


if __name__ == "__main__":
    main()
