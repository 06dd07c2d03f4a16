"""A run's folder: what is where, and the right to write there.

    config.toml  games/ (shards)  checkpoints/NNNN/  ledger.jsonl  events.* (TensorBoard)  log.txt

Killed at any instant, a run goes on from its newest whole checkpoint and the games recorded since then.
"""

import fcntl
import json
import shutil
from pathlib import Path

import msgspec
import numpy as np

from selfplay import checkpoint, config
from selfplay.config import RunConfig
from selfplay.files import DamagedFile, write_bytes
from selfplay.records import Shards

UNFINISHED = ".*.tmp"  # names that `selfplay.files` and `selfplay.checkpoint` write before they rename


class Run:
    """Opens or makes the folder. ValueError with one line if it holds another run, something else, or is in use."""

    def __init__(self, folder: Path, wanted: RunConfig):
        self.folder, self.config = folder, wanted
        self.checkpoints = folder / "checkpoints"
        self.ledger_path = folder / "ledger.jsonl"
        self._check_folder()
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        (folder / "games").mkdir(exist_ok=True)
        self.lock = self._lock()
        self._sweep()
        if not (folder / "config.toml").exists():
            write_bytes(folder / "config.toml", config.dump(wanted).encode())
        self.shards = Shards(folder / "games")

    def _check_folder(self) -> None:
        if not self.folder.exists():
            return
        if not self.folder.is_dir():
            raise ValueError(f"{self.folder} is not a folder")
        if (self.folder / "config.toml").exists():
            if difference := first_difference(stored_config(self.folder), self.config):
                raise ValueError(f"{self.folder} holds another run ({difference}); choose another --out")
        elif foreign := [
            path.name
            for path in self.folder.iterdir()
            if path.name not in (".lock", "games", "checkpoints") and not path.match(UNFINISHED)
        ]:
            raise ValueError(f"{self.folder} holds other things ({foreign[0]}); choose another --out")

    def _lock(self):
        file = open(self.folder / ".lock", "w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"{self.folder} is in use by another process") from None
        return file

    def _sweep(self) -> None:
        """Remove what a killed process was writing."""
        for folder in (self.folder, self.checkpoints, self.folder / "games"):
            for path in folder.glob(UNFINISHED):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def play_seed(self) -> int:
        """The seed of the games from here on: the run's own, moved on by what is on disk. An actor that started again from
        the same seed would play the very games that the killed one has recorded."""
        return int(np.random.SeedSequence([self.config.seed, *self.shards.counts()]).generate_state(1)[0])

    def newest(self, report) -> checkpoint.Checkpoint | None:
        """The newest checkpoint that can be gone on from; damaged newer ones are named and moved aside. None if there is
        none at all; ValueError if there are some and none is whole, because to begin again would delete what is left."""
        passed_over = []
        for path in reversed(checkpoint.all_in(self.checkpoints)):
            try:
                found = checkpoint.read(path)
                found.network(), found.learner()
            except DamagedFile as error:
                report(f"skipped: {error}")
                passed_over.append(path)
                continue
            for damaged in passed_over:
                aside = damaged.with_name(f"{damaged.name}.damaged")
                shutil.rmtree(aside, ignore_errors=True)
                damaged.rename(aside)
            return found
        if passed_over:
            raise ValueError(f"no checkpoint in {self.checkpoints} can be gone on from; choose another --out")
        return None

    def reconcile_ledger(self, newest: checkpoint.Checkpoint) -> None:
        """Make ledger.jsonl hold one line for each generation up to the newest checkpoint. The checkpoints know them; for one
        that is damaged the line that was there is kept."""
        entries = {entry["generation"]: entry for entry in read_ledger(self.folder)}
        for path in checkpoint.all_in(self.checkpoints):
            try:
                entries[int(path.name)] = checkpoint.read(path).ledger
            except DamagedFile:
                continue
        wanted = (entries.get(generation) for generation in range(newest.generation + 1))
        write_bytes(self.ledger_path, b"".join(ledger_line(entry) for entry in wanted if entry))

    def append_ledger(self, entry: dict) -> None:
        with open(self.ledger_path, "ab") as file:
            file.write(ledger_line(entry))


def ledger_line(entry: dict) -> bytes:
    return (json.dumps(entry) + "\n").encode()


def read_ledger(folder: Path) -> list[dict]:
    """The entries of a run's ledger, none if there is none yet; a last line that was cut is left out."""
    path, entries = folder / "ledger.jsonl", []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries


def stored_config(folder: Path) -> RunConfig:
    path = folder / "config.toml"
    try:
        return config.parse(path.read_text(), source=str(path))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None


def first_difference(stored: RunConfig, wanted: RunConfig) -> str | None:
    """The first key in which two configurations differ, as text; None if they are equal."""

    def flat(value, prefix=""):
        for key, item in value.items():
            if isinstance(item, dict):
                yield from flat(item, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}", item

    there, here = (dict(flat(msgspec.to_builtins(c))) for c in (stored, wanted))
    for key in here:
        if there.get(key) != here[key]:
            return f"{key} is {there.get(key)} there and {here[key]} here"
    return None
