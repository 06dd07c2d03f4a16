"""Our search against mctx, the published implementation of Gumbel MuZero's policy (Danihelka et al.
2022) and of MuZero's PUCT:
`python tests/conformance/proof.py [--games go9 hex5] [--simulations 16 200] [--positions 8]`.

Both search the same random positions of the real games. Logits and values come from a hash of the
position, so that no two nodes are alike, and the Gumbel variables (or priors with Dirichlet noise)
that our search drew are handed to mctx.

Compared at the root: visits and chosen action exactly; mean values Q, improved policy and completed
Q by their largest difference. Ends with 1 if anything differs by more than 1e-5. How mctx is made
to play our games with our settings is told in tests/conformance/published.py.

Needs mctx (`pip install mctx`), written against 0.0.71.
"""

import argparse
import sys
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

import games
from games.game import Position
from games.laws import random_positions
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.searcher import Searcher
from tests.conformance.published import ILLEGAL, Table, published_search, use_float64

KINDS = {
    "gumbel": SearchParams(GUMBEL, mcts_solver=False),
    "gumbel without noise": SearchParams(GUMBEL, mcts_solver=False, gumbel_scale=0.0),
    "gumbel, four considered": SearchParams(
        GUMBEL, mcts_solver=False, max_considered=4, c_visit=20.0, c_scale=0.5
    ),
    "gumbel, min-max": SearchParams(GUMBEL, mcts_solver=False, c_scale=0.1, min_max=True),
    "puct": SearchParams(PUCT, mcts_solver=False),
    "puct with noise, no FPU": SearchParams(
        PUCT, mcts_solver=False, dirichlet_fraction=0.25, fpu_reduction=0.0
    ),
}
SIMULATIONS = (2, 3, 4, 5, 7, 8, 12, 16, 24, 32, 50, 64, 100, 150, 200)
MOST_ACTIONS = 99  # of a game that is compared


def compared_games() -> list[str]:
    return [name for name in games.GAMES if games.load(name).actions <= MOST_ACTIONS]


@dataclass
class Findings:
    """How far the two searches of some positions lie apart."""

    searches: int = 0
    simulations: int = 0
    visits: int = 0  # searches whose visits differ
    actions: int = 0  # searches that choose another action
    policy: float = 0.0  # largest differences
    completed: float = 0.0  # of completed Q, in [0, 1]
    q: float = 0.0  # in [-1, 1]

    def add(self, other: "Findings") -> None:
        for name in ("searches", "simulations", "visits", "actions"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("policy", "completed", "q"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))

    def agree(self, tolerance: float = 1e-5) -> bool:
        return (
            not (self.visits or self.actions)
            and max(self.policy, self.completed, self.q) <= tolerance
        )


class Ours:
    """Our searches of some positions of one game, a row each, as wide as mctx's; Q is for the
    mover."""

    def __init__(
        self,
        positions: list[Position],
        settings: SearchParams,
        simulations: int,
        width: int,
        seed: int,
    ):
        game, count = positions[0].game, len(positions)
        searcher = Searcher(
            game,
            FakeNetwork(game.actions),
            settings,
            simulations,
            count,
            cache_entries=0,
            seed=seed,
        )
        found = searcher.search(np.stack([position.state for position in positions]))
        self.action, self.policy = found.action, np.zeros((count, width))
        self.policy[:, : game.actions] = found.policy
        self.visits, self.q = np.zeros((count, width), int), np.zeros((count, width))
        self.priors, self.gumbel = np.zeros((count, width)), np.zeros((count, width))
        for row, position in enumerate(positions):
            actions, visits, values, priors, _ = searcher.root(row)
            self.visits[row, actions], self.priors[row, actions] = visits, priors
            self.q[row, actions] = np.nan_to_num(values) * (1 if position.mover == 0 else -1)
            self.gumbel[row, actions] = searcher.forest.root_noise[row, actions]


def compare(
    positions: dict[str, list[Position]],
    settings: SearchParams,
    simulations: int,
    table: Table,
    seed: int,
):
    """Search positions of several games on both sides at once; game -> Findings.

    With `min_max` each game has a table of its own width, because mctx stretches over illegal
    actions too."""
    if settings.min_max and any(table.width != some[0].game.actions for some in positions.values()):
        own = {name: Table(some[0].game.actions) for name, some in positions.items()}
        return {
            name: compare({name: some}, settings, simulations, own[name], seed)[name]
            for name, some in positions.items()
        }
    ours = {
        name: Ours(p, settings, simulations, table.width, seed) for name, p in positions.items()
    }
    theirs = search_with_mctx(positions, ours, settings, simulations, table)
    found, first = {}, 0
    for name, mine in ours.items():
        rows = slice(first, first + len(mine.action))
        found[name] = differences(
            mine, {what: array[rows] for what, array in theirs.items()}, settings, simulations
        )
        first = rows.stop
    return found


