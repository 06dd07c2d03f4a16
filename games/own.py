"""A user's own game: one Python file, which runs only with the user's leave.

The user gives leave by naming the file, in a command, in a TOML file that they name, or in a call
of `games.load`. A name that comes out of a run, a checkpoint or a record gives none: such a file
runs only if its digest, the sha256 of its bytes, is that of a file that the user has named in this
process, or stands on their list (`games.trust`).

A file is read once. What was read is what is hashed, compiled and run, so a file that is swapped in
between changes nothing.
"""

import atexit
import operator
import os
import re
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from games import guards, trust
from games.game import Game
from games.quoting import shown

SUFFIX = ".py"
TRIED = "harmless"  # a file beside a game's compiled code
LARGEST = 1 << 20  # bytes of a game's file; a long one has some 20,000


class Source(NamedTuple):
    """A game's file as it was read: where it lay, and its bytes."""

    path: str
    text: bytes

    @property
    def digest(self) -> str:
        return sha256(self.text).hexdigest()


NAMED: list[Source] = []  # files that the user has named in this process, the newest last
LOADED: dict[str, Game] = {}  # digest -> the game, run once
HARMLESS: set[str] = set()  # digests of games whose rules were tried on guarded memory


def is_own(name: str) -> bool:
    """Does the name of a game mean a file of the user's own?"""
    return name.endswith(SUFFIX)


def read(name: str) -> Source:
    """The file's bytes, not run. ValueError with one line for what is no readable regular file of a
    game's size."""
    try:
        path = os.path.realpath(name)
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{shown(name)} is no regular file, and so no game")
            text = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ValueError(f"no such game file: {shown(name)}") from None
    except IsADirectoryError:
        raise ValueError(f"{shown(name)} is no regular file, and so no game") from None
    except OSError as error:
        raise ValueError(f"cannot read the game file {shown(name)}: {error.strerror}") from None
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"no game file {shown(name)}: {error}" if "null" in str(error) else str(error)
        ) from None
    if len(text) > LARGEST:
        raise ValueError(f"{shown(name)} is larger than any game: more than {LARGEST:,} bytes")
    return Source(path, text)


def load(name: str) -> Game:
    """The game of a file that the user names; ValueError with one line if it is none."""
    source = read(name)
    allow(source)
    return run(source)


def allow(source: Source) -> None:
    """The user has named this file: it may run in this process."""
    if source not in NAMED:
        NAMED.append(source)


def recall(name: str, digest: str = "") -> Game:
    """The game of a file that a run, a checkpoint or a worker's settings name. It runs only with
    the user's leave; ValueError with one line that says how to give it, or that the file is not the
    one of that digest."""
    if (source := named(name, digest)) is None:
        try:
            source = read(name)
        except ValueError as error:
            raise ValueError(f"{error}; name it: --game FILE.py") from None
        if digest and source.digest != digest:
            raise ValueError(
                f"{shown(name)} is not the game's file that the run was made with: its digest is "
                "another"
            )
        if not is_allowed(source.digest):
            raise ValueError(
                f"{shown(name)} is a run's own game, and it runs only if you name it: read it, "
                f"then add --game {shown(shlex.quote(source.path))}"
            )
    return run(source)


def named(name: str, digest: str = "") -> Source | None:
    """The file that the user has named in this process: of that digest, or where none is known, at
    that path."""
    here = lambda source: source.path in (name, os.path.realpath(name))  # noqa: E731
    found = [source for source in NAMED if (source.digest == digest if digest else here(source))]
    return found[-1] if found else None


def is_allowed(digest: str) -> bool:
    return any(source.digest == digest for source in NAMED) or digest in trust.digests()


def remember(source: Source) -> None:
    """Let later commands run this file too."""
    trust.add(source.digest, source.path)


# How a file is run


def run(source: Source, is_proved: bool = False) -> Game:
    """The `GAME` of a file, run once in a process. ValueError, with file, line and one sentence,
    for a file that cannot be run, has no game, or whose rules would harm this process (unless
    whoever asks proves that elsewhere)."""
    if (digest := source.digest) not in LOADED:
        module = module_of(source)
        game = vars(module).get("GAME")
        if not isinstance(game, Game):
            raise ValueError(f"{shown(source.path)} defines no GAME of type games.Game")
        LOADED[digest] = wrapped(replace(game, source=source))
    if not is_proved and digest not in HARMLESS:
        if (harm := guards.find_harm(LOADED[digest], guards.FEW)) is not None:
            raise ValueError(breaks(source, harm))
        HARMLESS.add(digest)
    return LOADED[digest]


