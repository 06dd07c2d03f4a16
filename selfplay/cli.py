"""The command `selfplay`: parse and call. Each module of `selfplay.commands` that has a command's
name brings its arguments and what it does; heavy packages are imported where they are used, so that
--help is instant.

Bad input ends in one line on standard error and exit code 2; Ctrl-C in a line that says how to go
on, and exit code 130.
"""

import argparse
import os
import shlex
import sys
from contextlib import suppress
from difflib import get_close_matches

from selfplay.commands import (
    analysis,
    arena,
    bench,
    check,
    doctor,
    exam,
    games,
    gtp,
    interrupt,
    plan,
    play,
    streams,
    train,
)

COMMANDS = (games, plan, train, doctor, play, arena, gtp, analysis, exam, bench, check)
DESCRIPTION = (
    "Self-play game engines after AlphaZero: search amplifies, learning distils, both are measured."
)


class Parser(argparse.ArgumentParser):
    """Errors in one line; a mistyped command is answered with the nearest one."""

    def error(self, message: str) -> None:
        if "invalid choice" in message and (choices := self._choices()):
            word = message.split("'")[1]
            near = get_close_matches(word, choices, 1, 0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"commands: {', '.join(choices)}"
            message = f"unknown command {word!r}; {hint}"
        self.exit(fail(message, 2))

    def _choices(self) -> list[str]:
        return [
            name
            for action in self._actions
            if isinstance(action.choices, dict)
            for name in action.choices
        ]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code. Without `arguments` those of this process, which is then
    expected to end."""
    streams.make_usable()
    try:
        with interrupt.obeyed():
            return run(arguments)
    except KeyboardInterrupt:
        if arguments is None:
            interrupt.end_at_once()
        return fail(f"stopped{again(arguments)}", 130)
    except BrokenPipeError:
        streams.silence(sys.stdout)
        streams.silence(sys.stderr)
        return 141
    except (ChildProcessError, ConnectionError) as error:  # actors or their cluster are lost
        return fail(f"{error}{again(arguments)}", 1)
    except ValueError as error:
        return fail(str(error), 2)
    except MemoryError as error:
        return fail(f"not enough memory for this: {error}", 2)
    except FloatingPointError as error:
        return fail(str(error), 1)
    except RuntimeError as error:
        if "can't allocate memory" in str(error):  # torch's words on a CPU
            return fail("not enough memory for this: a smaller network or batch would fit", 2)
        # torch's, which is imported where it is used
        if type(error).__name__ != "OutOfMemoryError":
            raise
        return fail(
            "the device's memory is full; fewer actor.games, a smaller learner.batch or network "
            "would fit",
            2,
        )
    # the system's fault or the user's: a disk that is full, a folder that is gone
    except OSError as error:
        if error.filename is None:
            streams.silence(sys.stdout)
        return fail(f"{error.filename or 'the output'}: {error.strerror or error}", 2)


def run(arguments: list[str] | None) -> int:
    try:
        options = parser().parse_args(arguments)
        check_working_directory()
        code = options.run(options) or 0
    except SystemExit as end:  # --help, or a mistake in the words
        code = end.code
    sys.stdout.flush()  # so that a broken pipe or a full disk is met here
    return code


def check_working_directory() -> None:
    """Libraries that are loaded from a folder that is gone end the process in words of their
    own."""
    try:
        os.getcwd()
    except OSError:
        raise ValueError("the working directory is gone; change to one that is there") from None


def again(arguments: list[str] | None) -> str:
    """How a run that was stopped goes on, where the words of the command are known."""
    words = sys.argv[1:]
    return (
        f"; the same command goes on: {shlex.join(['selfplay', *words])}"
        if not arguments and "train" in words[:1]
        else ""
    )


def fail(message: str, code: int) -> int:
    with suppress(OSError):
        print(f"selfplay: {streams.abridged(message)}", file=sys.stderr, flush=True)
    return code


def parser() -> Parser:
    top = Parser(prog="selfplay", description=DESCRIPTION)
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )

    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        command = commands.add_parser(name, help=module.HELP, description=module.run.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return top


if __name__ == "__main__":
    sys.exit(main())
