"""Everything that can be set, one frozen record a subject: a sentence a field, with its unit and what the papers used.

A run is described by a TOML file (see `presets/`). Unknown keys and wrong types are errors that name the key.

A user's own game is named by its file's path, relative to the TOML file. A run's folder keeps a copy of that file, and its
configuration the copy's digest: what is read from a run names a game, but never makes it run (`games.own`).
"""

import json
import os
import re
import stat
import sys
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

import games
from games.fields import shown
from games.game import Game

PRECISIONS = ("auto", "fp32", "bf16", "openvino-fp32", "openvino-int8")
PRESETS = Path(__file__).parent / "presets"
GAME_COPY = "game.py"  # in a run's folder: the file of the user's own game
LARGEST = 1 << 16  # bytes of a TOML file; all keys with a comment each take a tenth of it
MOST_DOTS = 100  # in a line: a key of many parts takes the square of their number to read
DIGEST = re.compile(r"[0-9a-f]{64}|")


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class NetworkConfig(Section):
    blocks: int = 4  # residual blocks of two convolutions; AlphaZero had 19
    channels: int = 48  # AlphaZero had 256
    precision: str = "auto"  # of self-play, and of learning where torch has it: PRECISIONS; auto: the fastest here
    device: str = "cpu"  # of self-play and learning, as torch names it: cpu, cuda, cuda:1


class SearchConfig(Section):
    kind: str = "gumbel"  # "gumbel" (few simulations) or "puct" (AlphaZero)
    solves: bool = True  # proven wins and losses are backed up and chosen by
    simulations: list[int] = msgspec.field(default_factory=lambda: [16, 32])  # a search, by equal stages of the run
    max_considered: int = 16  # Gumbel: actions at the root; the paper's 16
    c_visit: float = 50.0  # Gumbel: the paper's
    c_scale: float = 1.0  # Gumbel: the paper's for board games
    min_max: bool = False  # Gumbel: stretch each node's completed values to [0, 1]: mctx's rescale_values
    c_init: float = 1.25  # PUCT: AlphaZero's
    c_spread: float = 0.0  # PUCT: how much c follows the spread of values below a node; KataGo's 0.85
    fpu_reduction: float = 0.2  # PUCT: KataGo's
    fpu_absolute: bool = False  # PUCT: untried moves have `fpu_value`, not the parent's value less a reduction
    fpu_value: float = -1.0  # PUCT: AlphaZero's, a loss
    dirichlet_fraction: float = 0.25  # PUCT: share of noise in the root's priors in self-play; AlphaZero's
    dirichlet_total: float = 10.0  # PUCT: alpha, spread over the legal actions
    dirichlet_shaped: float = 0.0  # PUCT: share of alpha that goes where the prior is not small; KataGo's 0.5
    root_temperature: float = 1.0  # PUCT: of the root's priors; KataGo's 1.1
    forced_playouts: float = 0.0  # PUCT: k of the visits a root move is owed, taken off the target again; KataGo's 2
    keeps_tree: bool = False  # PUCT: begin a search with what the last one found below the move played
    settled_value: float = 1.0  # beyond it, for one side, a game is as good as decided; KataGo's 0.9; 1: never
    settled_plies: int = 3  # for so many plies in a row; KataGo's 3
    settled_share: float = 0.25  # of the simulations that a search of a settled game gets
    temperature_start: float = 0.75  # PUCT: moves are drawn by visits^(1/T); KataGo's
    temperature_end: float = 0.15  # PUCT
    temperature_halflife: float = 7.0  # PUCT: plies; about the board's side


