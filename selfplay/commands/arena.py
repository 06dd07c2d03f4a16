"""The command `arena`."""

import sys
from argparse import ArgumentParser

from selfplay.commands.options import (
    PLAYERS,
    add_game,
    add_option,
    add_precision,
    common_game,
    precision,
)

HELP = "let players meet; ratings with intervals"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("players", nargs="+", metavar="PLAYER", help=PLAYERS)
    add_game(command, "needed if no player is a checkpoint")
    command.add_argument(
        "--games", type=int, default=100, metavar="N", help="of each pair of players"
    )
    command.add_argument(
        "--opening-plies", type=int, default=4, metavar="N", help="random plies before, at most"
    )
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--json", action="store_true")
    add_option(command)
    add_precision(command)


def run(options) -> None:
    """Play all pairs of players against each other, with paired openings; ratings with 95 %
    intervals."""
    from selfplay.commands.report import print_json, tournament_table
    from selfplay.matches.arena import tournament
    from selfplay.matches.player_names import parse_name
    from selfplay.matches.players import create

    if len(options.players) < 2:
        raise ValueError("an arena needs two players or more")
    if options.games < 1 or options.opening_plies < 0:
        raise ValueError("--games must be at least 1 and --opening-plies not negative")
    names = [parse_name(text) for text in options.players]
    game = common_game(names, options.game, options.option)
    asked = precision(options)
    seated = [create(name, game, options.seed + i, asked) for i, name in enumerate(names)]
    matches, elo, width = tournament(
        game, seated, options.games, options.opening_plies, options.seed, show_progress
    )
    if options.json:
        ratings = [
            {"player": p.name, "precision": p.precision, "elo": e, "interval": w}
            for p, e, w in zip(seated, elo, width)
        ]
        print_json(
            {"game": game.name, "matches": [m.as_json() for m in matches], "ratings": ratings}
        )
    else:
        tournament_table(matches, seated, elo, width)


def show_progress(done: int, games: int) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{done} of {games} games finished ",
            end="" if done < games else "\n",
            file=sys.stderr,
            flush=True,
        )
