"""Ctrl-C, wherever it hits: a KeyboardInterrupt that reaches the command line, and nothing else.

Python raises KeyboardInterrupt between any two steps of the program. While Numba compiles, that may
be in a function that C calls (LLVM has finished an object, a weak reference says farewell). C
cannot hand the exception on: it prints and drops it, and the program goes on as if nobody had
asked, or fails later with another exception, because what it called was never done. So a dropped
interrupt is raised again a moment later, and an exception behind an interrupt counts as one.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STOPPED = 130  # the exit code
# seconds from a dropped interrupt to the next: C is out of the function by then, people do not
# notice
REPEAT_AFTER = 0.02


@contextmanager
def obeyed() -> Iterator[None]:
    """Inside, SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt, which is not lost. For the main
    thread; handlers that were there before come back. SIGINT and SIGHUP stay ignored where they
    are, as in the background of a script or under nohup."""
    asked, dropped, owner = [], [], os.getpid()

    def ask(number, frame) -> None:
        # a process that a library has forked, such as OpenVINO's report of its use
        if os.getpid() != owner:
            os._exit(128 + number)
        asked.append(number)
        dropped.clear()
        raise KeyboardInterrupt

    def drop(unraisable) -> None:
        if not isinstance(unraisable.exc_value, KeyboardInterrupt):
            return hook(unraisable)
        dropped.append(unraisable.exc_type)
        signal.setitimer(signal.ITIMER_REAL, REPEAT_AFTER)

    numbers = [signal.SIGTERM, signal.SIGALRM]
    numbers += [
        n for n in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, ask) for number in numbers}
    hook, sys.unraisablehook = sys.unraisablehook, drop
    try:
        yield
    except Exception:
        if asked:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
    if dropped:
        raise KeyboardInterrupt


def end_at_once() -> None:
    """From here on, while a process that was stopped is ending, the next signal of the kind ends it
    without more words."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: os._exit(STOPPED))