class ActorConfig(Section):
    games: int = (
        128  # in flight an actor; each supplies a leaf to every batch; 0: measured at the run's start, and kept
    )
    threads: int = 1  # of torch, an actor; set with `games` where that is measured
    in_process: int = 0  # actors where no other process plays, in a thread each; 0: one a core, on a GPU two, up to 8
    leaves: int = 1  # of one tree in one batch
    opening_fraction: float = 0.5  # share of games that begin with random plies
    opening_plies: int = 10  # at most so many of them, uniform from 0
    cache_entries: int = 1 << 18  # positions whose evaluation is remembered while the weights stay
    symmetry: str = "identity"  # of the board, under which the network sees a position: identity, or random for each


class ReplayConfig(Section):
    rows_per_generation: int = 16384  # positions searched between two rounds of learning
    window_min: int = 40000  # rows in the window before it grows
    window_growth: float = 0.4  # KataGo's beta: rows of window a new row adds at first
    window_exponent: float = 0.75  # KataGo's a: how fast that slows down
    reuse: float = 4.0  # how often a row is drawn in its life, on average
    settled_weight: float = 0.1  # share of the rows of settled games that are drawn from; KataGo's
    search_share: float = 1.0  # f of the value's target f V_t + (1 - f) T_{t+1}: 1 is the search's value, 0 the outcome


class LearnerConfig(Section):
    batch: int = 256  # rows a step
    rate: float = 2e-3  # AdamW's peak learning rate
    beta2: float = 0.99  # AdamW
    weight_decay: float = 1e-2  # of matrices and kernels; not of norms and biases
    clip: float = 2.0  # largest norm of the gradient
    warmup: int = 200  # steps
    decay_from: float = 0.5  # share of the run after which the rate falls, on a cosine, to `final_rate`
    final_rate: float = 0.05  # share of the peak at the end
    average: float = 0.998  # of weights, a step: the averaged ones play
    policy_weight: float = 1.0  # of the search's policy
    outcome_weight: float = 0.5  # of the game's outcome (cross-entropy of win, draw, loss)
    value_weight: float = 1.0  # of the value's target, see replay.search_share (squared error)
    ownership_weight: float = 0.0  # of each cell's owner at the end (cross-entropy), KataGo's 1.5; 0: no such head
    score_weight: float = 0.0  # of the score at the end, in sqrt(cells) points (Huber); 0: no such head
    threads: int = 2  # of the learner, on a CPU


class MatchConfig(Section):
    simulations: int = 64  # with which players search when none is said
    kind: str = "auto"  # "gumbel", "puct", or auto: Gumbel up to `gumbel_up_to` simulations, PUCT beyond
    gumbel_up_to: int = 200
    c_init: float = 1.25
    solves: bool = True  # proven wins and losses are backed up and chosen by
    c_spread: float = 0.85  # PUCT: how much c follows the spread of values below a node; KataGo's 0.85
    lcb: float = 5.0  # PUCT: standard errors below its mean by which a move is judged; 0: by visits; KataGo's 5
    symmetries: int = 1  # of the board, under which the search's network sees each position; their mean answers
    stop_settled: bool = True  # end a search when what is left of it cannot change its move; where `lcb` is 0
    resign_below: float = 0.05  # win rate in [0, 1] that counts as hopeless, where resigning is allowed; KataGo's
    resign_moves: int = 3  # hopeless moves in a row after which a side resigns; KataGo's


class LedgerConfig(Section):
    games: int = 64  # of each of the two matches a generation, in pairs; 0 skips them
    opening_plies: int = 4  # random plies before a match game, at most
    positions: int = 400  # of the exam
    every: int = 1  # measure each so-many-th generation, and the last


class RunConfig(Section):
    game: str  # a name, or the path of a file of one's own
    game_digest: str = ""  # sha256 of that file, which a run notes for itself; of no other game
    options: dict[str, float] = {}  # of the game, such as komi, where they are not its own defaults
    generations: int = 40
    minutes: float = (
        0.0  # of training after which a run ends with the generation it is in, and by which its rate falls; 0: none
    )
    seed: int = 1
    network: NetworkConfig = NetworkConfig()
    search: SearchConfig = SearchConfig()
    actor: ActorConfig = ActorConfig()
    replay: ReplayConfig = ReplayConfig()
    learner: LearnerConfig = LearnerConfig()
    match: MatchConfig = MatchConfig()
    ledger: LedgerConfig = LedgerConfig()


