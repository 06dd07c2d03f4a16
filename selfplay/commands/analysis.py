"""The command `analysis`."""

import sys
from argparse import ArgumentParser

from selfplay.commands.options import PLAYERS, add_game, add_option, add_precision, engine

HELP = "be an engine for programs that speak with KataGo's analysis engine, as KaTrain does"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("player", nargs="?", metavar="CHECKPOINT|RUN|PLAYER", help=PLAYERS)
    add_game(command, "needed if the player is no checkpoint")
    add_option(command)
    add_precision(command)
    command.add_argument(
        "-model", metavar="PLAYER", help="the player, where a program calls us as it calls KataGo"
    )
    command.add_argument(
        "-quit-without-waiting",
        action="store_true",
        help="at the input's end leave what is searched",
    )
    for name in ("-config", "-override-config", "-human-model", "-analysis-threads"):
        command.add_argument(
            name, action="append", metavar="...", help="KataGo's; accepted and not used"
        )


def run(options) -> None:
    """Answer queries, a JSON object a line, as `katago analysis` does; called with its options too.
    In KaTrain, give the path of this command as KataGo's and a run's folder as the model; or the
    whole line as the engine's command."""
    from selfplay.faces.katago import serve

    if (player := options.player or options.model) is None:
        raise ValueError("name the player: selfplay analysis CHECKPOINT|RUN|PLAYER")
    game, make_player = engine(player, options)
    serve(game, make_player, sys.stdin.fileno(), sys.stdout, not options.quit_without_waiting)
