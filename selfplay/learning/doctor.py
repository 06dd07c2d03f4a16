"""What holds a run back, read from its ledger.

Each rule looks at the last quarter of the measured generations and names one symptom: the figure,
what it means, one setting to change. The worst come first, and a run has three findings at most,
because one thing should be changed at a time. Where its figures are missing (older runs), a rule is
silent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from selfplay.config import RunConfig

MOST = 3  # findings
FEWEST = 4  # generations before anything can be said
GROWN = 12  # generations after which values should have found their size
GUESSED = float(np.log(3))  # loss of an outcome that is guessed


@dataclass(frozen=True)
class Finding:
    severity: float  # higher is worse; above 1 something is wrong, not only slow
    name: str  # in one or two words, for programs
    figure: str
    means: str
    change: str  # one setting, or what to look at


class Columns:
    """The entries of a run's ledger, by figure."""

    def __init__(self, entries: list[dict], config: RunConfig):
        self.entries, self.config = entries, config
        self.late = entries[-max(FEWEST, len(entries) // 4) :]

    def values(self, name: str, late: bool = True) -> np.ndarray:
        """f64[n] of the generations that have the figure."""
        entries = self.late if late else self.entries
        return np.array([entry[name] for entry in entries if name in entry], float)

    def mean(self, name: str) -> float | None:
        """Over the last quarter; None if nobody measured it there."""
        values = self.values(name)
        return float(values.mean()) if len(values) else None

    def has(self, *names: str) -> bool:
        return all(len(self.values(name)) for name in names)


def diagnose(entries: list[dict], config: RunConfig) -> list[Finding]:
    """The worst findings first; none for a run that is too short to say anything."""
    if len(entries) < FEWEST:
        return []
    columns = Columns(entries, config)
    found = [finding for rule in RULES if (finding := rule(columns)) is not None]
    return sorted(found, key=lambda finding: -finding.severity)[:MOST]


def wrong_sign(columns: Columns) -> Finding | None:
    slope, outcome = columns.mean("value_slope"), columns.mean("onset_outcome")
    if slope is None or slope > 0.0 or outcome is None or outcome > GUESSED - 0.05:
        return None  # a network that has learned nothing yet has any slope
    return Finding(
        4.0,
        "value sign",
        f"where the network hopes for a win, it loses (slope of the outcome {slope:+.2f})",
        "values point the wrong way: for one side or one place a sign or a frame is wrong",
        "the game's rules, or what makes the value target: run selfplay check GAME",
    )


def search_makes_worse(columns: Columns) -> Finding | None:
    if not columns.has("exam_net", "exam_search"):
        return None
    net, search = columns.mean("exam_net"), columns.mean("exam_search")
    noise = (
        2 * (2 * 0.25 / columns.config.ledger.positions / len(columns.values("exam_net"))) ** 0.5
    )
    if search >= net - noise:
        return None
    return Finding(
        3.0,
        "search worse",
        f"the exam is {net:.1%} without search and {search:.1%} with it",
        "search leads the network astray: its values or its precision are wrong",
        "network.precision=fp32; if that changes nothing, run selfplay check GAME",
    )


def rate_too_high(columns: Columns) -> Finding | None:
    """Weights jump so far that their average is no network of any of the steps."""
    learned = columns.values("learned_outcome", late=False)
    jumps = learned > 1.5 * GUESSED
    if jumps.sum() < 2:
        return None
    return Finding(
        3.5,
        "learning rate",
        f"after {jumps.sum()} of {len(learned)} generations the averaged network lost up to "
        f"{learned.max():.1f} on games that it had just learned from; guessing loses {GUESSED:.1f}",
        "steps are so large that the weights' average makes no sense",
        f"learner.learning_rate={columns.config.learner.learning_rate / 10:.2g}",
    )


def memorised(columns: Columns) -> Finding | None:
    if not columns.has("onset_outcome", "learned_outcome", "onset_kl", "learned_kl"):
        return None
    outcome = columns.mean("onset_outcome") - columns.mean("learned_outcome")
    kl = columns.mean("onset_kl")
    share = (kl - columns.mean("learned_kl")) / max(kl, 1e-9)
    if outcome < 0.06 and share < 0.3:
        return None
    return Finding(
        1.5 + min(outcome, 1.0),
        "memorised",
        f"learning lowers the outcome's loss on its own games by {outcome:.3f}, KL by {share:.0%}",
        "rows are drawn so often that the network remembers games in place of what they teach",
        f"replay.window_min={2 * columns.config.replay.window_min}, or half of samples_per_row",
    )


def few_openings(columns: Columns) -> Finding | None:
    games, positions = columns.mean("distinct"), columns.mean("distinct_positions")
    if games is None or (games >= 0.9 and (positions is None or positions >= 0.35)):
        return None
    figure = f"{games:.0%} of the games are distinct"
    if positions is not None:
        figure += f", {positions:.0%} of their positions"
    return Finding(
        1.3 + (0.9 - games),
        "few openings",
        figure,
        "games repeat each other, and the network sees too little",
        "actor.opening_fraction=0.8 and more actor.opening_plies, or actor.single_share=0.25",
    )


def strategies_cycle(columns: Columns) -> Finding | None:
    scores, games = columns.values("first_player_score"), columns.values("games")
    if len(scores) < 5 or not len(games):
        return None
    expected = float(np.sqrt(0.25 / max(1.0, games.mean())))
    if scores.std() < 4 * expected:
        return None
    return Finding(
        1.1,
        "cycles",
        f"the first player's score wanders by {scores.std():.3f}; chance would be {expected:.3f}",
        "strategies chase each other from generation to generation",
        f"replay.window_min={2 * columns.config.replay.window_min}",
    )


def unsure_values(columns: Columns) -> Finding | None:
    slope = columns.mean("value_slope")
    if slope is None or slope <= 0.0 or 0.8 <= slope <= 1.3 or len(columns.entries) < GROWN:
        return None
    if slope > 1.3:
        return Finding(
            0.9,
            "unsure values",
            f"outcomes are {slope:.2f} times as far from a draw as the network's values",
            "the value target leans on the network's own opinion",
            "replay.value_lambda=0.3 (more of the outcome), or learner.outcome_weight=1.0",
        )
    return Finding(
        0.9,
        "sure values",
        f"outcomes are {slope:.2f} times as far from a draw as the network's values",
        "the network learns single games' outcomes by heart",
        "replay.value_lambda=1.0, or learner.outcome_weight halved",
    )


def too_small(columns: Columns) -> Finding | None:
    """It cannot learn what it sees: its loss on rows that it has just learned from is as high as on
    rows that it never saw, and high."""
    if not columns.has("onset_kl", "learned_kl", "policy_entropy"):
        return None
    onset, learned = columns.mean("onset_kl"), columns.mean("learned_kl")
    if learned < 0.4 or onset - learned > 0.04 * onset:
        return None
    network = columns.config.network
    return Finding(
        1.2,
        "small network",
        f"KL(search || network) stays at {learned:.2f} on rows that were just learned from",
        "the network has no room for what the search says",
        f"a new run with network.channels={2 * network.channels} or more blocks",
    )


def who_waits(columns: Columns) -> Finding | None:
    names = ("seconds", "actors_waited", "learner_waited")
    if not columns.has(*names) or columns.config.lockstep:
        return None
    seconds, actors, learner = (float(columns.values(name).sum()) for name in names)
    shares = {"actors": actors / seconds, "learner": learner / seconds}
    who = max(shares, key=shares.get)
    if shares[who] < 0.25:
        return None
    config = columns.config
    if who == "learner":
        change = f"more actors, or replay.samples_per_row={1.5 * config.replay.samples_per_row:g}"
    else:
        change = (
            "search.simulations_by=balance, with more simulations as the most"
            if config.search.simulations_by == "stages"
            else "a larger network in a new run, or less replay.samples_per_row"
        )
    return Finding(
        shares[who],
        f"{who} wait",
        f"{'the learner waits' if who == 'learner' else 'actors wait'} {shares[who]:.0%} of the "
        "time",
        "play and learning are out of balance, and a part of the machine stands idle",
        change,
    )


def measures_much(columns: Columns) -> Finding | None:
    if not columns.has("seconds", "seconds_measure"):
        return None
    share = columns.values("seconds_measure").sum() / columns.values("seconds").sum()
    if share < 0.1:
        return None
    return Finding(
        float(share),
        "measuring",
        f"measuring takes {share:.0%} of the time",
        "it teaches nothing",
        "ledger.budget=0.05, or fewer ledger.games",
    )


def saturated(columns: Columns) -> Finding | None:
    exams, kls = columns.values("exam_net", late=False), columns.values("onset_kl", late=False)
    if len(exams) < 8 or len(kls) < 8:
        return None
    noise = 2 * (0.25 / columns.config.ledger.positions / len(exams[-4:])) ** 0.5
    has_grown = exams[-4:].mean() > exams[-8:-4].mean() + noise
    moves = abs(kls[-4:].mean() / max(kls[-8:-4].mean(), 1e-9) - 1)
    if has_grown or moves > 0.03 or exams[-4:].mean() > 0.98:
        return None
    return Finding(
        0.7,
        "saturated",
        f"the exam stays at {exams[-4:].mean():.1%}, and KL at {kls[-4:].mean():.2f}",
        "nothing more is learned from such games by such a network",
        "actor.single_share=0.25 (other positions), then a larger network",
    )


def no_final_decay(columns: Columns) -> Finding | None:
    rates = columns.values("learning_rate")
    config = columns.config
    is_over = columns.entries[-1]["generation"] >= config.generations
    if not len(rates) or not is_over or rates[-1] < 0.5 * config.learner.learning_rate:
        return None
    return Finding(
        0.8,
        "no decay",
        f"the last learning rate was {rates[-1]:.2g} of {config.learner.learning_rate:.2g}",
        "the last steps were as large as the first ones",
        "learner.decay_from=0.5",
    )


RULES: tuple[Callable[[Columns], Finding | None], ...] = (
    wrong_sign,
    search_makes_worse,
    rate_too_high,
    memorised,
    few_openings,
    strategies_cycle,
    too_small,
    unsure_values,
    who_waits,
    measures_much,
    saturated,
    no_final_decay,
)
