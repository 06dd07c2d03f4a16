"""Ctrl-C is heard once, wherever it hits: in what C calls, in a compile, in the background of a
script."""

import ctypes
import os
import signal
import sys
import time

import pytest

from selfplay.commands import interrupt
from tests.commands.cli.shell import interrupted
from tests.games.test_own_game import EXAMPLE

pytestmark = pytest.mark.slow

CALLBACK = ctypes.CFUNCTYPE(None)


@pytest.fixture(autouse=True)
def hearing():
    """Tests that run in the background of a script inherit its deafness to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)
    time.sleep(0)  # Python looks at signals between two steps


def test_an_interrupt_that_c_drops_comes_again(capsys):
    went_on = False
    with pytest.raises(KeyboardInterrupt), interrupt.obeyed():
        CALLBACK(ctrl_c)()  # ctypes prints and drops what a callback raises
        went_on = True
        time.sleep(10)
    assert went_on and capsys.readouterr().err == ""


def test_an_interrupt_that_c_drops_at_the_very_end_counts_too():
    with pytest.raises(KeyboardInterrupt), interrupt.obeyed():
        CALLBACK(ctrl_c)()


def test_what_fails_behind_an_interrupt_is_the_interrupt():
    with pytest.raises(KeyboardInterrupt), interrupt.obeyed():
        try:
            ctrl_c()
        except KeyboardInterrupt:
            raise RuntimeError("no compiled object yet") from None


def test_an_interrupt_that_is_answered_is_over():
    with interrupt.obeyed():
        try:
            ctrl_c()
        except KeyboardInterrupt:
            answered = True
    assert answered


def test_other_errors_and_other_dropped_exceptions_are_as_ever(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_type))
    with pytest.raises(ZeroDivisionError), interrupt.obeyed():
        CALLBACK(lambda: {}["missing"])()
        _ = 1 / 0
    assert seen == [KeyError]


def test_handlers_come_back_and_deafness_stays():
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    before, hook = [signal.getsignal(name) for name in names], sys.unraisablehook
    with interrupt.obeyed():
        ctrl_c()
    assert [signal.getsignal(name) for name in names] == before and sys.unraisablehook is hook


@pytest.mark.parametrize("compiled", [1, 3, 5, 7])
def test_ctrl_c_while_a_game_compiles_is_one_line_and_exit_code_130(tmp_path, compiled):
    """The first use of a game; the signal comes when so many of its functions are on disk, in the
    middle of the next one."""
    (tmp_path / "chomp.py").write_text(EXAMPLE)
    command = [sys.executable, "-m", "selfplay.cli", "check", "chomp.py"]
    home = tmp_path / "home"  # what is compiled for a user's own game lies there

    def is_time() -> bool:
        found = home.glob(".cache/selfplay/games/*/__pycache__/*.nbc")
        return len(list(found)) >= compiled

    where = os.environ | {"HOME": str(home)}
    code, out, err = interrupted(command, tmp_path, is_time, 0.002, env=where)
    # Python notes an interrupt that has passed through exec() of a text, as Numba does it, and at
    # its end dies of the same signal; a shell says 130 of both.
    assert code in (130, -signal.SIGINT) and (out, err) == ("", "selfplay: stopped\n")


def test_a_process_that_was_forked_ends_without_words(capfd):
    """OpenVINO's telemetry is one: it inherits the handlers, and printed a traceback where a whole
    group was stopped."""
    with interrupt.obeyed():
        child = os.fork()
        if not child:
            signal.raise_signal(signal.SIGTERM)
            os._exit(1)
        _, status = os.waitpid(child, 0)
    assert (
        os.waitstatus_to_exitcode(status) == 128 + signal.SIGTERM and capfd.readouterr().err == ""
    )
