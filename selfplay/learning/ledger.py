"""The ledger: what amplification gained and distillation lost, generation by generation.

    gain   G(g) = strength(net g + search)     - strength(net g alone)      what amplification adds
    gap    D(g) = strength(net g - 1 + search) - strength(net g alone)      what distillation lost
    progress over a generation = G - D

Strength is Elo over games with paired openings, each with its 95 % interval, and the share of exam
positions in which the value is kept, where the game has an exam. `kept`: of the exam positions that
net g - 1 with search solved, the share that net g with search still solves.

"Search" is the search of self-play, because its opinion is what learning is trained to give:
`config.search` with as many simulations as self-play has now, `actor.leaves` of them in flight,
over a network computed in the same precision and shown positions as `actor.symmetry` says. What
makes self-play explore is left out: noise at the root, forced playouts, the root's and the moves'
temperatures, random openings. So is what changes no search of an undecided game that begins from an
empty tree: kept trees (a search that begins with some simulations makes so many fewer), shorter
searches of decided games, the position cache. It never stops early, as matches' may. `config.match`
has no part in it.

Measuring takes no more than `ledger.budget` of a process's time, half of it for the exam and half
for the matches: what would take more is left out of a generation's entry, but for the first time,
whose cost nobody knows, and for the last generation. It has the learner's core, while actors play
on.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import numpy as np

from games.game import Game
from native.episodes import SEARCHED
from native.rows import position_keys
from native.search.forest import Batch
from selfplay.actors.actor import Work, shown_views
from selfplay.config import RunConfig, game_of, search_params
from selfplay.matches import arena, exam
from selfplay.matches.players import MANY, SearchPlayer
from selfplay.network.evaluator import Evaluator
from selfplay.network.network import Network
from selfplay.storage.records import Games


class Ledger:
    def __init__(self, config: RunConfig):
        self.config, self.game = config, game_of(config)
        full = exam.load(config.game, validation=True)
        self.exam = (
            full.first(config.ledger.positions) if full and config.ledger.positions else None
        )
        self.precision = "auto"  # for the networks that are measured; the loop sets self-play's
        self.views = shown_views(self.game, config.actor)
        self.budgets = {what: Budget(config.ledger.budget / 2) for what in ("exam", "matches")}
        self.solved_before: np.ndarray | None = None  # by net g - 1 with `solved_with` simulations
        self.solved_with = 0

    def measure(
        self,
        generation: int,
        before: Network,
        network: Network,
        simulations: int,
        played: Games,
        work: Work | None,
        losses: dict,
        screen,
        last: bool,
        seconds: float | None = None,
        go_on: Callable[[], None] = lambda: None,
    ) -> dict:
        """The generation's entry: plain numbers, ready for JSON. `network` is net g, `before` net
        g - 1. `simulations` is what the searches of these games had: theirs is the amplification
        that learning tries to catch up with. The `last` generation is always measured, others as
        far as the budget of a process of so many `seconds` allows; None: without a budget. `go_on`
        is called before each evaluation, and may raise what ends it."""
        entry = {
            "generation": generation,
            "simulations": simulations,
            "search": self.config.search.kind,
            **of_games(played, self.game),
            **of_work(work),
            **of_losses(losses),
        }
        wanted = self._wanted(generation, last, seconds)
        if "exam" not in wanted:
            self.solved_before = None
        if not wanted:
            return entry
        search, alone = self._players(network, f"{generation}", simulations, go_on)
        earlier, _ = self._players(before, f"{generation - 1}", simulations, go_on)
        entry["precision"] = search.precision
        if "exam" in wanted:
            screen.measuring(generation, "exam")
            with self.budgets["exam"].spend():
                entry |= self._examine(search, alone, earlier, simulations)
        if "matches" in wanted:
            screen.measuring(generation, "matches")
            with self.budgets["matches"].spend():
                entry |= self._matches(search, alone, earlier, generation)
        return entry

    def _wanted(self, generation: int, last: bool, seconds: float | None) -> list[str]:
        """What of "exam" and "matches" is measured in this generation."""
        if generation % self.config.ledger.every and not last:
            return []
        there = {"exam": self.exam is not None, "matches": self.config.ledger.games > 0}
        is_free = last or seconds is None or self.config.ledger.budget == 1.0
        return [
            what
            for what, budget in self.budgets.items()
            if there[what] and (is_free or budget.allows(seconds))
        ]

    def _players(
        self,
        network: Network,
        name: str,
        simulations: int,
        go_on: Callable[[], None] = lambda: None,
    ) -> tuple[SearchPlayer, SearchPlayer]:
        """(with search, alone)."""
        config = self.config
        evaluator = Evaluator(
            network, MANY, self.precision, config.network.device, self.views, one_view=True
        )
        self.precision = evaluator.precision
        evaluator = Interruptible(evaluator, go_on)
        whole, settings = (
            msgspec.structs.replace(config.match, early_stop=False),
            search_params(config.search),
        )
        return tuple(
            SearchPlayer.of(
                f"{name}@{n}", self.game, evaluator, whole, n, 0, settings, config.actor.leaves
            )
            for n in (simulations, 0)
        )

    def _examine(
        self, search: SearchPlayer, alone: SearchPlayer, earlier: SearchPlayer, simulations: int
    ) -> dict:
        if self.solved_before is None or self.solved_with != simulations:
            self.solved_before = self.exam.grade(earlier.choose(self.exam.states))
        solved = self.exam.grade(search.choose(self.exam.states))
        solved_alone = self.exam.grade(alone.choose(self.exam.states))
        kept = solved[self.solved_before].mean() if self.solved_before.any() else 1.0
        self.solved_before, self.solved_with = solved, simulations
        return {
            "exam_net": float(solved_alone.mean()),
            "exam_search": float(solved.mean()),
            "kept": float(kept),
        }

    def _matches(
        self, search: SearchPlayer, alone: SearchPlayer, earlier: SearchPlayer, generation: int
    ) -> dict:
        config = self.config.ledger
        entry = {}
        for name, stronger in (("gain", search), ("gap", earlier)):
            seed = int(np.random.SeedSequence([self.config.seed, generation]).generate_state(1)[0])
            result = arena.match(
                self.game, stronger, alone, config.games, config.opening_plies, seed
            )
            entry[name], (entry[f"{name}_low"], entry[f"{name}_high"]) = elo(result)
        entry["progress"] = entry["gain"] - entry["gap"]
        return entry


class Interruptible:
    """An evaluator that calls `go_on()` before each batch."""

    def __init__(self, evaluator: Evaluator, go_on: Callable[[], None]):
        self.evaluator, self.go_on, self.precision = evaluator, go_on, evaluator.precision

    def evaluate(self, batch: Batch, rows: int) -> None:
        self.go_on()
        self.evaluator.evaluate(batch, rows)


class Budget:
    """Allows what takes `share` of a process's time at most."""

    def __init__(self, share: float):
        self.share, self.spent, self.cost = share, 0.0, 0.0  # seconds: in all, and the last time

    def allows(self, seconds: float) -> bool:
        """Once more, in a process of so many seconds; the first time, whose cost nobody knows,
        too."""
        return self.spent + self.cost <= self.share * seconds

    @contextmanager
    def spend(self) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.cost = time.monotonic() - begin
        self.spent += self.cost


