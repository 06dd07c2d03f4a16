"""Everything that can be set, one frozen record a section: each field with its meaning, unit,
bounds and what the papers used.

The parameters of a search are declared in `native.search.params`; here they become keys.
`selfplay.config_file` reads and writes these records as TOML.

A user's own game is named by its file's path, relative to the TOML file. A run's folder keeps a
copy of that file, and its configuration the copy's digest: what is read from a run names a game,
but never makes it run (`games.own`).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

import games
from games.game import Game
from games.quoting import shown
from native.search import params
from native.search.params import GUMBEL, PUCT, SearchParams

GAME_COPY = "game.py"  # in a run's folder: the file of the user's own game
DIGEST = re.compile(r"[0-9a-f]{64}|")
MANY = 1_000_000  # more of anything is a slip of the finger
SMALL = params.SMALLEST  # the least value where 0 is too little

Share = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(ge=0, le=MANY)]
Positive = Annotated[float, Meta(ge=SMALL, le=MANY)]
Number = Annotated[int, Meta(ge=0, le=MANY)]
Count = Annotated[int, Meta(ge=1, le=MANY)]
Threads = Annotated[int, Meta(ge=1, le=1024)]
Rows = Annotated[int, Meta(ge=1, le=10**9)]
Precision = Literal["auto", "fp32", "bf16", "openvino-fp32", "openvino-int8"]
PRECISIONS = get_args(Precision)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


def search_section(names: tuple[str, ...], **defaults: object) -> type[Section]:
    """A section with these parameters of a search as keys; `defaults` replace those of
    `native.search.params`."""
    annotations, usual = (
        SearchParams.declared.__annotations__,
        SearchParams.declared._field_defaults,
    )
    fields = [(name, bounded(annotations[name]), (usual | defaults)[name]) for name in names]
    return msgspec.defstruct(
        "SearchSection",
        fields,
        bases=(Section,),
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )


def bounded(annotation: Any) -> Any:
    """The annotation of a search parameter as msgspec reads it: `Bounds` become `Meta`."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, bounds = get_args(annotation)
    return Annotated[kind, Meta(ge=kind(bounds.low), le=kind(bounds.high))]


class NetworkConfig(Section):
    blocks: Annotated[int, Meta(ge=1, le=1000)] = (
        4  # residual blocks of two convolutions; AlphaZero had 19
    )
    channels: Annotated[int, Meta(ge=1, le=10_000)] = 48  # AlphaZero had 256
    # arithmetic of self-play, and of learning where torch has it; auto: the fastest here
    precision: Precision = "auto"
    device: str = "cpu"  # where self-play and learning compute, in torch's words: cpu, cuda, cuda:1


class SearchConfig(search_section(params.SELECTION)):
    """The search that self-play and the ledger use. Its other keys are those of
    `native.search.params`."""

    kind: Literal["gumbel", "puct"] = "gumbel"  # gumbel: few simulations; puct: AlphaZero
    # simulations per search
    simulations: list[int] = msgspec.field(default_factory=lambda: [16, 32])
    # stages: one number after the other, in equal stages of the run; balance: between the least and
    # the most of them, so that neither actors nor the learner wait for the other
    simulations_by: Literal["stages", "balance"] = "stages"
    tree_reuse: bool = False  # PUCT: begin a search with the tree below the move that was played
    # beyond it, for one side, a game is as good as decided; KataGo's 0.9; 1: never
    decided_value: Share = 1.0
    decided_plies: Count = 3  # plies in a row; KataGo's 3
    decided_share: Share = 0.25  # share of the simulations that a search gets in a decided game


class ExplorationConfig(search_section(params.EXPLORATION, dirichlet_fraction=0.25)):
    """What self-play adds to that search so that it explores. Its other keys are those of
    `native.search.params`."""

    temperature_start: Annotated[float, Meta(ge=0, le=100)] = (
        0.75  # PUCT: draws moves by visits^(1/T); KataGo's
    )
    temperature_end: Annotated[float, Meta(ge=0, le=100)] = 0.15  # PUCT
    temperature_halflife: Positive = 7.0  # PUCT: plies; about the board's side


