"""The command `bench`."""

from argparse import ArgumentParser

from selfplay.commands.options import add_precision, named, precision

HELP = "measure speed"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("what", choices=["rules", "search", "net", "selfplay"])
    command.add_argument("--game", default="connect4")
    command.add_argument("--games", type=int, default=128, metavar="N", help="side by side")
    command.add_argument("--simulations", type=int, default=32, metavar="N")
    command.add_argument(
        "--kind", choices=["gumbel", "puct"], default="gumbel", help="of search, for `search`"
    )
    command.add_argument(
        "--alone", action="store_true", help="`search` in one compiled call, not in batch steps"
    )
    command.add_argument(
        "--tune", action="store_true", help="`selfplay` with as many games as are fastest here"
    )
    command.add_argument("--blocks", type=int, default=4, help="of the network")
    command.add_argument("--channels", type=int, default=48, help="of the network")
    command.add_argument("--device", default="cpu", help="of the network: cpu or cuda")
    command.add_argument(
        "--actors",
        type=int,
        metavar="N",
        help="threads, for `selfplay`: 1; on cuda two a core, up to 8",
    )
    command.add_argument("--repeats", type=int, default=5, metavar="N")
    command.add_argument("--seconds", type=float, default=2.0, help="of each repeat")
    command.add_argument("--json", action="store_true")
    add_precision(command)


def run(options) -> None:
    """Measure positions, simulations or evaluations a second: median and spread of several
    repeats."""
    from selfplay.commands import benchmark
    from selfplay.commands.report import bench_table, print_json

    precision(options)
    named(options.game)
    result = benchmark.run(options)
    print_json(result) if options.json else bench_table(result)
