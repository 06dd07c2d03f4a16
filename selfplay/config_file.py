"""Configurations as TOML: presets, files that the user names, changes by --set, and what a run
stores.

Unknown keys and wrong values are errors that name the key and the nearest right one. Keys of older
versions are read, and the user is told what they are called now.
"""

import logging
import os
import stat
import sys
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import tomli_w

import games
from games.quoting import quoted, shown
from selfplay.config import RunConfig, Section, check

PRESETS = Path(__file__).parent / "presets"
LARGEST_CONFIG = 1 << 16  # bytes of a TOML file; all keys with a comment each take a tenth of it
MOST_DOTS = 100  # in a line: a key of many parts takes the square of their number to read
# What keys were called: old name -> name now.
OLD_KEYS = {
    "search.solves": "search.mcts_solver",
    "search.c_spread": "search.cpuct_stdev_scale",
    "search.keeps_tree": "search.tree_reuse",
    "search.settled_value": "search.decided_value",
    "search.settled_plies": "search.decided_plies",
    "search.settled_share": "search.decided_share",
    "search.dirichlet_fraction": "exploration.dirichlet_fraction",
    "search.dirichlet_total": "exploration.dirichlet_concentration",
    "search.dirichlet_shaped": "exploration.dirichlet_shaped",
    "search.root_temperature": "exploration.root_policy_temperature",
    "search.forced_playouts": "exploration.forced_playouts",
    "search.temperature_start": "exploration.temperature_start",
    "search.temperature_end": "exploration.temperature_end",
    "search.temperature_halflife": "exploration.temperature_halflife",
    "actor.in_process": "actor.local_actors",
    "replay.reuse": "replay.samples_per_row",
    "replay.settled_weight": "replay.decided_weight",
    "replay.search_share": "replay.value_lambda",
    "learner.rate": "learner.learning_rate",
    "learner.clip": "learner.max_grad_norm",
    "learner.average": "learner.ema_decay",
    "match.solves": "match.mcts_solver",
    "match.c_spread": "match.cpuct_stdev_scale",
    "match.stop_settled": "match.early_stop",
}


def presets() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load(source: str, changes: list[str] = ()) -> RunConfig:
    """A preset's name or a TOML file that the user names, with "a.b=c" changes. The file of a
    user's own game that it names may run from now on. ValueError with one line that names what is
    wrong."""
    path = path_of(source)
    config = parse(read_text(path), changes, source, is_told=True)
    if not games.is_own(config.game):
        return config
    is_told = any(change.partition("=")[0].strip() == "game" for change in changes)
    file = own_file(config.game, Path() if is_told else path.parent, source)
    if config.game_digest not in ("", file.digest):
        raise ValueError(
            f"{source}: {shown(file.path)} is not the file whose digest game_digest is"
        )
    # the user has named a run's file there, but not what others wrote into it
    if is_told or not is_run(path.parent):
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
    """A TOML file's text: UTF-8 whatever the locale is, with a byte order mark or without.
    ValueError with one line."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"cannot read {path}: no regular file")
            data = file.read(LARGEST_CONFIG + 1)
        if len(data) > LARGEST_CONFIG:
            raise ValueError(
                f"cannot read {path}: larger than any configuration ({LARGEST_CONFIG:,} bytes)"
            )
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"cannot read {path}: line {line} is not UTF-8") from None


def own_file(name: str, folder: Path, source: str) -> games.own.Source:
    """The file of a user's own game: beside the TOML file that names it, or else in the working
    directory."""
    places = dict.fromkeys([folder / name, Path(name)])
    for place in places:
        if os.path.exists(place):
            return games.own.read(str(place))
    said = " nor ".join(shown(str(place)) for place in places)
    raise ValueError(f"{source}: no such game file: {'neither ' if len(places) > 1 else ''}{said}")


def is_run(folder: Path) -> bool:
    """Is this a run's folder?"""
    return (folder / "checkpoints").is_dir()


def parse(
    text: str, changes: list[str] = (), source: str = "configuration", is_told: bool = False
) -> RunConfig:
    """A configuration from TOML, with "a.b=c" changes. ValueError with one line. `is_told`: log
    what old keys are called now."""
    data = read_toml(text, source)
    old = upgrade(data)
    for change in changes:
        key, equals, value = change.partition("=")
        if key.strip() in OLD_KEYS:
            old.append(key.strip())
            change = f"{OLD_KEYS[key.strip()]}{equals}{value}"
        _apply(data, change)
    if is_told or changes:
        for name in dict.fromkeys(old):
            logging.getLogger("selfplay").warning(
                f"{source}: {name} is called {OLD_KEYS[name]} now"
            )
    _check_keys(data, RunConfig, source, "")
    _check_options(data.get("options"), source)
    try:
        config = msgspec.convert(data, RunConfig, strict=True)
    except msgspec.ValidationError as error:
        raise ValueError(f"{source}: {_explain(error, data)}") from None
    except (OverflowError, RecursionError):
        raise ValueError(f"{source}: a number or a nesting in it is beyond all bounds") from None
    check(config, source)
    return msgspec.structs.replace(config, game=games.full_name(config.game))


