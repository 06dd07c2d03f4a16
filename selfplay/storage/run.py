"""A run's folder: what is where, and the right to write there.

    config.toml  games/ (shards)  checkpoints/NNNN/  ledger.jsonl  events.* (TensorBoard)  log.txt
    game.py  (a copy of the file of a user's own game, whose digest is in config.toml)

Killed at any instant, a run goes on from its newest whole checkpoint and the games recorded since
then.
"""

import fcntl
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from games import own
from games.quoting import quoted
from selfplay import config
from selfplay.config import RunConfig
from selfplay.storage import checkpoint
from selfplay.storage.checkpoint import Checkpoint
from selfplay.storage.divergence import worse_than_nothing
from selfplay.storage.files import DamagedFile, open_own, open_regular, remove, write_bytes
from selfplay.storage.ledger_file import is_entry, ledger_line, read_ledger
from selfplay.storage.records import Shards, named_shard
from selfplay.storage.run_settings import (
    command_to_resume,
    differences,
    first_difference,
    is_changeable,
    store_config,
    stored_config,
    with_game_file,
)

FILES = (".lock", "config.toml", "ledger.jsonl", "log.txt", "result.json", "game.py")
FOLDERS = ("games", "checkpoints")
# Names that `selfplay.storage.files` and `selfplay.storage.checkpoint` write before they rename.
UNFINISHED_FILE = re.compile(r"\.(.+)\.[0-9]+\.tmp")
UNFINISHED_FOLDER = re.compile(r"\.[0-9]{4,8}\.tmp")


