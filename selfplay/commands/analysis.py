"""The command `analysis`."""

import sys
from argparse import ArgumentParser

from selfplay.commands.options import (
    OWN_GAME,
    PLAYERS,
    add_option,
    add_precision,
    common_game,
    precision,
)

HELP = "be an engine for programs that speak with KataGo's analysis engine, as KaTrain does"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("player", nargs="?", metavar="CHECKPOINT|RUN|PLAYER", help=PLAYERS)
    command.add_argument(
        "--game", metavar="GAME|FILE.py", help=f"needed if the player is no checkpoint; {OWN_GAME}"
    )
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
    from selfplay.matches.player_names import parse_name
    from selfplay.matches.players import create

    if (player := options.player or options.model) is None:
        raise ValueError("name the player: selfplay analysis CHECKPOINT|RUN|PLAYER")
    name = parse_name(player)
    game = common_game([name], options.game, options.option)
    is_patient, asked = not options.quit_without_waiting, precision(options)

    def make_player(wanted):
        return create(name, wanted, precision=asked)

    serve(game, make_player, sys.stdin.fileno(), sys.stdout, is_patient)