def upgrade(data: dict) -> list[str]:
    """Give the keys of older versions their names of now, in place; returns those that were there.
    A key that stands there under its new name too is left for the error."""
    found = []
    for old, new in OLD_KEYS.items():
        (section, name), (new_section, new_name) = old.split("."), new.split(".")
        values, target = data.get(section), data.get(new_section, {})
        if (
            isinstance(values, dict)
            and name in values
            and isinstance(target, dict)
            and new_name not in target
        ):
            data.setdefault(new_section, {})[new_name] = values.pop(name)
            found.append(old)
    return found


def read_toml(text: str, source: str) -> dict:
    """The values of a TOML text. ValueError with one line for what is no TOML, or no configuration
    by its size alone."""
    if len(text) > LARGEST_CONFIG:
        raise ValueError(f"{source}: larger than any configuration ({LARGEST_CONFIG:,} letters)")
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MOST_DOTS:
            raise ValueError(f"{source}: line {number} has more than {MOST_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"{source}: not TOML: nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError is one; so is a number of 5,000 digits
        raise ValueError(f"{source}: not TOML: {shown(str(error), 200)}") from None


def dump(config: RunConfig) -> str:
    """TOML that `parse` reads back to an equal configuration."""
    values = msgspec.to_builtins(config)
    if not config.game_digest:
        del values["game_digest"]
    return tomli_w.dumps(values)


def _apply(data: dict, change: str) -> None:
    key, equals, value = change.partition("=")
    *path, last = key.strip().split(".")
    if not equals or not last:
        raise ValueError(
            f"--set takes KEY=VALUE, such as learner.learning_rate=0.001, not {shown(change)!r}"
        )
    if len(path) > 1:
        raise ValueError(
            f"--set {shown(change)!r}: keys have a section and a name, such as "
            "learner.learning_rate"
        )
    for name in path:
        data = data.setdefault(name, {})
        if not isinstance(data, dict):
            raise ValueError(f"--set {shown(change)!r}: {shown(name)!r} is no section")
    data[last] = _value(value.strip())


def _value(text: str) -> Any:
    """A value as TOML writes it; else the text itself, so that words need no quotes."""
    try:
        values = tomllib.loads(f"value = {text}") if len(text) <= LARGEST_CONFIG else {}
    except (RecursionError, ValueError):
        values = {}
    return values["value"] if list(values) == ["value"] else text


def _check_keys(data: dict, section: type, source: str, prefix: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in data.items():
        if key not in fields:
            near = get_close_matches(key[:100], fields, 1, 0.5)
            hint = (
                f"did you mean {prefix + near[0]!r}?" if near else f"keys here: {', '.join(fields)}"
            )
            raise ValueError(f"{source}: unknown key {prefix + shown(key)!r}; {hint}")
        if (
            isinstance(value, dict)
            and isinstance(fields[key], type)
            and issubclass(fields[key], Section)
        ):
            _check_keys(value, fields[key], source, f"{prefix}{key}.")


def _check_options(options: Any, source: str) -> None:
    """A game's options are numbers; msgspec would not name the one that is none."""
    for name, value in options.items() if isinstance(options, dict) else ():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(
                f"{source}: options.{shown(name)}: expected a number, got {quoted(value)}"
            )
        if abs(value) > sys.float_info.max:
            raise ValueError(
                f"{source}: options.{shown(name)}: must be a finite number, not {shown(value)}"
            )


def _explain(error: msgspec.ValidationError, data: dict) -> str:
    """msgspec says "Expected `int` >= 2 - at `$.learner.batch`": put the key first, and say all
    that it may be."""
    message, _, path = str(error).partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    section, _, name = key.partition(".")
    types = {field.name: field.type for field in msgspec.structs.fields(RunConfig)}
    if isinstance(types.get(section), type) and issubclass(types[section], Section):
        types = {
            f"{section}.{field.name}": field.type
            for field in msgspec.structs.fields(types[section])
        }
    value = data.get(section, {}).get(name) if name else data.get(key)
    if get_origin(types.get(key)) is Literal and isinstance(value, str):
        return f"{key} must be one of {', '.join(get_args(types[key]))}, not {quoted(value)}"
    if get_origin(types.get(key)) is Annotated and ("<=" in message or ">=" in message):
        bounds = get_args(types[key])[1]
        return f"{key} must lie between {bounds.ge:g} and {bounds.le:g}, not {shown(value)}"
    return f"{key}: {message[0].lower()}{message[1:]}" if key else message
