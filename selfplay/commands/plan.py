"""The command `plan`."""

from argparse import ArgumentParser

HELP = "what a run will cost and give on this machine"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("preset", metavar="PRESET", help="a preset or a TOML file, as for train")
    command.add_argument(
        "--hours", type=float, metavar="H", help="how long; else as the preset says"
    )
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting"
    )
    command.add_argument("--actors", type=int, metavar="N", help="else as many as train would take")
    command.add_argument("--json", action="store_true")


def run(options) -> None:
    """Measure actors and learner side by side for some seconds, and go through the run with these
    speeds."""
    import math
    from dataclasses import asdict

    if options.hours is not None and not 0 < options.hours < math.inf:
        raise ValueError("--hours must be more than 0")
    from selfplay.commands.planning import plan, show
    from selfplay.commands.report import print_json

    found = plan(options.preset, options.set, options.hours, options.actors)
    if not options.json:
        return show(found)
    print_json(
        {
            "preset": found.preset,
            "game": found.settings.game,
            "speeds": asdict(found.speeds),
            "forecast": asdict(found.forecast),
            "strength": [asdict(each) for each in found.strength],
        }
    )