MANY = 1_000_000  # more of anything is a slip of the finger
SMALL = 1e-9  # of what must be above 0

# What a run can use, both ends included. (What else is out of reach, such as memory, is said when it is asked for.)
LIMITS = {
    "generations": (1, MANY),
    "minutes": (0, MANY),
    "seed": (0, 2**63 - 1),
    "network.blocks": (1, 1000),
    "network.channels": (1, 10_000),
    "search.max_considered": (1, MANY),
    "search.c_visit": (0, MANY),
    "search.c_scale": (0, MANY),
    "search.c_init": (0, MANY),
    "search.c_spread": (0, 1),
    "search.fpu_value": (-1, 1),
    "search.dirichlet_shaped": (0, 1),
    "search.root_temperature": (0.01, 100),
    "search.forced_playouts": (0, 1000),
    "search.settled_value": (0, 1),
    "search.settled_plies": (1, MANY),
    "search.settled_share": (0, 1),
    "replay.settled_weight": (0, 1),
    "search.fpu_reduction": (0, 2),
    "search.dirichlet_fraction": (0, 1),
    "search.dirichlet_total": (SMALL, MANY),
    "search.temperature_start": (0, 100),
    "search.temperature_end": (0, 100),
    "search.temperature_halflife": (SMALL, MANY),
    "actor.games": (0, MANY),
    "actor.threads": (1, 1024),
    "actor.in_process": (0, 1024),
    "actor.leaves": (1, 127),
    "actor.opening_fraction": (0, 1),
    "actor.opening_plies": (0, MANY),
    "actor.cache_entries": (0, 1 << 30),
    "replay.rows_per_generation": (1, 10**9),
    "replay.window_min": (1, 10**9),
    "replay.window_growth": (0, 1),
    "replay.window_exponent": (SMALL, 1),
    "replay.reuse": (SMALL, 1000),
    "replay.search_share": (0, 1),
    "learner.batch": (2, MANY),  # normalisation needs two
    "learner.rate": (SMALL, 10),
    "learner.beta2": (0, 0.999999),
    "learner.weight_decay": (0, 1),
    "learner.clip": (SMALL, MANY),
    "learner.warmup": (0, MANY),
    "learner.decay_from": (0, 1),
    "learner.final_rate": (0, 1),
    "learner.average": (0, 1),
    "learner.policy_weight": (0, MANY),
    "learner.outcome_weight": (0, MANY),
    "learner.value_weight": (0, MANY),
    "learner.ownership_weight": (0, MANY),
    "learner.score_weight": (0, MANY),
    "learner.threads": (1, 1024),
    "match.simulations": (1, MANY),
    "match.gumbel_up_to": (0, MANY),
    "match.c_init": (0, MANY),
    "match.c_spread": (0, 1),
    "match.lcb": (0, 100),
    "match.symmetries": (1, 8),
    "match.resign_below": (0, 1),
    "match.resign_moves": (1, MANY),
    "ledger.games": (0, MANY),
    "ledger.opening_plies": (0, MANY),
    "ledger.positions": (0, MANY),
    "ledger.every": (1, MANY),
}


def presets() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load(source: str, changes: list[str] = ()) -> RunConfig:
    """A preset's name or a TOML file that the user names, with "a.b=c" changes. The file of a user's own game that it names may
    run from now on. ValueError with one line that names what is wrong."""
    path = path_of(source)
    config = parse(read_text(path), changes, source)
    if not games.is_own(config.game):
        return config
    is_told = any(change.partition("=")[0].strip() == "game" for change in changes)
    file = own_file(config.game, Path() if is_told else path.parent, source)
    if config.game_digest not in ("", file.digest):
        raise ValueError(f"{source}: {shown(file.path)} is not the file whose digest game_digest is")
    if is_told or not is_run(path.parent):  # the user has named a run's file there, but not what others wrote into it
        games.own.allow(file)
    return msgspec.structs.replace(config, game=file.path, game_digest=file.digest)


