"""The command `play`."""

import os
import shlex
from argparse import ArgumentParser

from selfplay.commands.options import (
    OWN_GAME,
    PLAYERS,
    add_option,
    add_precision,
    named,
    numbers,
    precision,
)

HELP = "play in a terminal"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument(
        "opponent", metavar="GAME|CHECKPOINT|RUN", help="a game, or who to play against"
    )
    command.add_argument(
        "--side", choices=["first", "second", "random"], default="first", help="yours"
    )
    command.add_argument(
        "--first", metavar="PLAYER", help=f"who moves first instead of you: {PLAYERS}"
    )
    command.add_argument("--second", metavar="PLAYER", help="who moves second")
    command.add_argument(
        "--hint", metavar="PLAYER", help="who answers `hint` (default: the engine at the board)"
    )
    command.add_argument(
        "--time",
        metavar="5m+3s",
        help="clocks for both sides: 10m, 5m+3s (3 s more a move), 10m+5x30s "
        "(5 periods of 30 s), 10m+25/5m (25 moves in 5 m), 30s/move; an engine whose name says how "
        "much it searches does no more than that",
    )
    command.add_argument("--ponder", action="store_true", help="let the engine think while you do")
    command.add_argument("--game", metavar="GAME|FILE.py", help=OWN_GAME)
    start = command.add_mutually_exclusive_group()
    start.add_argument("--load", metavar="FILE", help="go on with a saved game, or an .sgf")
    start.add_argument("--moves", metavar="'4 4 3'", default="", help="begin after these moves")

    add_option(command)
    add_precision(command)


def run(options) -> None:
    """Play against a checkpoint, a run, or any player; or watch two players."""
    import random

    import games as library
    from selfplay.faces.saved_game import load_record, parse_moves
    from selfplay.faces.terminal import sit_down
    from selfplay.matches.player_names import parse_name
    from selfplay.matches.players import create
    from selfplay.searching.time_control import NO_LIMIT, parse

    control = parse(options.time) if options.time is not None else NO_LIMIT
    asked = named(options.game) if options.game else None
    names = {}  # the parsed names of players, by text
    is_board = options.opponent.rstrip("0123456789") in library.FAMILIES and not os.path.exists(
        options.opponent
    )
    is_file = library.is_own(options.opponent) and not os.path.isdir(options.opponent)
    if is_board or is_file or options.opponent in library.names():
        game, opponent = named(options.opponent), "mcts:1000"
    else:
        opponent = options.opponent
        names[opponent] = parse_name(opponent)
        game = names[opponent].game(asked) or asked
        if game is None:
            raise ValueError(
                f"{opponent!r} plays any game; say which: selfplay play GAME --second {opponent}"
            )
    if asked is not None and asked.name != game.name:
        raise ValueError(f"{opponent!r} plays {game.name}, not {asked.name}")
    game = game.with_options(**numbers(options.option))
    side = random.choice(["first", "second"]) if options.side == "random" else options.side
    seats = [options.first, options.second]
    if seats == [None, None]:
        seats[0 if side == "second" else 1] = opponent
    record = load_record(options.load, game) if options.load else None
    moves = parse_moves(options.moves, game)
    adviser = options.hint or next((text for text in seats if text), opponent)
    asked = precision(options)
    made = {
        text: create(names.get(text, text), game, precision=asked)
        for text in {*seats, adviser} - {None}
    }
    first, second = (made.get(text) for text in seats)
    again = play_command(options, side)
    sit_down(
        game,
        first,
        second,
        made[adviser],
        moves,
        again,
        record=record,
        control=control,
        ponders=options.ponder,
    )


def play_command(options, side: str) -> str:
    """The command that sits down to the same game again."""
    words = ["selfplay", "play", options.opponent, "--side", side]
    for name in ("first", "second", "hint", "time", "game"):
        if getattr(options, name):
            words += [f"--{name}", getattr(options, name)]
    words += ["--precision", options.precision] if options.precision != "auto" else []
    words += ["--ponder"] if options.ponder else []
    for option in options.option:
        words += ["--option", option]
    return shlex.join(words)
