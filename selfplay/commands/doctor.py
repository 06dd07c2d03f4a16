"""The command `doctor`."""

from argparse import ArgumentParser

HELP = "what holds a run back, and the first thing to change"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("folder", metavar="RUN", help="a run's folder")
    command.add_argument("--json", action="store_true")


def run(options) -> None:
    """Read a run's ledger, and say at most three things, the worst first."""
    from dataclasses import asdict
    from pathlib import Path

    from selfplay.commands.report import print_json
    from selfplay.learning.doctor import FEWEST, diagnose
    from selfplay.storage.ledger_file import read_ledger
    from selfplay.storage.run_settings import stored_config

    folder = Path(options.folder)
    if not (folder / "config.toml").exists():
        raise ValueError(f"{folder} is no run's folder")
    entries = read_ledger(folder)
    found = diagnose(entries, stored_config(folder))
    if options.json:
        return print_json(
            {"run": str(folder), "generations": len(entries), "findings": [*map(asdict, found)]}
        )
    if len(entries) < FEWEST:
        print(f"{folder} has {len(entries)} generations; {FEWEST} are needed to say anything")
    elif not found:
        print(f"nothing holds {folder} back that its ledger of {len(entries)} generations shows")
    for number, finding in enumerate(found, 1):
        print(f"{number}. {finding.figure}\n   {finding.means}\n   change: {finding.change}")