def path_of(source: str) -> Path:
    """The file of a preset, or of that path."""
    path = Path(source)
    if source in presets():
        return PRESETS / f"{source}.toml"
    if path.suffix != ".toml" or not os.path.isfile(path):
        near = get_close_matches(source[:100], presets(), 1, 0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"presets: {', '.join(presets())}"
        missing = "no such file" if path.suffix == ".toml" else "unknown preset"
        raise ValueError(f"{missing} {shown(source)!r}; {hint}")
    return path


def read_text(path: Path) -> str:
    """A TOML file's text: UTF-8 whatever the locale is, with a byte order mark or without. ValueError with one line."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"cannot read {path}: no regular file")
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"cannot read {path}: larger than any configuration ({LARGEST:,} bytes)")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"cannot read {path}: line {line} is not UTF-8") from None


def own_file(name: str, folder: Path, source: str) -> games.own.Source:
    """The file of a user's own game: beside the TOML file that names it, or else in the working directory."""
    places = dict.fromkeys([folder / name, Path(name)])
    for place in places:
        if os.path.exists(place):
            return games.own.read(str(place))
    said = " nor ".join(shown(str(place)) for place in places)
    raise ValueError(f"{source}: no such game file: {'neither ' if len(places) > 1 else ''}{said}")


def is_run(folder: Path) -> bool:
    """Is this a run's folder?"""
    return (folder / "checkpoints").is_dir()


def parse(text: str, changes: list[str] = (), source: str = "configuration") -> RunConfig:
    data = read_toml(text, source)
    for change in changes:
        _apply(data, change)
    _check_keys(data, RunConfig, source, "")
    _check_options(data.get("options"), source)
    try:
        config = msgspec.convert(data, RunConfig, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"{source}: {_explain(error)}") from None
    except (OverflowError, RecursionError):
        raise ValueError(f"{source}: a number or a nesting in it is beyond all bounds") from None
    check(config, source)
    return msgspec.structs.replace(config, game=games.full_name(config.game))


def read_toml(text: str, source: str) -> dict:
    """The values of a TOML text. ValueError with one line for what is no TOML, or no configuration by its size alone."""
    if len(text) > LARGEST:
        raise ValueError(f"{source}: larger than any configuration ({LARGEST:,} letters)")
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"{source}: line {number} has more than {MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"{source}: not TOML: nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError is one; so is a number of 5,000 digits
        raise ValueError(f"{source}: not TOML: {shown(str(error), 200)}") from None


def game_of(config: RunConfig) -> Game:
    """The run's game, with its options. ValueError with one line for what it does not know, or a user's own game that may not
    run (`games.recall`)."""
    game = games.recall(config.game, config.game_digest)
    try:
        return game.with_options(**config.options)
    except ValueError as error:
        raise ValueError(f"options: {error}") from None


def located(config: RunConfig, folder: Path) -> RunConfig:
    """The configuration that was read from a run's folder, with the path of the run's copy of an own game's file."""
    if not games.is_own(config.game) or os.path.isabs(config.game):
        return config
    return msgspec.structs.replace(config, game=str(folder.absolute() / config.game))


def portable(config: RunConfig) -> RunConfig:
    """The configuration as it is stored: it names the run's copy of an own game's file, wherever the folder is."""
    return msgspec.structs.replace(config, game=GAME_COPY) if config.game_digest else config


def dump(config: RunConfig) -> str:
    """TOML that `parse` reads back to an equal configuration."""
    sections = msgspec.to_builtins(config)
    if not config.game_digest:
        del sections["game_digest"]
    lines = [f"{key} = {_toml(value)}" for key, value in sections.items() if not isinstance(value, dict)]
    for name, section in sections.items():
        if isinstance(section, dict):
            lines += ["", f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def check(config: RunConfig, source: str = "configuration") -> None:
    """Refuse values that no run could use, naming the key."""
    choices = {
        "network.precision": PRECISIONS,
        "search.kind": ("gumbel", "puct"),
        "match.kind": ("auto", "gumbel", "puct"),
        "actor.symmetry": ("identity", "random"),
    }
    for key, allowed in choices.items():
        if (value := _get(config, key)) not in allowed:
            raise ValueError(f"{source}: {key} must be one of {', '.join(allowed)}, not {_shown(value)}")
    for key, (low, high) in LIMITS.items():
        if not low <= (value := _get(config, key)) <= high:  # NaN is not
            raise ValueError(f"{source}: {key} must lie between {low:g} and {high:g}, not {shown(value)}")
    simulations = config.search.simulations
    if not simulations or min(simulations) < 1 or max(simulations) > MANY:
        raise ValueError(f"{source}: search.simulations must list numbers from 1 to {MANY:,}, not {shown(simulations)}")
    if not DIGEST.fullmatch(config.game_digest) or (config.game_digest and not games.is_own(config.game)):
        raise ValueError(
            f"{source}: game_digest must be the sha256 of an own game's file, not {shown(config.game_digest)}"
        )


def _get(config: Any, key: str) -> Any:
    for name in key.split("."):
        config = getattr(config, name)
    return config


def _apply(data: dict, change: str) -> None:
    key, equals, value = change.partition("=")
    *path, last = key.strip().split(".")
    if not equals or not last:
        raise ValueError(f"--set takes KEY=VALUE, such as learner.rate=0.001, not {shown(change)!r}")
    if len(path) > 1:
        raise ValueError(f"--set {shown(change)!r}: keys have a section and a name, such as learner.rate")
    for name in path:
        data = data.setdefault(name, {})
        if not isinstance(data, dict):
            raise ValueError(f"--set {shown(change)!r}: {shown(name)!r} is no section")
    data[last] = _value(value.strip())


def _value(text: str) -> Any:
    """A value as TOML writes it; else the text itself, so that words need no quotes."""
    try:
        values = tomllib.loads(f"value = {text}") if len(text) <= LARGEST else {}
    except (RecursionError, ValueError):
        values = {}
    return values["value"] if list(values) == ["value"] else text


def _check_keys(data: dict, section: type, source: str, prefix: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in data.items():
        if key not in fields:
            near = get_close_matches(key[:100], fields, 1, 0.5)
            hint = f"did you mean {prefix + near[0]!r}?" if near else f"keys here: {', '.join(fields)}"
            raise ValueError(f"{source}: unknown key {prefix + shown(key)!r}; {hint}")
        if isinstance(value, dict) and isinstance(fields[key], type) and issubclass(fields[key], Section):
            _check_keys(value, fields[key], source, f"{prefix}{key}.")


def _check_options(options: Any, source: str) -> None:
    """A game's options are numbers; msgspec would not name the one that is none."""
    for name, value in options.items() if isinstance(options, dict) else ():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{source}: options.{shown(name)}: expected a number, got {_shown(value)}")
        if abs(value) > sys.float_info.max:
            raise ValueError(f"{source}: options.{shown(name)}: must be a finite number, not {shown(value)}")


def _explain(error: msgspec.ValidationError) -> str:
    """msgspec says "Expected `int`, got `str` - at `$.learner.batch`"; put the key first."""
    message, _, path = str(error).partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    return f"{key}: {message[0].lower()}{message[1:]}" if key else message


def _shown(value: Any) -> str:
    return repr(shown(value)) if isinstance(value, str) else shown(value)


def _key(name: str) -> str:
    """A key, in quotes where TOML wants them: options have the names that a game gives them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace(
            "\x7f", "\\u007f"
        )  # a JSON text is a TOML text but for that
    return repr(value)
