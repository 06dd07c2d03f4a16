"""The standard streams, whatever the caller left of them: closed, full, gone, or of an encoding
that lacks our letters."""

import errno
import io
import os
import sys
from contextlib import suppress

STREAMS = ("stdin", "stdout", "stderr")
# an answer with a letter that cannot be shown is better than none
ENCODING_ERRORS = "backslashreplace"
LONGEST_MESSAGE = 1000  # letters of a message


class Forgiving(io.TextIOWrapper):
    """Standard error that loses what cannot be written: on a full disk, or when the terminal is
    gone. What a program says on the way is no reason to give its work up; a reader that went away
    is one, as everywhere."""

    def write(self, text: str) -> int:
        with forgiven():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with forgiven():
            super().flush()


class forgiven(suppress):
    """Any error of the system but a broken pipe."""

    def __init__(self):
        super().__init__(OSError)

    def __exit__(self, kind, error, trace) -> bool:
        return not isinstance(error, BrokenPipeError) and bool(super().__exit__(kind, error, trace))


def make_usable() -> None:
    """Open closed descriptors on /dev/null: end of input, and output that goes nowhere. Otherwise
    the next file that is opened, such as a run's, would get their number and be written to by
    whatever prints."""
    for number, name in enumerate(STREAMS):
        if is_closed(number):
            redirect(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors=ENCODING_ERRORS)
    if type(sys.stderr) is io.TextIOWrapper and sys.stderr.fileno() == 2:
        encoding, interactive = sys.stderr.encoding, sys.stderr.isatty()
        sys.stderr = Forgiving(
            open(2, "wb", 0, closefd=False),
            encoding,
            ENCODING_ERRORS,
            line_buffering=interactive,
            write_through=True,
        )


def is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError as error:
        return error.errno == errno.EBADF
    return False


def redirect(number: int) -> None:
    """Let a descriptor read and write /dev/null, here and in processes that are started."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    os.set_inheritable(number, True)


def silence(stream) -> None:
    """What is left to print goes nowhere: the stream takes no more."""
    with suppress(OSError, ValueError):  # it may be no file at all
        redirect(stream.fileno())


def abridged(message: str) -> str:
    """On one line, and with its middle left out where it is too long to be read."""
    message = " ".join(message.split("\n"))
    cut = LONGEST_MESSAGE // 2
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:cut]} ... {message[-cut:]}"