def elo(result) -> tuple[float, tuple[float, float]]:
    """(difference, 95 % interval) of a match."""
    return result.elo.difference, (result.elo.low, result.elo.high)


def of_games(played: Games, game: Game) -> dict:
    """Diversity, and how far the network's values at the searched positions are from the
    outcomes."""
    rows = np.flatnonzero(played.origin == SEARCHED)
    keys = np.zeros(len(played.action), np.uint64)
    position_keys(game.rules, played.moves(), np.zeros(game.state_bytes, np.uint8), keys)
    lengths, is_whole = np.diff(played.first_move), np.isfinite(played.outcome)
    searched = (played.origin == SEARCHED) & np.repeat(is_whole, lengths)
    outcome = np.repeat(played.outcome, lengths)[searched]
    whole = [moves for moves, is_it in zip(played.sequences(), is_whole) if is_it]
    count = max(1, len(whole))
    return {
        "games": len(whole),
        "rows": played.rows,
        "single": int(len(is_whole) - len(whole)),  # rows of single searches
        "length": float(lengths[is_whole].sum() / count),
        "distinct": len(set(whole)) / count,
        "distinct_positions": len(np.unique(keys[rows])) / max(1, len(rows)),
        "sure_share": sure_share(played, rows),
        # share of the points
        "first_player_score": float((played.outcome[is_whole].sum() / count + 1) / 2),
        "calibration_error": calibration_error(played.network_value[searched], outcome),
        "value_slope": slope(played.network_value[searched], outcome),
    }


