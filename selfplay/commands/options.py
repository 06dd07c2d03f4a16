"""Words that several commands share: their arguments, and what they mean."""

from argparse import ArgumentParser

PLAYERS = (
    "random | mcts:SIMULATIONS | solver | CHECKPOINT[@SIMULATIONS] | RUN[@SIMULATIONS]  (@0: the "
    "network alone; @0.5s, mcts:0.5s: so long a move) | gtp:COMMAND  (an outside engine)"
)
OWN_GAME = "a file of your own that a run was trained with runs only if you name it, now or before"


def add_option(command: ArgumentParser) -> None:
    command.add_argument(
        "--option", action="append", default=[], metavar="NAME=NUMBER", help="of the game: komi=5.5"
    )


def add_game(command: ArgumentParser, needed: str) -> None:
    """`needed`: when it has to be said."""
    command.add_argument("--game", metavar="GAME|FILE.py", help=f"{needed}; {OWN_GAME}")


def add_precision(command: ArgumentParser) -> None:
    names = "auto (the fastest here), fp32, bf16, openvino-fp32, openvino-int8"
    command.add_argument(
        "--precision",
        default="auto",
        metavar="NAME",
        help=f"the network is computed in it: {names}",
    )


def precision(options) -> str:
    """What --precision says, if it is a precision; whether this machine has it is found where a
    network is made."""
    from selfplay.config import PRECISIONS

    if (asked := options.precision) not in PRECISIONS:
        raise ValueError(f"--precision must be one of {', '.join(PRECISIONS)}, not {asked[:40]!r}")
    return asked


def named(text: str):
    """The game that the user names."""
    from selfplay.commands import prove

    return prove.tried_game(text)


def common_game(names: list, asked: str | None, changes: list[str]):
    """The one game that players of these parsed names play and that was asked for, with the options
    of the first checkpoint among them and then --option's."""
    told = named(asked) if asked else None
    found = [game for name in names if (game := name.game(told)) is not None]
    found += [told] if told is not None else []
    if not found:
        raise ValueError("say which --game")
    if len(different := {game.name for game in found}) > 1:
        raise ValueError(f"players of different games: {', '.join(sorted(different))}")
    return found[0].with_options(**numbers(changes))


def engine(text: str, options):
    """(the game that an engine begins with, what makes its player for a game)."""
    from selfplay.matches.player_names import parse_name
    from selfplay.matches.players import create

    name = parse_name(text)
    game, asked = common_game([name], options.game, options.option), precision(options)
    return game, lambda wanted: create(name, wanted, precision=asked)


def numbers(changes: list[str]) -> dict[str, float]:
    """["komi=5.5"] -> {"komi": 5.5}"""
    values = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            raise ValueError(
                f"--option takes NAME=NUMBER, such as komi=5.5, not {change!r}"
            ) from None
    return values
