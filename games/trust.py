"""The user's list of own games that may run, `~/.config/selfplay/trusted_games`: a line
`DIGEST  PATH` for each file.

The digest counts; the path only reminds people. Delete a line, or the file, to take a leave back.
The list counts only if it belongs to this user and nobody else may write to it, as ssh has it with
its keys. Where there is no home, or none that can be written to, there is no list, and a game's
file has to be named in each command.
"""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

LARGEST = 1 << 24  # bytes of the list that are read
ENTRY = re.compile(r"([0-9a-f]{64})(?:\s|$)")


def home() -> Path | None:
    """The user's home folder; None if there is none."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def list_path() -> Path | None:
    return None if (folder := home()) is None else folder / ".config" / "selfplay" / "trusted_games"


def digests() -> set[str]:
    """The digests on the list; none if it cannot be read or is not the user's alone."""
    if (path := list_path()) is None:
        return set()
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            text = file.read(LARGEST) if is_ours_alone(os.fstat(file.fileno())) else b""
    except OSError:
        return set()
    return {
        found[1]
        for line in text.decode("utf-8", "replace").splitlines()
        if (found := ENTRY.match(line))
    }


def is_ours_alone(status: os.stat_result) -> bool:
    """Is it a regular file of this user that nobody else can write to?"""
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_uid == os.geteuid()
        and not status.st_mode & 0o022
    )


def add(digest: str, path: str) -> None:
    """Put a file on the list. One line is appended at once, so that neither a kill nor another
    command loses an older one. Nothing happens where nothing can be written."""
    if (place := list_path()) is None or digest in digests():
        return
    line = f"{digest}  {path.encode('unicode_escape').decode()}\n".encode()
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(place, flags, 0o600), "r+b", buffering=0) as file:
            status = os.fstat(file.fileno())
            if is_ours_alone(status):
                # by a kill
                is_cut = status.st_size and os.pread(file.fileno(), 1, status.st_size - 1) != b"\n"
                file.write(b"\n" * is_cut + line)
