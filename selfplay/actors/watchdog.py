"""A small process that outlives the one that started it, and clears away what Ray leaves when that
one is killed.

Ray's agents look for their node only now and then, and would live on for a minute; its folder stays
for ever. This process reads a pipe whose other end closes when its owner ends, in whatever way;
then it kills what still works in the owner's folder and removes it. It runs as a script and imports
nothing but Python's own library.

    watch PID NAME   a process whose end before the owner's is to be named
    quiet            the owner ends as it should: say nothing
"""

import os
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PROCESSES = Path("/proc")
PATIENCE = 5.0  # seconds for killed processes to go


def main() -> None:
    """watchdog.py FOLDER SENTENCE: what is said after what happened."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    folder, sentence, owner = sys.argv[1], sys.argv[2], os.getppid()
    is_quiet, died = attend(0)
    if not is_quiet:
        with suppress(OSError):
            print(
                f"selfplay: {died or 'this process'} was killed; {sentence}",
                file=sys.stderr,
                flush=True,
            )
    clear(Path(folder), but=owner)


def attend(pipe: int) -> tuple[bool, str | None]:
    """Read the pipe to its end: (were we told to be quiet, which watched process was the first to
    die)."""
    told, watched, died, is_quiet = b"", {}, None, False
    while True:
        ready, _, _ = select.select([pipe, *watched], [], [])
        for number in ready:
            # before the pipe's end: the kernel closes that before it kills the owner's children
            if number != pipe:
                name = watched.pop(number)
                died = died or name
        if pipe in ready:
            if not (data := os.read(pipe, 4096)):
                return is_quiet, died
            *lines, told = (told + data).split(b"\n")
            for word, *rest in (line.split(b" ", 2) for line in lines):
                is_quiet = is_quiet or word == b"quiet"
                if word == b"watch":
                    with suppress(OSError, AttributeError):  # gone already, or not Linux
                        watched[os.pidfd_open(int(rest[0]))] = rest[1].decode()


def clear(folder: Path, but: int = 0) -> None:
    """Kill what works in the folder, this process and `but` excepted, and remove it."""
    end = time.monotonic() + PATIENCE
    while (found := working_in(folder) - {os.getpid(), but}) and time.monotonic() < end:
        for process in found:
            with suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


def working_in(folder: Path) -> set[int]:
    """Processes of this user that have a file in the folder open."""
    prefix, found = f"{os.path.realpath(folder)}/", set()
    for process in PROCESSES.glob("[0-9]*") if PROCESSES.exists() else ():
        if any(name.startswith(prefix) for name in open_files(process)):
            found.add(int(process.name))
    return found


def open_files(process: Path) -> list[str]:
    try:
        if process.stat().st_uid != os.getuid():
            return []
        numbers = list((process / "fd").iterdir())
    except OSError:  # it ended, or is another's
        return []
    names = []
    for number in numbers:
        with suppress(OSError):
            names.append(os.readlink(number))
    return names


if __name__ == "__main__":
    main()
