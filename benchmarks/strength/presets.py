"""Does each preset learn? `python benchmarks/strength/presets.py [--out DIR] [PRESET ...]`

Trains it, or goes on with it, then lets the result with 64 simulations meet its own first
generation and a search with 400 random playouts, 100 paired games each. Prints the curve of the
ledger and a row of a table.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import commit

from selfplay.network.hardware import machine
from selfplay.storage import checkpoint
from selfplay.storage.run import read_ledger

PRESETS = ["othello6", "hex7", "breakthrough6", "gomoku9", "go7", "go9"]
GAMES = 100


def selfplay(*arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("selfplay")), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def meet(run: Path, other: str) -> str:
    """Score of the run's newest network with 64 simulations, as won-drawn-lost too."""
    (met,) = json.loads(selfplay("arena", f"{run}@64", other, "--games", str(GAMES), "--json"))[
        "matches"
    ]
    return (
        f"{met['score']:.1%} ({met['wins']}-{met['draws']}-{met['losses']}, "
        f"{met['distinct_games']} distinct)"
    )


def curve(run: Path) -> str:
    """What the ledger measured over the run: gain of search and gap of learning, in Elo."""
    measured = [entry for entry in read_ledger(run) if "gain" in entry]
    return "; ".join(
        f"{e['generation']}: gain {e['gain']:+.0f} gap {e['gap']:+.0f} kl {e['kl']:.2f}"
        for e in measured
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", default=PRESETS)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    print(f"{machine()}, commit {commit()}", flush=True)
    for preset in options.presets:
        run = options.out / preset
        selfplay("train", preset, "--out", str(run))
        reached = checkpoint.find(str(run))
        first, playouts = meet(run, f"{run}/checkpoints/0001@64"), meet(run, "mcts:400")
        minutes = reached.progress["seconds"] / 60
        print(f"  {preset}: {curve(run)}")
        print(
            f"| `{preset}` | {reached.progress['rows']:,} | {minutes:.1f} | {first} | {playouts} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
