"""ledger.jsonl: a line a generation. It is for people and for programs that draw curves; what a run
needs of it stands in the checkpoints too, so nothing that is found in this file stops a run.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from selfplay.storage.files import DamagedFile, open_regular

LONGEST_LINE = 1 << 16  # bytes; ours have some hundred


def ledger_line(entry: dict) -> bytes:
    return (json.dumps(entry) + "\n").encode()


def read_ledger(folder: Path) -> list[dict]:
    """The entries of a run's ledger, none if there is none; lines that are no entry are left
    out."""
    try:
        with open_regular(folder / "ledger.jsonl") as file:
            return [entry for line in _lines(file) if (entry := _entry(line)) is not None]
    except (OSError, DamagedFile):
        return []


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Without those that are too long, of which no more than a part is held."""
    is_whole = True
    while line := file.readline(LONGEST_LINE):
        is_end = line.endswith(b"\n")
        if is_whole and (is_end or len(line) < LONGEST_LINE):
            yield line
        is_whole = is_end


def _entry(line: bytes) -> dict | None:
    """The line as an entry: a JSON object of a generation, whose numbers are finite; else None."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and is_entry(entry) else None


def is_entry(entry: dict) -> bool:
    generation = entry.get("generation")
    has_fixed_simulations = (
        isinstance(generation, int) and not isinstance(generation, bool) and generation >= 0
    )
    return has_fixed_simulations and all(
        math.isfinite(v) for v in entry.values() if isinstance(v, float)
    )