def search_with_mctx(
    positions, ours: dict[str, Ours], settings: SearchParams, simulations: int, table: Table
):
    """mctx's arrays about the roots, of all games one below the other, with the noise that our
    searches drew."""
    numbers = np.array(
        [table.root(position) for some in positions.values() for position in some], np.int32
    )
    logits, values = table.answers(numbers)
    gumbel, priors = (
        np.concatenate([getattr(o, name) for o in ours.values()]) for name in ("gumbel", "priors")
    )
    if settings.kind == PUCT and settings.dirichlet_fraction > 0:
        logits = np.where(priors > 0, np.log(np.maximum(priors, 1e-300)), ILLEGAL)
    out = published_search(settings, simulations, table)(logits, values, numbers, gumbel)
    return {name: np.asarray(array) for name, array in out.items()}


def differences(ours: Ours, theirs: dict, settings: SearchParams, simulations: int) -> Findings:
    visited = ours.visits > 0
    found = Findings(len(visited), len(visited) * simulations)
    found.visits = int((ours.visits != theirs["visits"]).any(1).sum())
    found.q = largest(np.where(visited, ours.q - theirs["q"], 0.0))
    chosen = theirs["visits"].argmax(1) if settings.kind == PUCT else theirs["action"]
    # (mctx breaks ties of visits by chance: not asked)
    found.actions = int((ours.action != chosen).sum())
    found.policy = largest(ours.policy - theirs["policy"])
    if settings.kind == GUMBEL:
        scale = (settings.c_visit + ours.visits.max(1, keepdims=True)) * settings.c_scale
        found.completed = largest(
            (completed_q(ours) - below_best(theirs["completed"], ours)) / scale
        )
    return found


def largest(difference: np.ndarray) -> float:
    """A difference that is no number is larger than any."""
    return float(np.nan_to_num(np.abs(difference), nan=np.inf).max())


def completed_q(ours: Ours) -> np.ndarray:
    """sigma(completed Q) less its maximum, from the improved policy: log pi' - log pi (equation
    11)."""
    legal = ours.priors > 0
    return below_best(
        np.log(np.where(legal, ours.policy, 1.0)) - np.log(np.where(legal, ours.priors, 1.0)), ours
    )


def below_best(sigma: np.ndarray, ours: Ours) -> np.ndarray:
    legal = ours.priors > 0
    return np.where(legal, sigma - np.where(legal, sigma, -np.inf).max(1, keepdims=True), 0.0)


# The table


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Our search against mctx's, position by position.")
    names = compared_games()
    parser.add_argument(
        "--games", nargs="+", default=names, choices=names, metavar="GAME", help="default: all"
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=list(KINDS),
        choices=KINDS,
        metavar="KIND",
        help=", ".join(KINDS),
    )
    parser.add_argument(
        "--simulations", nargs="+", type=int, default=SIMULATIONS, metavar="N", help="2 to 200"
    )
    parser.add_argument(
        "--positions",
        type=int,
        default=8,
        help="of each game, for each kind and number (default 8)",
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def run(asked: argparse.Namespace) -> dict[str, Findings]:
    """game -> what all of its searches found; disagreements are told as they are met."""
    total = {name: Findings() for name in asked.games}
    loaded = {name: games.load(name) for name in asked.games}
    for simulations in asked.simulations:
        seed = 1000 * asked.seed + simulations
        positions = {
            name: random_positions(game, asked.positions, seed) for name, game in loaded.items()
        }
        table = Table(max(game.actions for game in loaded.values()))
        for kind in asked.kinds:
            for name, found in compare(positions, KINDS[kind], simulations, table, seed).items():
                total[name].add(found)
                if not found.agree():
                    print(f"{name}, {kind}, {simulations} simulations: {found}", flush=True)
        print(f"  {simulations} simulations compared", file=sys.stderr, flush=True)
        published_search.cache_clear()
    return total


def row(name: str, found: Findings) -> str:
    counts = f"{found.searches:,} | {found.simulations:,} | {found.visits} | {found.actions}"
    return f"| {name} | {counts} | {found.policy:.1e} | {found.completed:.1e} | {found.q:.1e} |"


def main() -> int:
    asked = options()
    use_float64()
    total, everything = run(asked), Findings()
    for found in total.values():
        everything.add(found)
    print(
        f"\nOurs and mctx {version('mctx')} on jax {version('jax')}; kinds: "
        f"{', '.join(asked.kinds)}.\n"
    )
    print(
        "| game | searches | simulations | other visits | other action | policy | completed Q | Q |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(row(name, found) for name, found in (total | {"all": everything}).items()))
    return 0 if everything.agree() else 1


if __name__ == "__main__":
    sys.exit(main())
