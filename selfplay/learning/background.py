"""A task in a thread of its own, which its owner can look after and stop."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Stopped(Exception):
    """The owner has asked the task to end."""


class Background(Generic[Result]):
    """Runs `task(go_on)` beside its owner, from `with` to the end of its block.

    The task calls `go_on()` often: it raises Stopped once the owner has left the block with an
    exception. The owner calls `check()` often: it raises what the task has raised. So neither waits
    for one that will never come.
    """

    def __init__(self, task: Callable[[Callable[[], None]], Result]):
        self.task, self.stop = task, Event()
        self.answer: Result | None = None
        self.error: BaseException | None = None
        self.thread = Thread(target=self._run, name="learner")

    def _run(self) -> None:
        try:
            self.answer = self.task(self._go_on)
        except BaseException as error:
            self.error = error

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def check(self) -> None:
        """Raise what the task has raised so far."""
        if self.error is not None:
            raise self.error

    def result(self) -> Result:
        """Wait for the task; what it returned. Raises what it raised."""
        self.thread.join()
        self.check()
        return self.answer

    def __enter__(self) -> "Background[Result]":
        self.thread.start()
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if error is not None:
            self.stop.set()
        self.thread.join()
