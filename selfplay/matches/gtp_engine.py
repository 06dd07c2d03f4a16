"""Players that are outside programs: `gtp:COMMAND` runs a program (no shell) and speaks the Go Text
Protocol with it.

A program holds one game, and matches play many side by side. So before each move we send the
missing moves, or clear the board and replay the game. The program gets the board's size and komi;
we count the result ourselves. In Go every stone on the board counts, and superko is positional: a
program must take dead stones off and know that rule (GNU Go does with
`--chinese-rules --capture-all-dead --positional-superko`).

A program that refuses a pass which is the only legal move is taken to pass by itself (GRhino, for
Othello, does). One that dies, hangs, floods, breaks the protocol or the rules is ended, and a
ValueError names it and its last words. How much it prints before that is bounded, and how long it
takes too.
"""

import os
import select
import shlex
import signal
import subprocess
import time
import weakref
from collections import deque
from contextlib import suppress
from threading import Thread

import numpy as np

from games.game import Game, Position
from games.quoting import quoted
from native import abi
from selfplay.messages import one_line
from selfplay.searching.clock import Clock, PlayerClock
from selfplay.searching.time_control import NO_LIMIT, TimeControl

RESIGN = -1  # among a player's answers: no action, the game is given up
TIMEOUT = 60.0  # seconds for one answer
FAREWELL = 1.0  # seconds that a program has to end after `quit`
LONGEST_ANSWER = 1 << 20  # bytes
MOST_EMPTY = 1000  # lines in place of an answer
LAST_WORDS = 200  # characters of what a program said on standard error


