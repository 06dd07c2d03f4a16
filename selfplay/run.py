"""A run's folder: what is where, and the right to write there.

    config.toml  games/ (shards)  checkpoints/NNNN/  ledger.jsonl  events.* (TensorBoard)  log.txt

Killed at any instant, a run goes on from its newest whole checkpoint and the games recorded since then.
"""

import fcntl
import json
from pathlib import Path

import msgspec
import numpy as np

from selfplay import checkpoint, config
from selfplay.config import RunConfig
from selfplay.files import DamagedFile, write_bytes
from selfplay.records import Shards


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
            path.name for path in self.folder.iterdir() if path.name not in (".lock", "games", "checkpoints")
        ]:
            raise ValueError(f"{self.folder} holds other things ({foreign[0]}); choose another --out")

    def _lock(self):
        file = open(self.folder / ".lock", "w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"{self.folder} is in use by another process") from None
        return file

    def play_seed(self) -> int:
        """The seed of the games from here on: the run's own, moved on by what is on disk. An actor that started again from
        the same seed would play the very games that the killed one has recorded."""
        return int(np.random.SeedSequence([self.config.seed, *self.shards.counts()]).generate_state(1)[0])

    def newest(self, report) -> checkpoint.Checkpoint | None:
        """The newest checkpoint that can be gone on from; damaged ones are named and passed over."""
        for path in reversed(checkpoint.all_in(self.checkpoints)):
            try:
                found = checkpoint.read(path)
                found.network(), found.learner()
                return found
            except DamagedFile as error:
                report(f"skipped: {error}")
        return None

    def reconcile_ledger(self, newest: checkpoint.Checkpoint | None) -> None:
        """Make ledger.jsonl hold one line for each generation up to the newest checkpoint: the checkpoints know them."""
        entries = []
        for path in checkpoint.all_in(self.checkpoints):
            if newest is not None and int(path.name) <= newest.generation:
                try:
                    entries.append(checkpoint.read(path).ledger)
                except DamagedFile:
                    continue
        write_bytes(self.ledger_path, b"".join(ledger_line(entry) for entry in entries if entry))

    def append_ledger(self, entry: dict) -> None:
        with open(self.ledger_path, "ab") as file:
            file.write(ledger_line(entry))


def ledger_line(entry: dict) -> bytes:
    return (json.dumps(entry) + "\n").encode()


def read_ledger(folder: Path) -> list[dict]:
    """The entries of a run's ledger; a last line that was cut is left out."""
    entries = []
    for line in (folder / "ledger.jsonl").read_text().splitlines():
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
