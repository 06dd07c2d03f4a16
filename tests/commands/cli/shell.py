"""The command line for the tests that call it."""

import signal
import subprocess
import time

from selfplay import cli


def selfplay(*arguments: str, capsys) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a command run in this process."""
    try:
        code = cli.main(list(arguments))
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    return code, said.out, said.err


def interrupted(command, folder, is_time, pause: float, **options) -> tuple[int, str, str]:
    """Exit code and outputs of a command that gets Ctrl-C as soon as is_time() says so."""
    # Tests that run in the background of a script inherit its deafness to Ctrl-C.
    hear = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=folder, preexec_fn=hear, **pipes, **options)
    while not is_time():
        assert process.poll() is None, process.communicate()
        time.sleep(pause)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
