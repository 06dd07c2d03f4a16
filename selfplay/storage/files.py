"""Writing files so that a kill at any instant leaves either the old one or the new one, and reading
them so that a file that was cut or altered is named and refused, never half-read. Links, pipes and
devices are no files of ours.
"""

import json
import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

from selfplay.messages import sentence

MOST_JSON = 1 << 20  # bytes of a JSON file: ours have a few thousand


class DamagedFile(ValueError):
    """A file that is not what was once written."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read. OSError if it is missing, DamagedFile if it is a pipe, a device or a
    folder."""
    # a pipe without a writer must not block
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return _file_of(descriptor, path, "rb")


def open_own(path: Path, mode: str):
    """Open or make a file of a run to append ("ab", "a") or to lock ("rb+"), without cutting it.
    ValueError if something else has its name: a link's target belongs to somebody else."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    refuse_links(path)
    return _file_of(os.open(path, flags | (os.O_APPEND if "a" in mode else 0), 0o666), path, mode)


def _file_of(descriptor: int, path: Path, mode: str):
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedFile(f"{path} is no regular file")
    return open(
        descriptor,
        mode,
        encoding=None if "b" in mode else "utf-8",
        buffering=-1 if "b" in mode else 1,
    )


def refuse_links(path: Path) -> None:
    """ValueError if the name is a symbolic link."""
    if path.is_symlink():
        raise ValueError(f"{path} is a symbolic link; a run keeps its files itself")


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside `path`, flush to the disk, then rename over it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    remove(temporary)  # a killed process that had our number left it
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: dict) -> None:
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def read_json(path: Path) -> dict:
    """DamagedFile if the file is missing, too large, or holds no JSON object."""
    try:
        with open_regular(path) as file:
            text = file.read(MOST_JSON + 1)
        value = json.loads(text) if len(text) <= MOST_JSON else None
    except OSError as error:
        raise DamagedFile(f"{path} is missing or damaged: {error.strerror or error}") from None
    except DamagedFile:
        raise
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path} is damaged: {sentence(error)}") from None
    if not isinstance(value, dict):
        what = "a JSON object" if len(text) <= MOST_JSON else f"at most {MOST_JSON:,} bytes"
        raise DamagedFile(f"{path} is damaged: it should hold {what}")
    return value


def remove(path: Path) -> None:
    """Remove a file, a folder with what is in it, or a link and not its target; nothing if nothing
    is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def publish_folder(temporary: Path, final: Path) -> None:
    """Rename a finished folder into place; whatever a killed process left there before goes."""
    remove(final)
    os.replace(temporary, final)
