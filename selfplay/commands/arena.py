"""The command `arena`."""

import sys
from argparse import ArgumentParser
from dataclasses import asdict

from selfplay.commands.options import (
    PLAYERS,
    add_game,
    add_option,
    add_precision,
    common_game,
    precision,
)

HELP = "let players meet; ratings with intervals"
GAMES, MOST_GAMES = 100, 2000


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("players", nargs="+", metavar="PLAYER", help=PLAYERS)
    add_game(command, "needed if no player is a checkpoint")
    command.add_argument(
        "--games",
        type=int,
        metavar="N",
        help=f"of each pair of players; {GAMES} if not given, at most {MOST_GAMES} with --sprt",
    )
    command.add_argument(
        "--sprt",
        nargs=2,
        type=float,
        metavar=("ELO0", "ELO1"),
        help="two players: play until it is clear which of these is the difference",
    )
    command.add_argument(
        "--opening-plies", type=int, default=4, metavar="N", help="random plies before, at most"
    )
    command.add_argument(
        "--openings",
        choices=("random", "book"),
        default="random",
        help="random plies, or the game's book of balanced openings",
    )
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--json", action="store_true")
    add_option(command)
    add_precision(command)


def run(options) -> None:
    """Play all pairs of players against each other, with paired openings; ratings with 95 %
    intervals. Or two players, until a sequential test has its answer."""
    from selfplay.matches.openings import book_openings, random_openings
    from selfplay.matches.player_names import parse_name
    from selfplay.matches.players import create
    from selfplay.matches.sprt import Sprt

    if len(options.players) < 2:
        raise ValueError("an arena needs two players or more")
    if options.sprt and len(options.players) > 2:
        raise ValueError("--sprt needs two players")
    test = Sprt(*options.sprt) if options.sprt else None
    games = options.games if options.games is not None else MOST_GAMES if options.sprt else GAMES
    if games < 1 or options.opening_plies < 0:
        raise ValueError("--games must be at least 1 and --opening-plies not negative")
    names = [parse_name(text) for text in options.players]
    game = common_game(names, options.game, options.option)
    asked = precision(options)
    seated = [create(name, game, options.seed + i, asked) for i, name in enumerate(names)]
    pairs = (games + 1) // 2
    if options.openings == "book":
        starts = book_openings(game, pairs, options.seed)
    else:
        starts = random_openings(game, pairs, options.opening_plies, options.seed)
    if test is not None:
        decide(options, game, seated, starts, games, test)
    else:
        rate_all(options, game, seated, starts, games)


def rate_all(options, game, seated, starts, games: int) -> None:
    from selfplay.commands.report import print_json, tournament_table
    from selfplay.matches.arena import misfits, tournament

    matches, elo, width = tournament(game, seated, starts, games, show_progress)
    strange = misfits(matches, elo)
    if options.json:
        ratings = [
            {"player": p.name, "precision": p.precision, "elo": e, "interval": w}
            for p, e, w in zip(seated, elo, width)
        ]
        print_json(
            {
                "game": game.name,
                "matches": [m.as_json() for m in matches],
                "ratings": ratings,
                "misfits": [asdict(found) for found in strange],
            }
        )
    else:
        tournament_table(matches, seated, elo, width, strange)


def decide(options, game, seated, starts, games: int, test) -> None:
    from selfplay.commands.report import print_json, sprt_table
    from selfplay.matches.arena import sequential_match

    match = sequential_match(game, *seated, starts, games, test, show_llr)
    if sys.stderr.isatty():
        print(file=sys.stderr)  # ends the line of progress
    llr = test.llr(match.pair_scores[match.evidence])
    if options.json:
        low, high = test.bounds
        result = asdict(test) | {"llr": llr, "low": low, "high": high}
        result |= {"accepted": test.accepted(llr)}
        print_json({"game": game.name, "matches": [match.as_json()], "sprt": result})
    else:
        sprt_table(match, seated, test, llr)


def show_progress(done: int, games: int) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{done} of {games} games finished ",
            end="" if done < games else "\n",
            file=sys.stderr,
            flush=True,
        )


def show_llr(done: int, most: int, llr: float) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{done} of at most {most} games, log-likelihood ratio {llr:+.2f} ",
            end="",
            file=sys.stderr,
            flush=True,
        )