def module_of(source: Source) -> ModuleType:
    """Run a file as a module named by its digest, so that a changed file is another module with
    other compiled functions. What the file is called has no part in it: a run's copy has another
    name. (So `board_size` gives its default there.)"""
    name = f"own_{source.digest[:16]}_game"
    if name in sys.modules:
        return sys.modules[name]
    place = shelf(source)
    sys.modules[name] = module = ModuleType(name)
    module.__file__ = place
    try:
        exec(compile(source.text, place, "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ValueError(explained(error, source, place)) from None
    return module


def shelf(source: Source) -> str:
    """Where the file lies for Numba, which keeps compiled code beside it: a folder of the user's,
    by digest.

    Never beside the file itself: a run that was copied from somewhere may hold compiled code too,
    and Numba reads that with pickle, which runs whatever it is told to.
    """
    name = re.sub(r"\W", "_", Path(source.path).stem)[:40] + SUFFIX
    for root in (home_folder, temporary_folder):
        try:
            folder = root() / source.digest[:32]
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.stat()
            if status.st_uid == os.geteuid() and not status.st_mode & 0o022:
                put(folder / name, source.text)
                return str(folder / name)
        except OSError:
            continue
    return f"{os.devnull}/{name}"  # no file, nor can anybody put one there: nothing is kept


def put(path: Path, text: bytes) -> None:
    """Make the file hold this text."""
    if path.is_file() and path.read_bytes() == text:
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    beside.write_bytes(text)
    os.replace(beside, path)


def home_folder() -> Path:
    if (home := trust.home()) is None:
        raise FileNotFoundError("no home")
    return home / ".cache" / "selfplay" / "games"


@cache
def temporary_folder() -> Path:
    """For what is compiled where the user has no home to write to; it ends with this process."""
    folder = tempfile.mkdtemp(prefix="selfplay-games-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def was_tried(source: Source) -> bool:
    """Has this user's machine found the file's rules harmless before?"""
    return Path(shelf(source)).with_name(TRIED).is_file()


def note_tried(source: Source) -> None:
    with suppress(OSError):
        Path(shelf(source)).with_name(TRIED).touch()


# What is wrong with a file, in one line


def breaks(source: Source, harm: guards.Violation) -> str:
    return f"{shown(source.path)} breaks the law that {harm.law}: {telling_line(harm.explanation)}"


def explained(error: BaseException, source: Source, place: str) -> str:
    """File, line and one sentence."""
    line = line_of(error, place)
    where = f"{shown(source.path)}, line {line}" if line else shown(source.path)
    return f"{where}: {failure(error)}"


def line_of(error: BaseException, place: str) -> int | None:
    """The last line of the file that the error came from."""
    if isinstance(error, SyntaxError):
        return error.lineno
    if told := re.findall(
        rf'File "[^"\n]*{re.escape(Path(place).name)}", line (\d+)', text_of(error)
    ):
        return int(told[-1])
    trace, line = error.__traceback__, None
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == place else line
        trace = trace.tb_next
    return line


def failure(error: BaseException) -> str:
    """What went wrong, of Numba's many lines the one that says it."""
    if isinstance(error, SystemExit):
        return "the file ends the program, with sys.exit or the like"
    if isinstance(error, SyntaxError):
        return f"{error.msg} (a syntax error)"
    kind = (
        ""
        if type(error).__module__.startswith("numba") or type(error) is ValueError
        else type(error).__name__
    )
    said = ": ".join(part for part in (kind, telling_line(text_of(error))) if part)
    return shown(f"this rule does not compile: {said}" if is_of_a_rule(error) else said, 300)


def is_of_a_rule(error: BaseException) -> bool:
    """Did the error come from compiling a rule?"""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_name != "compile_rule":
        trace = trace.tb_next
    return trace is not None


def telling_line(text: str) -> str:
    """The first line that says something, and the next where it ends with a colon."""
    lines = [line.strip().removeprefix(">>> ") for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(NUMBA_HEADINGS)]
    said = (
        " ".join(lines[:2])
        if lines and lines[0].endswith(("signature:", "signatures:"))
        else "".join(lines[:1])
    )
    return said.rstrip(":")


NUMBA_HEADINGS = ("Failed in ", "During: ", "File ", "- Resolution failure", "<source")


def text_of(error: BaseException) -> str:
    """The error's message without a terminal's colours."""
    try:
        return re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    except Exception:
        return ""


def wrapped(game: Game) -> Game:
    """The game with its Python functions' own errors told as the file's: file, line and one
    sentence."""
    checks = {
        "format": str_only,
        "draw": str_only,
        "parse": operator.index,
        "stones": np.asarray,
        "setup": lambda position: position,
    }
    functions = {name: getattr(game, name) for name in checks}
    return replace(
        game,
        **{
            name: careful(function, name, checks[name], game.source)
            for name, function in functions.items()
            if function is not None
        },
    )


def careful(function: Callable, name: str, checked: Callable, source: Source) -> Callable:
    place = getattr(getattr(function, "__code__", None), "co_filename", source.path)

    @wraps(function)
    def call(*arguments, **options):
        try:
            return checked(function(*arguments, **options))
        except ValueError:  # a text that is no move, and so on: what the function is for
            raise
        except Exception as error:
            raise ValueError(f"{name} failed: {explained(error, source, place)}") from None

    return call


def str_only(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is wanted, not {type(value).__name__}")
    return value
