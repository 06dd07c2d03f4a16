"""The command `train`."""

from argparse import ArgumentParser

HELP = "learn a game from nothing, or go on with a run"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument(
        "preset", nargs="?", metavar="PRESET|FILE.toml", help="what to train; see selfplay/presets/"
    )
    command.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/PRESET)")
    command.add_argument(
        "--resume", action="store_true", help="go on with the run in --out, with its own settings"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="such as learner.learning_rate=0.001",
    )
    command.add_argument(
        "--actors", type=int, metavar="N", help="processes that play; 0: threads of this one do"
    )
    command.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster to play on")
    command.add_argument(
        "--lockstep",
        action="store_true",
        help="play, learn and measure in turn; with --actors 0 a seed then repeats the run",
    )
    command.add_argument(
        "--time",
        metavar="30m",
        help="stop after so long (s, m, h); the learning rate falls in time",
    )
    command.add_argument(
        "--game",
        metavar="GAME|FILE.py",
        help="in place of the preset's; with --resume, to let a file run",
    )


def run(options) -> None:
    """Learn a game from nothing. Stopped or killed at any time, the same command goes on."""
    from selfplay.actors.ray_session import parse_address

    if options.address is not None:  # before what takes long to import
        parse_address(options.address)
    from selfplay.commands.training import train

    settings = options.preset, options.out, options.resume, options.set
    more = options.actors, options.address, options.time, options.game, options.lockstep
    train(*settings, *more)
