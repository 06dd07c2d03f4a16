"""`selfplay gtp`: a player as an engine that other programs talk to, in the Go Text Protocol,
version 2 (Farneback 2002).

Here is how it is spoken: lines, numbers, `=` and `?`. What the commands do is in
`selfplay.faces.gtp_commands`. A command that cannot be done is answered with `?` and one line, and
changes nothing; whatever it raises, the next one is answered.
"""

import os
import re
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import TextIO

import games
from games.game import Game
from selfplay.faces.engine_session import EngineSession
from selfplay.faces.gtp_commands import COMMANDS, Answer
from selfplay.matches.players import Player
from selfplay.messages import sentence

LONGEST_COMMAND = 8192  # bytes of a line; all the moves of a game on 19x19 take less
MOST_CHUNKS = 16  # chunks of 64 KB that are read before someone wants them
MOST_LINES = 10_000  # lines that are kept so; a writer that is faster waits
# GoGui's wish, a comment to others: whatever is searched shall end with what it has
INTERRUPT = b"# interrupt"


def serve(
    game: Game,
    make_player: Callable[[Game], Player],
    input: int,
    output: TextIO,
    may_resign: bool = False,
    ponders: bool = False,
    load: Callable[[str], Game] = games.load,
) -> None:
    """Answer commands from a file descriptor until `quit` or its end, and think in between if the
    player `ponders`.

    `make_player` makes the player for a game, or raises ValueError if it does not play that one.
    `load` finds the boards that commands ask for.
    """
    inbox = Inbox(input)
    session = EngineSession(game, make_player, inbox, may_resign, ponders, load=load)
    while (line := next_line(session, inbox)) is not None:
        if (command := parse_command(line)) is not None:
            answer(session, command, output, len(line) > LONGEST_COMMAND)
            if command.name == "quit":
                return


def next_line(session: EngineSession, inbox: "Inbox") -> bytes | None:
    session.ponder()  # in this thread: it looks into the inbox between two batch steps
    return inbox.line()


@dataclass(frozen=True)
class Command:
    id: str
    name: str
    arguments: list[str]


def parse_command(line: bytes) -> Command | None:
    """A line by section 2.5 of the protocol: control characters and comments away, and a byte order
    mark, which some editors and pipes put before a text; None if nothing is left."""
    text = (
        line.removeprefix(BOM_UTF8).decode("utf-8", "replace").partition("#")[0].replace("\t", " ")
    )
    words = "".join(
        character for character in text if character >= " " and character != "\x7f"
    ).split()
    if not words:
        return None
    number = words.pop(0) if re.fullmatch("[0-9]+", words[0]) else ""
    return Command(number, *((words[0], words[1:]) if words else ("", [])))


def answer(
    session: EngineSession, command: Command, output: TextIO, is_too_long: bool = False
) -> None:
    """Do a command and write what comes of it: text, or lines while they come."""
    try:
        said = obey(session, command, is_too_long)
    except Exception as error:  # whatever it is: a controller's game must not end with one command
        return say(output, f"?{command.id} {sentence(error)}\n\n")
    if isinstance(said, str):
        return say(output, f"={command.id} {said}".rstrip() + "\n\n")
    say(output, f"={command.id}\n")
    for line in to_the_end(said, command):
        say(output, line + "\n")
    say(output, "\n")


def obey(session: EngineSession, command: Command, is_too_long: bool) -> Answer:
    if is_too_long:
        raise ValueError(f"line too long: at most {LONGEST_COMMAND} bytes")
    if command.name not in COMMANDS:
        raise ValueError("unknown command")
    return COMMANDS[command.name](session, command.arguments)


def to_the_end(lines: Iterable[str], command: Command) -> Iterator[str]:
    """The lines; if what makes them fails, the last one is the error. (What the reader of them
    raises is not caught.)"""
    try:
        yield from lines
    except Exception as error:
        yield f"?{command.id} {sentence(error)}"


def say(output: TextIO, text: str) -> None:
    output.write(text)
    output.flush()


class Inbox:
    """Lines of a file descriptor, read by a thread, so that a search can see that something has
    come.

    The thread reads the descriptor itself: left behind in a read of `sys.stdin`, it would hold a
    lock that Python wants when it ends.
    """

    def __init__(self, descriptor: int, longest: int = LONGEST_COMMAND):
        self.longest = longest  # bytes of a line
        self.chunks: Queue[bytes] = Queue(MOST_CHUNKS)  # b"" is the end
        self.lines: deque[bytes] = deque()  # whole ones
        self.begun, self.has_ended = b"", False  # the line that has no end yet
        Thread(target=self._read, args=(descriptor,), daemon=True).start()

    def _read(self, descriptor: int) -> None:
        with suppress(OSError):
            while chunk := os.read(descriptor, 1 << 16):
                self.chunks.put(chunk)
        self.chunks.put(b"")

    def has_more(self) -> bool:
        """Has anything come that was not read as a line yet, or the end?"""
        return bool(self.lines or self.begun) or self.has_ended or not self.chunks.empty()

    def has_line(self) -> bool:
        """Is there a whole line, or the end? (Then `line` does not wait.)"""
        self._collect()
        return self.has_ended or bool(self.lines)

    def is_interrupted(self) -> bool:
        """Has GoGui's interrupt come? It is so until the lines up to it are read."""
        self._collect()
        return INTERRUPT in self.begun or any(INTERRUPT in line for line in self.lines)

    def wait(self) -> None:
        """Until something has come."""
        if not self.has_more():
            self._take(self.chunks.get())

    def line(self) -> bytes | None:
        """The next line, cut behind `longest` + 1 bytes; None at the end."""
        while not self.lines and not self.has_ended:
            self._take(self.chunks.get())
        if self.lines:
            return self.lines.popleft()
        last, self.begun = self.begun, b""
        return last or None

    def _collect(self) -> None:
        while len(self.lines) < MOST_LINES and not self.chunks.empty():
            self._take(self.chunks.get())

    def _take(self, chunk: bytes) -> None:
        self.has_ended = not chunk
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            self.lines.append((self.begun + line)[: self.longest + 1])
            self.begun = b""
        self.begun = (self.begun + rest)[: self.longest + 1]
