"""The settings of a run: its config.toml, and what of them may change while the run goes on.

config.toml ends with a checksum, because one altered byte can be another valid setting. It names
the run's copy of the file of a user's own game, and the digest of that file; neither makes the file
run (`games.own`).
"""

import os
import re
import shlex
import zlib
from pathlib import Path

import msgspec

import games
from games.quoting import quoted
from selfplay import config, config_file
from selfplay.config import RunConfig, flat
from selfplay.storage.files import DamagedFile, open_regular, write_bytes

MOST_CONFIG = 1 << 20  # bytes of config.toml: ours have some three thousand
HEAD = (
    "# The settings of this run, with a checksum in the last line. They are changed by --resume "
    "--set, not here.\n"
)
END = re.compile(rb"# checksum ([0-9a-f]{8})\n")

# What a run may change: whatever says how it plays, learns and measures from here on. Games that
# were recorded stay true under all of that, and what was learned stays in the network.
CHANGEABLE = (
    "generations",
    "minutes",
    "lockstep",
    "network.precision",
    "network.device",
    "search.*",
    "exploration.*",
    "actor.*",
    "replay.*",
    "learner.*",
    "match.*",
    "ledger.*",
)
# What is left is fixed: `game`, its digest and `options` (the recorded games are of them), `seed`
# (the games of a seed would no longer be repeated), `network.blocks` and `network.channels` (the
# weights have this shape). So are these two, but only whether they are 0: by that the network has a
# head or not.
HEADS = ("learner.ownership_weight", "learner.score_weight")


def store_config(folder: Path, settings: RunConfig) -> None:
    """Write config.toml whole or not at all."""
    text = (HEAD + config_file.dump(config.portable(settings))).encode()
    write_bytes(folder / "config.toml", text + b"# checksum %08x\n" % zlib.crc32(text))


def stored_config(folder: Path) -> RunConfig:
    """A run's settings. ValueError with one line if they are missing, altered, or none. Runs of
    older versions have no checksum."""
    path = folder / "config.toml"
    try:
        with open_regular(path) as file:
            text = file.read(MOST_CONFIG + 1)
    except DamagedFile:
        raise
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    if not is_unaltered(text):
        raise DamagedFile(
            f"{path} was cut or altered: its checksum does not match; put back what was there, and "
            f"change settings by {command_to_resume(folder)} --set KEY=VALUE"
        )
    try:
        return config.located(config_file.parse(text.decode(), source=str(path)), folder)
    except UnicodeDecodeError as error:
        raise DamagedFile(f"{path} is damaged: {error}") from None


def with_game_file(wanted: RunConfig, folder: Path) -> RunConfig:
    """The configuration with the digest of an own game's file that the user has named; without one
    in a run that was begun before runs kept copies, if it is the same path."""
    if not games.is_own(wanted.game):
        return wanted
    stored = stored_config(folder) if (folder / "config.toml").exists() else None
    if stored is not None and not stored.game_digest:
        is_same = os.path.realpath(stored.game) == os.path.realpath(wanted.game)
        return (
            msgspec.structs.replace(wanted, game=stored.game, game_digest="") if is_same else wanted
        )
    if not wanted.game_digest and (named := games.own.named(wanted.game)) is not None:
        return msgspec.structs.replace(wanted, game=named.path, game_digest=named.digest)
    return wanted


def is_unaltered(text: bytes) -> bool:
    """Does the checksum at the end match? True where nothing says that there should be one."""
    body, _, last = text[:-1].rpartition(b"\n")
    match = END.fullmatch(last + text[-1:])
    if match is None:
        return len(text) <= MOST_CONFIG and not text.startswith(HEAD.encode())
    return int(match[1], 16) == zlib.crc32(body + b"\n")


def command_to_resume(folder: Path) -> str:
    return shlex.join(["selfplay", "train", "--resume", "--out", str(folder)])


def changed(stored: RunConfig, changes: list[str]) -> RunConfig:
    """A run's settings with "a.b=c" changes. ValueError that names a setting that a run cannot
    change."""
    for change in changes:
        key = change.partition("=")[0].strip()
        if "=" in change and not is_changeable(key):
            raise ValueError(
                f"a run cannot change {quoted(key)}; it can change {', '.join(CHANGEABLE)}"
            )
    wanted = config_file.parse(config_file.dump(stored), changes, "--set")
    before, after = flat(stored), flat(wanted)
    for key in HEADS:
        if (before[key] > 0) != (after[key] > 0):
            raise ValueError(
                f"a run cannot change whether {key} is 0: its network {_has(before[key])} that head"
            )
    return wanted


def is_changeable(key: str) -> bool:
    section = key.partition(".")[0]
    return key in CHANGEABLE or (f"{section}.*" in CHANGEABLE and key != section)


def _has(weight: float) -> str:
    return "has" if weight > 0 else "was made without"


def differences(stored: RunConfig, wanted: RunConfig) -> list[tuple[str, object, object]]:
    """(key, there, here) of each setting in which two configurations differ."""
    there, here = flat(config.portable(stored)), flat(config.portable(wanted))
    return [
        (key, there.get(key), here.get(key))
        for key in here | there
        if there.get(key) != here.get(key)
    ]


def first_difference(stored: RunConfig, wanted: RunConfig) -> str | None:
    """The first setting in which they differ, and how many more there are, as text; None if they
    are equal."""
    found = differences(stored, wanted)
    if not found:
        return None
    key, there, here = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{key} is {there} there and {here} here{more}"