class ActorConfig(Section):
    # played side by side by an actor, a leaf each to every batch; 0: measured at the run's start
    games: Number = 128
    threads: Threads = 1  # torch threads per actor; set with `games` where that is measured
    # threads of this process that play where no other process does; 0: one for each core that the
    # learner leaves free, on a GPU two, up to 8
    local_actors: Annotated[int, Meta(ge=0, le=1024)] = 0
    leaves: Annotated[int, Meta(ge=1, le=127)] = 1  # leaves per tree and batch
    opening_fraction: Share = 0.5  # share of games that begin with random plies
    opening_plies: Number = 10  # at most so many of them, uniform from 0
    # share of the searches that are of a position after random plies and no more: no game is played
    # on, nothing but the search's policy and value is learned. Many more positions are seen so
    # (Go-Exploit, Trudeau and Bowling 2023, begins whole games from archived positions)
    single_share: Share = 0.0
    single_plies: Number = 20  # random plies before such a search, at most; uniform from 0
    # positions whose evaluation is remembered
    cache_entries: Annotated[int, Meta(ge=0, le=1 << 30)] = 1 << 18
    # symmetry of the board under which the network sees a position
    symmetry: Literal["identity", "random"] = "identity"


class ReplayConfig(Section):
    rows_per_generation: Rows = 16384  # positions searched between two rounds of learning
    window_min: Rows = 40000  # rows in the window before it grows
    window_growth: Share = 0.4  # rows of window that a new row adds at first; KataGo's beta
    window_exponent: Annotated[float, Meta(ge=SMALL, le=1)] = (
        0.75  # how fast that slows down; KataGo's a
    )
    samples_per_row: Annotated[float, Meta(ge=SMALL, le=1000)] = (
        4.0  # times that a row is drawn, on average
    )
    decided_weight: Share = 0.1  # share of the rows of decided games that are drawn from; KataGo's
    # f of the value target f V_t + (1 - f) T_{t+1}: 1: the search's value, 0: the outcome
    value_lambda: Share = 1.0


class LearnerConfig(Section):
    batch: Annotated[int, Meta(ge=2, le=MANY)] = 256  # rows a step; normalisation needs two
    learning_rate: Annotated[float, Meta(ge=SMALL, le=10)] = 2e-3  # AdamW's, at its peak
    beta2: Annotated[float, Meta(ge=0, le=0.999999)] = 0.99  # AdamW's
    weight_decay: Share = 1e-2  # for matrices and kernels, not for norms and biases
    max_grad_norm: Positive = 2.0  # to which the gradient is clipped
    warmup: Number = 200  # steps
    # share of the run after which the learning rate falls, on a cosine, to `final_rate`
    decay_from: Share = 0.5
    final_rate: Share = 0.05  # share of the peak at the end
    ema_decay: Share = 0.998  # per step, for the averaged weights; they play
    policy_weight: Weight = 1.0  # for the loss to the search's policy
    # for the loss to the game's outcome (cross-entropy of win, draw, loss)
    outcome_weight: Weight = 0.5
    # for the loss to the value target, see replay.value_lambda (squared error)
    value_weight: Weight = 1.0
    # for the loss to each cell's final owner (cross-entropy), KataGo's 1.5; 0: no head
    ownership_weight: Weight = 0.0
    # for the loss to the final score, in sqrt(cells) points (Huber); 0: no such head
    score_weight: Weight = 0.0
    # torch threads of the learner on a CPU, each on a core that actors leave free
    threads: Threads = 1


class MatchConfig(search_section(params.SELECTION, cpuct_stdev_scale=0.85, lcb=5.0)):
    """The search of players in matches, exams and protocols. Its other keys are those of
    `native.search.params`."""

    simulations: Count = 64  # a move, where a player's name says nothing else
    # auto: Gumbel up to `gumbel_up_to` simulations, PUCT beyond
    kind: Literal["auto", "gumbel", "puct"] = "auto"
    gumbel_up_to: Number = 200  # simulations
    symmetries: Annotated[int, Meta(ge=1, le=8)] = (
        1  # symmetries of the board whose mean answer the search uses
    )
    # end a search when no simulation left can change its move; only where `lcb` is 0
    early_stop: bool = True
    # win rate that counts as hopeless, where resigning is allowed; KataGo's
    resign_below: Share = 0.05
    resign_moves: Count = 3  # hopeless moves in a row after which a side resigns; KataGo's


