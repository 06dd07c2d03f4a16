"""Does the doctor find what is wrong? `python benchmarks/strength/spoiled.py [NAME ...]`

Small runs of Connect Four, of which all but one are spoiled on purpose; printed is what
`selfplay doctor` says first of each. Finished runs are not trained again. With `--keep` their
ledgers go to tests/data/doctor, where a test holds the doctor to them.
"""

import argparse
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from selfplay.commands import training
from selfplay.learning.doctor import diagnose
from selfplay.learning.learner import Learner
from selfplay.storage.ledger_file import read_ledger
from selfplay.storage.run_settings import stored_config

KEPT = Path(__file__).parents[2] / "tests" / "data" / "doctor"
BASE = {
    "network.blocks": 2,
    "network.channels": 24,
    "network.precision": "fp32",
    "search.simulations": "[16]",
    "actor.local_actors": 1,
    "actor.opening_fraction": 0.8,
    "actor.opening_plies": 8,
    "replay.rows_per_generation": 5000,
    "replay.window_min": 20000,
    "replay.samples_per_row": 3,
    "learner.threads": 1,
    "ledger.games": 0,
    "ledger.positions": 300,
    "generations": 9,
    "minutes": 0,
}
SPOILED = {  # name -> (what is changed, the finding that should come first)
    "healthy": ({}, None),
    "value sign": ({}, "value sign"),
    "rate": ({"learner.learning_rate": 0.1}, "learning rate"),
    "no noise": (
        {"exploration.gumbel_scale": 0, "actor.opening_fraction": 0.1},
        "few openings",
    ),
    # in so few generations noise alone keeps the games apart, and there is nothing to find
    "one opening": ({"actor.opening_fraction": 0}, None),
    "one generation": (
        {"replay.window_min": 5000, "replay.window_growth": 0, "replay.samples_per_row": 20},
        "memorised",
    ),
    "small network": ({"network.blocks": 1, "network.channels": 8}, "small network"),
    "starved": ({"replay.samples_per_row": 0.2, "lockstep": "false"}, "learner wait"),
}


def train(name: str, folder: Path) -> None:
    if name == "value sign":
        tensors = Learner._tensors

        def flipped(learner, rows):
            found = tensors(learner, rows)
            return found | {"value": -found["value"], "outcome": -found["outcome"]}

        Learner._tensors = flipped
    settings = BASE | {"lockstep": "true"} | SPOILED[name][0]
    changes = [f"{key}={value}" for key, value in settings.items()]
    training.train("connect4-quick", str(folder), False, changes, 0, None, None)


def row(name: str, folder: Path) -> str:
    found = diagnose(read_ledger(folder), stored_config(folder))
    names = ", ".join(finding.name for finding in found) or "nothing"
    is_right = SPOILED[name][1] == (found[0].name if found else None)
    return f"{name:<16}{'right' if is_right else 'WRONG':<8}{names}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SPOILED)}; all")
    parser.add_argument("--out", type=Path, default=Path("runs/spoiled"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    names = options.names or list(SPOILED)
    folders = {name: options.out / name.replace(" ", "-") for name in names}
    with ProcessPoolExecutor(options.processes, max_tasks_per_child=1) as pool:
        list(pool.map(train, folders, folders.values()))
    for name, folder in folders.items():
        print(row(name, folder))
        if options.keep:
            KEPT.mkdir(exist_ok=True)
            shutil.copy(folder / "ledger.jsonl", KEPT / f"{folder.name}.jsonl")
            shutil.copy(folder / "config.toml", KEPT / f"{folder.name}.toml")


if __name__ == "__main__":
    main()