class Program:
    """A running program, the leader of a process group of its own, and what it answers."""

    def __init__(self, name: str, command: list[str], timeout: float = TIMEOUT):
        """ValueError if it cannot be started."""
        self.name, self.timeout = one_line(name), timeout
        pipe = subprocess.PIPE
        try:
            # A group of its own: it can be ended with all it has started, and Ctrl-C is not its
            # business.
            self.process = subprocess.Popen(
                command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
            )
        except OSError as error:
            raise ValueError(f"{self.name} cannot be started: {error.strerror}") from None
        except ValueError:  # a NUL, or a letter that no file name can hold
            raise ValueError(f"{self.name} cannot be started: this is no command") from None
        os.set_blocking(self.process.stdin.fileno(), False)
        self.received, self.was_asked = b"", False
        self.last_words: deque[bytes] = deque(maxlen=3)
        self.listener = Thread(
            target=keep_last_words, args=(self.process.stderr, self.last_words), daemon=True
        )
        self.listener.start()
        # when nobody needs it any more, or Python exits
        self._at_last = weakref.finalize(self, end_program, self.process)

    def ask(self, *commands: str) -> list[tuple[bool, str]]:
        """(success, text) of each command's answer. ValueError if there is none in time or it is no
        answer."""
        if self.was_asked:
            self._refuse_unasked()
        self.was_asked = True
        self._send("".join(f"{command}\n" for command in commands).encode())
        return [self._answer() for _ in commands]

    def close(self, patience: float = FAREWELL) -> None:
        if self._at_last.detach():
            end_program(self.process, patience)

    def failure(self, what: str) -> ValueError:
        """The error that says so, after the program's end."""
        self.close(0.0)
        self.listener.join(1.0)
        words = " ".join(b" ".join(self.last_words).decode("utf-8", "replace").split())[
            -LAST_WORDS:
        ]
        return ValueError(
            f"{self.name} {what}" + (f"; it said: {one_line(words)}" if words else "")
        )

    def _refuse_unasked(self) -> None:
        """An answer that has come since the last one is no answer to what is asked next. (Other
        text will be refused as one.)"""
        if select.select([self.process.stdout.fileno()], [], [], 0.0)[0]:
            self._read()
        self.received = self.received.lstrip()
        if self.received[:1] in (b"=", b"?"):
            unasked = self.received.decode("utf-8", "replace").strip()
            raise self.failure(f"printed {quoted(unasked, 80)} without being asked")

    def _send(self, data: bytes) -> None:
        deadline = time.monotonic() + self.timeout
        output, commands = self.process.stdout.fileno(), self.process.stdin.fileno()
        with suppress(OSError):  # it reads no more; what it has said meanwhile tells why
            while data:
                left = max(0.0, deadline - time.monotonic())
                readable, writable, _ = select.select([output], [commands], [], left)
                if writable:
                    data = data[os.write(commands, data) :]
                elif readable:  # it waits for a reader itself
                    self._read()
                else:
                    raise self.failure(f"took no command in {self.timeout:g} s")

    def _answer(self) -> tuple[bool, str]:
        deadline, empty = time.monotonic() + self.timeout, 0
        while not (first := self._line(deadline)):
            if (empty := empty + 1) > MOST_EMPTY:
                raise self.failure("prints empty lines and no answer")
        if first[0] not in "=?":
            raise self.failure(f"answered {quoted(first, 80)}, which is not the Go Text Protocol")
        lines, size = [first[1:]], 0
        while line := self._line(deadline):
            lines.append(line)
            if (size := size + len(line) + 1) > LONGEST_ANSWER:
                raise self.failure("does not stop answering")
        return first[0] == "=", "\n".join(lines).strip()

    def _line(self, deadline: float) -> str:
        output = self.process.stdout.fileno()
        while b"\n" not in self.received:
            # checked whether or not there is more: a drip never ends
            left = deadline - time.monotonic()
            if left <= 0.0 or not select.select([output], [], [], left)[0]:
                raise self.failure(f"gave no answer in {self.timeout:g} s")
            self._read()
        line, _, self.received = self.received.partition(b"\n")
        return line.decode("utf-8", "replace").strip()

    def _read(self) -> None:
        if not (data := os.read(self.process.stdout.fileno(), 1 << 16)):
            raise self.failure(self._death())
        self.received += data
        if len(self.received) > LONGEST_ANSWER:
            raise self.failure("does not stop answering")

    def _death(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(FAREWELL)
            return (
                f"ended with exit code {code}"
                if code >= 0
                else f"was ended by {signal.Signals(-code).name}"
            )
        return "closed its output"


def keep_last_words(stream, last_words: deque[bytes]) -> None:
    """Keep the newest of what a program says beside its answers, so that it never waits for a
    reader."""
    with stream, suppress(OSError):
        while data := os.read(stream.fileno(), 1 << 16):
            last_words.append(data[-LAST_WORDS:])


def end_program(process: subprocess.Popen, patience: float = FAREWELL) -> None:
    """Ask a program to quit, then end it and all it has started; nothing of it is left to be waited
    for."""
    with suppress(OSError):
        process.stdin.write(b"quit\n")
    with suppress(OSError):
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


class EnginePlayer:
    """An outside engine as a player. A program holds one game, so before each move it is sent the
    moves that it lacks."""

    needs_moves = True
    precision: str | None = None  # it computes as it likes

    def __init__(self, name: str, game: Game, timeout: float = TIMEOUT):
        """`name` is gtp:COMMAND. ValueError if the program does not start or play on this board."""
        self.name, self.game = name, game
        self.word = "genmove"  # what it is asked for moves by
        try:
            command = shlex.split(name.removeprefix("gtp:"))
        except ValueError as error:
            raise ValueError(f"player {quoted(name)}: {str(error).lower()}") from None
        if not command:
            raise ValueError(f"player {quoted(name)}: no command after gtp:")
        self.program = Program(name, command, timeout)
        self.held: tuple[int, ...] | None = None  # the game it holds
        self.control = NO_LIMIT  # what it was told of time
        self._demand("protocol_version")
        if game.rows == game.columns:
            self._demand(f"boardsize {game.rows}")

    def choose(self, states: np.ndarray, moves: list[list[int]] | None = None) -> np.ndarray:
        """As `players.Player.choose`, or RESIGN. ValueError without `moves`."""
        if moves is None:
            raise ValueError(
                f"{self.program.name} plays games from their start, not single positions"
            )
        return np.array(
            [self._choose(tuple(played), state) for played, state in zip(moves, states)], np.int32
        )

    def score(self, moves: tuple[int, ...]) -> str:
        """The engine's own score of the game after these moves, such as B+3.5."""
        self._reach(moves)
        return self._demand("final_score")

    def knows(self, command: str) -> bool:
        success, text = self.program.ask(f"known_command {command}")[0]
        return success and text.lower() == "true"

    def analyse(self, state: np.ndarray) -> None:
        return None

    def tell_time(self, clock: Clock) -> None:
        """What both sides have left, as well as the program understands time; it may take all of it
        to answer."""
        if clock.control != self.control:
            self.control = clock.control
            *faithful, plain = time_settings_commands(clock.control)
            self.program.ask(
                next((words for words in faithful if self.knows(words.split()[0])), plain)
            )
        self.program.ask(
            *(
                f"time_left {colour} {time_left_words(left)}"
                for colour, left in zip("bw", clock.sides)
            )
        )
        most = max(
            left.main + left.period + left.control.period * left.periods for left in clock.sides
        )
        self.program.timeout = max(self.program.timeout, most + TIMEOUT)

    def _choose(self, moves: tuple[int, ...], state: np.ndarray) -> int:
        position = self._reach(moves)
        if position.key != abi.call_key(self.game.rules, state):
            raise ValueError(
                f"{self.program.name} can only be told games that begin as {self.game.name} always "
                "does"
            )
        answer = self._demand(f"{self.word} {'bw'[position.mover]}")
        if answer.lower() == "resign":
            self.held = None
            return RESIGN
        self.held = (*moves, self._legal(position, answer))
        return self.held[-1]

    def _legal(self, position: Position, answer: str) -> int:
        try:
            action = self.game.parse(answer)
        except ValueError:
            raise self.program.failure(f"answered {self.word} with {quoted(answer, 80)}") from None
        if action not in position.legal:
            raise self.program.failure(
                f"chose {told(answer)}, which is not legal after {position.plies} moves"
            )
        return action

    def _reach(self, moves: tuple[int, ...]) -> Position:
        """Bring the engine to the position after `moves`, which is returned."""
        known = (
            self.held if self.held is not None and moves[: len(self.held)] == self.held else None
        )
        if known is None:
            self._clear()
        position, commands, forced = self.game.start(), [], []
        for ply, action in enumerate(moves):
            if ply >= len(known or ()):
                word = self.game.format(action)
                commands.append(f"play {'bw'[position.mover]} {word}")
                forced.append(word == "pass" and len(position.legal) == 1)
            position.play(action)
        for command, is_forced, (success, text) in zip(
            commands, forced, self.program.ask(*commands)
        ):
            if not success and not is_forced:
                raise self.program.failure(f"refuses `{command}`: {told(text)}")
        self.held = moves
        return position

    def _clear(self) -> None:
        """The empty board, with the options that engines can be told."""
        self._demand("clear_board")
        if "komi" in self.game.options:
            self._demand(f"komi {self.game.options['komi']:g}")
        if self.game.options.get("handicap", 0) >= 2:
            self._demand(f"fixed_handicap {self.game.options['handicap']:g}")

    def _demand(self, command: str) -> str:
        success, text = self.program.ask(command)[0]
        if not success:
            raise self.program.failure(f"refuses `{command}`: {told(text)}")
        return text


def told(text: str) -> str:
    """The beginning of what a program answered, on one line."""
    return one_line(" ".join(text.split())[:80])


def time_settings_commands(control: TimeControl) -> list[str]:
    """The commands that tell a program of a time control, the most faithful first, the protocol's
    own last: that knows whole seconds, and neither increments nor periods for one move."""
    main, period = round(control.main), max(1, round(control.period))
    if control.increment:
        return [
            f"kata-time_settings fischer {control.main:g} {control.increment:g}",
            f"time_settings {main} 0 0",
        ]
    if not control.periods:
        return [f"time_settings {main} 0 0"]
    plain = f"time_settings {main} {period} {control.moves}"
    if control.moves > 1:
        return [plain]
    return [f"kgs-time_settings byoyomi {main} {period} {control.periods}", plain]


def time_left_words(left: PlayerClock) -> str:
    """SECONDS STONES, as `PlayerClock.with_time_left` reads it."""
    if left.main > 0 or not left.periods:
        return f"{int(left.main)} 0"
    return f"{int(left.period)} {left.periods if left.control.moves == 1 else left.moves}"
