"""What surrounds a Ray session, and needs no Ray: its folder, the address of a cluster, and what is
cleared away at the end.

A session of our own has a folder of its own, which its owner holds a lock on. A folder that nobody
holds is one whose owner was killed; the next session removes it. Folders of other programs and
other users are never touched.
"""

import errno
import fcntl
import os
import re
import secrets
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selfplay.actors import watchdog

# Of the path of a socket: what the kernel takes (108 bytes with the final zero), less the longest
# name that Ray puts behind the session's folder, such as
# /session_2026-11-27_20-16-01_217783_4194304/sockets/plasma_store.
LONGEST_FOLDER = 107 - 64
# beside the usual folder for temporary files, which may have a long name
PLACES = (
    "/tmp",
    "/var/tmp",
    "/dev/shm",
)
LOCK = "held"
REACH_SECONDS = 10.0  # for a cluster's port to answer
# for the head of a cluster that was joined, and so often in a row without an answer
HEAD_SECONDS, MISSED = (
    3.0,
    3,
)
LOOK = 1.0  # seconds between looks at whether a session is still there
ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:.]{2,45})\]|(?P<host>[A-Za-z0-9_.-]{1,253})):(?P<port>[0-9]{1,5})"
)


def parse_address(text: str) -> tuple[str, int]:
    """ "HOST:PORT" -> (host, port). ValueError if it is anything else."""
    found = ADDRESS.fullmatch(text)
    if not found or not 0 < int(found["port"]) < 1 << 16:
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise ValueError(
            "--address takes HOST:PORT of a Ray cluster's head, such as 10.0.0.1:6379, not "
            f"{shown!r}"
        )
    return found["six"] or found["host"], int(found["port"])


def reach(address: str, seconds: float = REACH_SECONDS) -> None:
    """ValueError with one line if nobody listens at the address."""
    host, port = parse_address(address)
    try:
        within(seconds, lambda: socket.create_connection((host, port), seconds).close())
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "no answer"
        raise ValueError(f"no Ray cluster answers at {address}: {reason}") from None


def within(seconds: float, task: Callable):
    """What `task` returns or raises; TimeoutError if it takes longer. It runs in a thread that can
    be left behind, so that Ctrl-C is heard however long it waits in what C calls."""
    answer = []

    def run() -> None:
        try:
            answer.append((task(), None))
        except BaseException as error:
            answer.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not answer:
        raise TimeoutError(errno.ETIMEDOUT, f"no answer in {seconds:.0f} s")
    (result, error) = answer[0]
    if error is not None:
        raise error
    return result


def new_folder() -> tuple[Path, int]:
    """A folder for one session, short enough for Ray's sockets, and the lock on it: a descriptor to
    be kept open. Folders of sessions whose owners were killed go. OSError if there is no place."""
    for place in (tempfile.gettempdir(), *PLACES):
        root = Path(place) / f"selfplay-ray-{os.getuid()}"
        if len(os.fsencode(root)) + 10 > LONGEST_FOLDER or not is_ours(root):
            continue
        sweep(root)
        folder = root / secrets.token_hex(4)
        with suppress(OSError):
            folder.mkdir(mode=0o700)
            return folder, hold(folder)
    raise OSError(
        errno.ENOENT, "no short folder for temporary files can be written", tempfile.gettempdir()
    )


def is_ours(root: Path) -> bool:
    """Make the folder of this user's sessions. False if that cannot be, or somebody else has taken
    the name."""
    with suppress(OSError):
        root.mkdir(mode=0o700, exist_ok=True)
        found = os.lstat(root)
        return (
            stat.S_ISDIR(found.st_mode)
            and found.st_uid == os.getuid()
            and not found.st_mode & 0o022
        )
    return False