class Run:
    """Opens or makes the folder. ValueError with one line if it holds another run, something else,
    or is in use.

    With `may_change` the folder's run goes on with `wanted` in place of its own settings. A run is
    closed after use (`with`): until then nobody else can open its folder.
    """

    def __init__(self, folder: Path, wanted: RunConfig, may_change: bool = False):
        wanted = with_game_file(wanted, folder)
        self.folder, self.config = folder, wanted
        self.changed: list[tuple[str, object, object]] = []  # settings: (key, so far, from here on)
        self.checkpoints = folder / "checkpoints"
        self.ledger_path = folder / "ledger.jsonl"
        self.shards = Shards(folder / "games", config.game_of(wanted))
        self._check_folder(may_change)
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.lock = self._lock()
        try:
            self._sweep()
            self._keep_game()
            if self.changed or not (folder / "config.toml").exists():
                store_config(folder, wanted)
        except BaseException:
            self.close()
            raise
        self.ledger_sum = [0, 0]  # length and CRC-32 of ledger.jsonl, see `ledger_after`

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let others open the folder."""
        self.lock.close()

    def _check_folder(self, may_change: bool) -> None:
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise ValueError(f"{self.folder} is not a folder")
        refuse_what_is_not_ours(self.folder)
        if (self.folder / "config.toml").exists():
            stored = stored_config(self.folder)
            self.changed = differences(stored, self.config)
            if self.changed and not may_change:
                difference, again = (
                    first_difference(stored, self.config),
                    command_to_resume(self.folder),
                )
                raise ValueError(
                    f"{self.folder} holds another run ({difference}); go on with it as it is: "
                    f"{again}, or choose another --out"
                )
        elif foreign := [
            path.name
            for path in self.folder.iterdir()
            if path.name not in (".lock", *FOLDERS) and not is_unfinished_file(path.name, FILES)
            if path.name != config.GAME_COPY or not self._is_copy(path)
        ]:
            raise ValueError(
                f"{self.folder} holds other things ({quoted(foreign[0])}); choose another --out"
            )

    def _keep_game(self) -> None:
        """Keep a copy of an own game's file, so that the run goes on wherever its folder is.
        ValueError if another file is there: the games and weights of this run are of the old
        one."""
        if not self.config.game_digest:
            return
        path = self.folder / config.GAME_COPY
        if not path.exists():
            write_bytes(path, config.game_of(self.config).source.text)
        elif not self._is_copy(path):
            raise ValueError(
                f"{path} is not the game's file that the run was made with: its digest is another"
            )

    def _is_copy(self, path: Path) -> bool:
        return own.read(str(path)).digest == self.config.game_digest

    def _lock(self):
        file = open_own(self.folder / ".lock", "rb+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ValueError(f"{self.folder} is in use by another process") from None
        return file

    def _sweep(self) -> None:
        """Remove what a killed process was writing."""
        for path in self.folder.iterdir():
            if is_unfinished_file(path.name, FILES):
                remove(path)
        for path in (self.folder / "games").iterdir():
            match = UNFINISHED_FILE.fullmatch(path.name)
            if match and named_shard(match[1]):
                remove(path)
        for path in self.checkpoints.iterdir():
            if UNFINISHED_FOLDER.fullmatch(path.name):
                remove(path)

    def play_seed(self) -> int:
        """The seed of the games from here on: the run's own, moved on by what is on disk. An actor
        that started again from the same seed would play the very games that the killed one has
        recorded."""
        return int(
            np.random.SeedSequence([self.config.seed, *self.shards.counts()]).generate_state(1)[0]
        )

    def newest(self, report) -> Checkpoint | None:
        """The newest checkpoint that can be gone on from; damaged newer ones are named and moved
        aside. None if there is none at all; ValueError if there are some and none is whole, because
        to begin again would delete what is left."""
        passed_over = []
        for path in reversed(checkpoint.all_in(self.checkpoints)):
            try:
                found = checkpoint.read_numbered(path)
                found.check_weights(), found.learner()
            except DamagedFile as error:
                report(f"skipped: {error}")
                passed_over.append(path)
                continue
            self._refuse_other_settings(found)
            for damaged in passed_over:
                set_aside(damaged, "damaged")
            return self.step_back(found, report)
        if passed_over:
            raise ValueError(
                f"no checkpoint in {self.checkpoints} can be gone on from; choose another --out"
            )
        return None

    def _refuse_other_settings(self, found: Checkpoint) -> None:
        """ValueError if config.toml has another value than the checkpoint for a setting that no run
        can change: older files have no checksum that would tell. (Where the file of an own game
        lies may change, and runs once kept no digest.)"""
        for key, there, here in differences(found.config, self.config):
            if not key.startswith("game") and not is_changeable(key):
                raise ValueError(
                    f"{self.folder / 'config.toml'} was altered: {key} is {here} there and {there} "
                    f"in {found.path}"
                )

    def give_up(self, generation: int) -> int:
        """Network `generation` cannot play: move its checkpoint aside, and those that came of it,
        so that the run goes on from one before. Returns the last good generation."""
        for path in reversed(checkpoint.all_in(self.checkpoints)[1:]):
            if int(path.name) >= generation:
                set_aside(path, "diverged")
        return self.last_good(
            checkpoint.read_numbered(checkpoint.all_in(self.checkpoints)[-1])
        ).generation

    def last_good(self, newest: Checkpoint) -> Checkpoint:
        """The newest checkpoint up to this one whose network is no worse than one that knows
        nothing."""
        for path in reversed(checkpoint.all_in(self.checkpoints)):
            if not worse_than_nothing(newest.ledger):
                break
            if int(path.name) < newest.generation:
                try:
                    found = checkpoint.read_numbered(path)
                    found.check_weights()
                except DamagedFile:
                    continue
                newest = found
        return newest

    def step_back(self, newest: Checkpoint, report) -> Checkpoint:
        """Where learning has other settings now than those under which it diverged, go on from the
        last good checkpoint; later ones are moved aside."""
        if newest.config.learner == self.config.learner:
            return newest
        good = self.last_good(newest)
        for path in checkpoint.all_in(self.checkpoints):
            if int(path.name) > good.generation:
                report(
                    f"{path} is worse than a network that knows nothing: moved aside, checkpoint "
                    f"{good.path.name} goes on"
                )
                set_aside(path, "diverged")
        return good

    def what_to_change(self, generation: int, good: int, error: FloatingPointError) -> str:
        """What a run says that diverged in this generation and was last good in generation
        `good`."""
        reason = str(error).removesuffix(": learning has diverged")
        return (
            f"learning has diverged in generation {generation} ({reason}); checkpoint {good:04d} "
            f"is the last good one and stays: go on from it more slowly: {self.slower_command()}"
        )

    def slower_command(self) -> str:
        """The command that goes on with a tenth of the learning rate, or with the usual one where
        that is less."""
        rate = max(
            config.SMALL,
            min(self.config.learner.learning_rate / 10, config.LearnerConfig().learning_rate),
        )
        return f"{command_to_resume(self.folder)} --set learner.learning_rate={rate:g}"

    def reconcile_ledger(self, newest: Checkpoint) -> None:
        """Make ledger.jsonl hold one line for each generation up to the newest checkpoint, which
        knows what stood there. If that is altered, it is written anew from the checkpoints; for one
        that is damaged the line that was there is kept."""
        if self.ledger_path.is_dir():
            set_aside(self.ledger_path, "damaged")
        self.ledger_sum = self._sum_of_ledger()
        if self.ledger_sum == newest.progress.get("ledger"):
            return
        entries = {entry["generation"]: entry for entry in read_ledger(self.folder)}
        for path in checkpoint.all_in(self.checkpoints):
            try:
                entries[int(path.name)] = checkpoint.read_numbered(path).ledger
            except DamagedFile:
                continue
        wanted = (entries.get(generation) for generation in range(newest.generation + 1))
        text = b"".join(ledger_line(entry) for entry in wanted if entry and is_entry(entry))
        write_bytes(self.ledger_path, text)
        self.ledger_sum = [len(text), zlib.crc32(text)]

    def ledger_after(self, entry: dict) -> list[int]:
        """[length, CRC-32] of ledger.jsonl once this entry is appended: each checkpoint keeps it,
        so that a run that goes on need not read all its checkpoints to know that the file is
        whole."""
        line = ledger_line(entry) if entry else b""
        length, crc = self.ledger_sum
        return [length + len(line), zlib.crc32(line, crc)]

    def append_ledger(self, entry: dict) -> None:
        with open_own(self.ledger_path, "ab") as file:
            file.write(ledger_line(entry))
        self.ledger_sum = self.ledger_after(entry)

    def _sum_of_ledger(self) -> list[int]:
        try:
            with open_regular(self.ledger_path) as file:
                text = file.read()
        except (OSError, DamagedFile):
            text = b""
        return [len(text), zlib.crc32(text)]


def refuse_what_is_not_ours(folder: Path) -> None:
    """ValueError for links, pipes, devices and folders in the place of what a run writes: a link's
    target belongs to somebody else. (A folder in the ledger's place is moved aside, as the ledger
    can be had again.)"""
    for path, is_folder in places(folder):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(mode):
            raise ValueError(
                f"{path} is a symbolic link; a run keeps its files itself, so it is refused"
            )
        is_right = stat.S_ISDIR(mode) if is_folder else stat.S_ISREG(mode)
        if not is_right and not (path.name == "ledger.jsonl" and stat.S_ISDIR(mode)):
            raise ValueError(
                f"{path} is no {'folder' if is_folder else 'regular file'}; choose another --out"
            )


def places(folder: Path) -> Iterator[tuple[Path, bool]]:
    """(path, is it a folder?) of everything in a run's folder that has a name of ours."""
    yield from ((folder / name, False) for name in FILES)
    yield from ((folder / name, True) for name in FOLDERS)
    yield from ((path, False) for path in folder.glob("events.*"))
    for name, pattern in (("games", "*.safetensors"), ("checkpoints", "*")):
        for path in (folder / name).glob(pattern):
            if path.suffix == ".safetensors" or path.name.isdigit():
                yield path, name == "checkpoints"


def is_unfinished_file(name: str, finished: tuple[str, ...]) -> bool:
    """Was it to become one of these?"""
    match = UNFINISHED_FILE.fullmatch(name)
    return match is not None and match[1] in finished


def set_aside(path: Path, word: str) -> None:
    """Rename to `path`.`word`, over whatever had that name."""
    aside = path.with_name(f"{path.name}.{word}")
    remove(aside)
    path.rename(aside)