class LedgerConfig(Section):
    games: Number = 64  # games in each of a generation's two matches, in pairs; 0 skips them
    opening_plies: Number = 4  # random plies before a match game, at most
    positions: Number = 400  # exam positions
    every: Count = 1  # generations between two measurements; the last one is always measured
    # share of the run's time that measuring may take; 1: all that it needs, as in lockstep
    budget: Share = 0.05


class RunConfig(Section):
    game: str  # a name, or the path of a file of one's own
    game_digest: str = ""  # sha256 of that file, which a run notes for itself; of no other game
    options: dict[str, float] = {}  # the game's, such as komi, where not its own defaults
    generations: Count = 40
    # time limit of training (0: none), by which the learning rate falls
    minutes: Weight = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    # play, learn and measure in turn, so that a seed repeats the run; else side by side
    lockstep: bool = False
    network: NetworkConfig = NetworkConfig()
    search: SearchConfig = SearchConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    actor: ActorConfig = ActorConfig()
    replay: ReplayConfig = ReplayConfig()
    learner: LearnerConfig = LearnerConfig()
    match: MatchConfig = MatchConfig()
    ledger: LedgerConfig = LedgerConfig()


def search_params(
    search: SearchConfig, exploration: ExplorationConfig | None = None
) -> SearchParams:
    """The search of self-play; without `exploration` the one that the ledger measures."""
    return _params(search, PUCT if search.kind == "puct" else GUMBEL, exploration)


def match_params(match: MatchConfig, simulations: int) -> SearchParams:
    """The search of a match. Gumbel gains most when simulations are few, PUCT goes on gaining when
    they are many."""
    is_gumbel = match.kind == "gumbel" or (
        match.kind == "auto" and simulations <= match.gumbel_up_to
    )
    return _params(match, GUMBEL if is_gumbel else PUCT, None)


def _params(section: Section, kind: int, exploration: ExplorationConfig | None) -> SearchParams:
    chosen = {name: getattr(section, name) for name in params.SELECTION}
    if exploration is None:
        return SearchParams(kind=kind, **chosen, **params.NO_EXPLORATION)
    return SearchParams(
        kind=kind, **chosen, **{name: getattr(exploration, name) for name in params.EXPLORATION}
    )


def game_of(config: RunConfig) -> Game:
    """The run's game, with its options. ValueError with one line for what it does not know, or a
    user's own game that may not run (`games.recall`)."""
    game = games.recall(config.game, config.game_digest)
    try:
        return game.with_options(**config.options)
    except ValueError as error:
        raise ValueError(f"options: {error}") from None


def located(config: RunConfig, folder: Path) -> RunConfig:
    """The configuration that was read from a run's folder, with the path of the run's copy of an
    own game's file."""
    if not games.is_own(config.game) or os.path.isabs(config.game):
        return config
    return msgspec.structs.replace(config, game=str(folder.absolute() / config.game))


def portable(config: RunConfig) -> RunConfig:
    """The configuration as it is stored: it names the run's copy of an own game's file, wherever
    the folder is."""
    return msgspec.structs.replace(config, game=GAME_COPY) if config.game_digest else config


def check(config: RunConfig, source: str = "configuration") -> None:
    """Refuse values that no run could use and that no field's bounds exclude, naming the key."""
    simulations = config.search.simulations
    if not simulations or min(simulations) < 1 or max(simulations) > MANY:
        raise ValueError(
            f"{source}: search.simulations must list numbers from 1 to {MANY:,}, not "
            f"{shown(simulations)}"
        )
    if not DIGEST.fullmatch(config.game_digest) or (
        config.game_digest and not games.is_own(config.game)
    ):
        raise ValueError(
            f"{source}: game_digest must be the sha256 of an own game's file, not "
            f"{shown(config.game_digest)}"
        )


def flat(config: RunConfig) -> dict[str, object]:
    """{"learner.learning_rate": 0.002, ...}"""
    return dict(_items(msgspec.to_builtins(config), ""))


def _items(values: dict, prefix: str) -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _items(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