def hold(folder: Path) -> int:
    """The lock on a folder, as a descriptor that no other process inherits; OSError if another
    process holds it."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def sweep(root: Path) -> None:
    """Remove the folders of sessions whose owners are no more, with what still works in them."""
    for folder in root.iterdir():
        with suppress(OSError):
            if not (folder / LOCK).exists() and time.time() - folder.stat().st_mtime < 60:
                continue  # another process is just making it
            lock = hold(folder)
            os.close(lock)
            watchdog.clear(folder)


class Watch:
    """The watchdog over a session's folder. `sentence` is what a user should know if this process
    is killed."""

    def __init__(self, folder: Path, sentence: str):
        command = [sys.executable, "-I", "-S", watchdog.__file__, str(folder), sentence]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def watch(self, name: str, process: int) -> None:
        self._tell(f"watch {process} {name}\n")

    def quiet(self) -> None:
        """From now on the end of this process needs no words."""
        self._tell("quiet\n")

    def close(self) -> None:
        """Let it clear the folder now, and wait for that."""
        with suppress(OSError):
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(2 * watchdog.PATIENCE)

    def _tell(self, line: str) -> None:
        with suppress(OSError, ValueError):  # it was killed, or is done
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()


@contextmanager
def inherited(variables: dict[str, str]) -> Iterator[None]:
    """Inside, processes that are started find these in their environment. (Ray's settings are such
    variables. A token that is one of them need not lie in the user's folder, where it would make
    clusters that are started later ask for it.)"""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


class Session:
    """A session that `begin` starts or joins and `end` leaves, both in a thread of its own: the
    kernel ends Ray's processes with the thread that has started them, and Ctrl-C is heard while it
    waits. Without `begin` it is there already, and stays."""

    def __init__(
        self,
        begin: Callable[[], None] | None = None,
        end: Callable[[], None] | None = None,
        address: str | None = None,
    ):
        self.begin, self.end, self.address = begin, end, address
        self.watch: Watch | None = None
        self.parts: dict[str, int] = {}  # processes with which the session would end
        self.names: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.is_lost = False
        self.up, self.over, self.looked, self.missed = threading.Event(), threading.Event(), 0.0, 0
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        if begin is None:
            self.up.set()
        elif address is not None:
            self.keeper.start()

    @property
    def is_guarded(self) -> bool:
        """Is it one of our own, on this machine?"""
        return self.watch is not None

    def guard(self, watch: Watch, lock: int, names: tuple[str, ...]) -> None:
        """Start it under a watchdog, which also looks at the processes of these names."""
        self.watch, self.lock, self.names = watch, lock, names
        self.keeper.start()

    def _keep(self) -> None:
        try:
            self.begin()
            self.parts = children(self.names) if self.names else {}
            for name, number in self.parts.items():
                self.watch.watch(f"Ray's {name}", number)
        except Exception as error:
            self.error = error
        self.up.set()
        self.over.wait()
        if self.error is None and not self.is_lost:
            with suppress(Exception):  # nobody is left to hear it
                self.end()

    def is_up(self, wait: bool = False) -> bool:
        """Is it there, now or after it was waited for? ChildProcessError if it could not be
        started."""
        while wait and not self.up.wait(LOOK):
            pass
        if self.error is not None:
            raise ChildProcessError(
                f"Ray cannot be started here: {first_line(self.error)}"
            ) from self.error
        return self.up.is_set()

    def check(self, now: bool = False) -> None:
        """ConnectionError that names what is gone, if the session is; looks once in a while, or
        now."""
        if not now and time.monotonic() - self.looked < LOOK:
            return
        self.looked = time.monotonic()
        gone = [name for name, number in self.parts.items() if not is_running(number)]
        if gone:
            self.is_lost = True
            raise ConnectionError(f"Ray's {gone[0]} died; nothing that was reported is lost")
        if self.address is not None:
            self._look_at_the_head()

    def _look_at_the_head(self) -> None:
        try:
            reach(self.address, HEAD_SECONDS)
            self.missed = 0
        except ValueError as error:
            self.missed += 1
            if self.missed >= MISSED:
                self.is_lost = True
                raise ConnectionError(
                    f"{error}; the head is gone, nothing that was reported is lost"
                ) from None

    def quiet(self) -> None:
        if self.watch:
            self.watch.quiet()

    def close(self) -> None:
        """Leave it, if it was begun here; safe at any time, and again. An interrupt is raised when
        the session is over: a process that ends while Ray is shutting down ends with Ray's own
        words and exit code."""
        if self.begin is None or self.over.is_set():
            return
        self.over.set()
        self.quiet()
        interrupt, end = None, time.monotonic() + REACH_SECONDS
        while self.keeper.is_alive() and time.monotonic() < end:
            try:
                self.keeper.join(end - time.monotonic())
            except KeyboardInterrupt as error:
                interrupt = error
        if self.watch:
            self.watch.close()
            os.close(self.lock)
        if interrupt is not None:
            raise interrupt


def join(
    address: str, begin: Callable[[], None], end: Callable[[], None], seconds: float
) -> Session:
    """The session at an address. ValueError with one line if there is none, or it does not come up
    in time."""
    reach(address)
    joined = Session(begin, end, address)
    if not joined.up.wait(seconds):
        raise ValueError(
            f"cannot join a Ray cluster at {address}: nothing there has spoken Ray in "
            f"{seconds:.0f} s"
        )
    if joined.error is not None:
        raise ValueError(f"cannot join a Ray cluster at {address}: {whole(joined.error)}") from None
    return joined


def children(names: tuple[str, ...]) -> dict[str, int]:
    """{name: number} of the processes of these names that this one has started; empty where the
    system does not show them."""
    found = {}
    for path in watchdog.PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            head, _, tail = path.read_text().rpartition(")")
            number, _, name = head.partition(" (")
            if name in names and int(tail.split()[1]) == os.getpid():
                found[name] = int(number)
    return found


def is_running(process: int) -> bool:
    """Does a process run still? One that has ended counts as gone even where nobody has asked
    how."""
    try:
        state = (
            (watchdog.PROCESSES / str(process) / "stat").read_text().rpartition(")")[2].split()[0]
        )
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def whole(error: Exception) -> str:
    """An error's text on one line."""
    return " ".join(str(error).split())


def first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).strip()


def reason(error: Exception) -> str:
    """What an error says, on one line: of a traceback its last one."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip() if any(line.startswith("  File ") for line in lines) else whole(error)
