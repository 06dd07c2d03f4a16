"""The command `exam`."""

from argparse import ArgumentParser

from selfplay.commands.options import OWN_GAME, add_precision, named, precision

HELP = "grade a checkpoint against exact truth, alone and with search"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument(
        "player", metavar="CHECKPOINT", help="a checkpoint or run, with @N for N simulations"
    )
    command.add_argument("--positions", type=int, metavar="N", help="only so many")
    command.add_argument("--game", metavar="GAME|FILE.py", help=OWN_GAME)
    command.add_argument("--json", action="store_true")
    add_precision(command)


def run(options) -> None:
    """Share of exam positions whose exact value the network keeps, alone and with search."""
    from selfplay.commands.report import exam_table, examine, print_json

    result = examine(
        options.player,
        options.positions,
        named(options.game) if options.game else None,
        precision(options),
    )
    print_json(result) if options.json else exam_table(result)
