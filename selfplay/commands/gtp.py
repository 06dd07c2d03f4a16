"""The command `gtp`."""

import sys
from argparse import ArgumentParser

from selfplay.commands.options import PLAYERS, add_game, add_option, add_precision, engine

HELP = "be an engine for programs that speak the Go Text Protocol"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("player", metavar="CHECKPOINT|RUN|PLAYER", help=PLAYERS)
    add_game(command, "needed if the player is no checkpoint")
    command.add_argument(
        "--resign", action="store_true", help="give games up that stay hopeless for several moves"
    )
    command.add_argument("--ponder", action="store_true", help="think while the opponent does")
    add_option(command)
    add_precision(command)


def run(options) -> None:
    """Answer commands of the Go Text Protocol on standard input, for any game; lz-analyze and
    kata-analyze too."""
    from selfplay.faces.gtp import serve

    game, make_player = engine(options.player, options)
    serve(
        game,
        make_player,
        sys.stdin.fileno(),
        sys.stdout,
        options.resign,
        options.ponder,
        load_aloud,
    )


def load_aloud(name: str):
    """A game by its name; standard error says so where that may take seconds."""
    import games as library

    if f"games.{name}" not in sys.modules and sys.stderr is not None:
        print(
            f"selfplay: loading {name}; what was never played here is compiled first",
            file=sys.stderr,
            flush=True,
        )
    return library.load(name)
