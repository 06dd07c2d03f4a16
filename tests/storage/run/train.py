"""Training in this process, as the command does it."""

from pathlib import Path

from selfplay.commands import training


def command(folder: Path, *changes: str, resume: bool = True):
    """`selfplay train` in this process; RunConfig or ValueError."""
    preset = None if resume else str(folder.parent / "small.toml")
    return training.train(preset, str(folder), resume, list(changes), 0, None, None)