def sure_share(played: Games, rows: np.ndarray, sure: float = 0.99) -> float:
    """Share of the moves rows i64[R] for which the search's policy is all but certain."""
    has_policy = np.diff(played.first_entry) > 0
    highest = np.zeros(len(played.action))
    if has_policy.any():
        highest[has_policy] = np.maximum.reduceat(
            played.policy, played.first_entry[:-1][has_policy]
        )
    return float((highest[rows] > sure).sum() / max(1, len(rows)))


def slope(value: np.ndarray, outcome: np.ndarray) -> float:
    """The slope of outcomes over the network's values, both for the first player, by least squares:
    1 where values are right, above 1 where they are too unsure, below where too sure, negative
    where a sign is wrong."""
    value = value - value.mean() if len(value) else value
    spread = float(value @ value)
    return float(value @ outcome) / spread if spread > 0.0 else 1.0


def calibration_error(value: np.ndarray, outcome: np.ndarray, bins: int = 10) -> float:
    """Mean distance, over ten equal bins of predicted value, between mean prediction and mean
    outcome, by bin size."""
    index = np.clip(((value + 1) / 2 * bins).astype(int), 0, bins - 1)
    size = np.bincount(index, minlength=bins)
    distance = np.abs(np.bincount(index, value, bins) - np.bincount(index, outcome, bins))
    return float(distance.sum() / max(1, size.sum()))


def of_work(work: Work | None) -> dict:
    if work is None:
        return {}
    return {
        "simulations_per_second": work.simulations / work.seconds,  # per actor
        "evaluations_per_second": work.evaluations / work.seconds,
        "network_share": work.network_seconds / work.seconds,
        "cache_share": work.cache_hits / max(1, work.cache_hits + work.evaluations),
        "precision": work.precision,
    }


NOT_LOSSES = {  # name among the learner's means -> name in the ledger
    "kl": "kl",  # KL(search || network)
    "entropy": "policy_entropy",  # the search's, in nats
    "clipped": "clipped_share",  # share of steps whose gradient was cut to `max_grad_norm`
    "rate": "learning_rate",  # at the generation's end
}


def of_losses(losses: dict) -> dict:
    return {NOT_LOSSES.get(name, f"loss_{name}"): value for name, value in losses.items()}


def summary(entry: dict) -> str:
    """The generation on one line."""
    parts = [
        f"gen {entry['generation']:>3}",
        f"loss {entry['loss_total']:.3f}",
        f"kl {entry['kl']:.3f}",
    ]
    if "exam_net" in entry:
        parts.append(
            f"exam net {entry['exam_net']:.1%} search {entry['exam_search']:.1%} kept "
            f"{entry['kept']:.1%}"
        )
    if "gain" in entry:
        parts += [
            _elo_text("gain", entry),
            _elo_text("gap", entry),
            f"progress {entry['progress']:+.0f}",
        ]
    parts.append(f"distinct {entry['distinct']:.0%}")
    return "  ".join(parts)


def _elo_text(name: str, entry: dict) -> str:
    width = (entry[f"{name}_high"] - entry[f"{name}_low"]) / 2
    return f"{name} {entry[name]:+.0f}±{width:.0f}"
