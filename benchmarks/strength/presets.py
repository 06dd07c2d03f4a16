"""Does each preset learn? `python benchmarks/strength/presets.py [--out DIR] [PRESET ...]`

Trains it, or goes on with it, then lets the result with 64 simulations meet its own first
generation and a search with 400 random playouts, 100 paired games each. Prints the curve of the
ledger.
"""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import Figure, figure, parser, report

from selfplay.storage import checkpoint
from selfplay.storage.run import read_ledger

PRESETS = ["othello6", "hex7", "breakthrough6", "gomoku9", "go7", "go9"]
GAMES = 100
ASKED = 90  # % of the points, at least
CURVE = {  # the ledger's word -> (what it measures, its unit)
    "gain": ("gain of search over the network", "Elo"),
    "gap": ("gap between the network and the search it learned from", "Elo"),
    "kl": ("KL of the search from the network", "nats"),
}


def selfplay(*arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("selfplay")), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def meet(run: Path, other: str) -> dict:
    """The match of the run's newest network with 64 simulations, as `selfplay arena` tells it."""
    words = ["arena", f"{run}@64", other, "--games", str(GAMES), "--json"]
    (met,) = json.loads(selfplay(*words))["matches"]
    return met


def curve(preset: str, run: Path) -> list[Figure]:
    """What the ledger measured over the run."""
    return [
        figure(
            "presets",
            f"{preset}: {what}, last generation measured",
            float(entry[key]),
            unit,
            note=f"generation {entry['generation']}",
        )
        for entry in read_ledger(run)
        if "gain" in entry
        for key, (what, unit) in CURVE.items()
    ]


def reached(preset: str, run: Path) -> list[Figure]:
    progress = checkpoint.find(str(run)).progress
    figures = [
        figure("presets", f"{preset}: positions", progress["rows"], "positions"),
        figure("presets", f"{preset}: minutes of training", progress["seconds"] / 60, "min"),
    ]
    for name, other in (
        ("its generation 1", f"{run}/checkpoints/0001@64"),
        ("mcts:400", "mcts:400"),
    ):
        met = meet(run, other)
        what = f"{preset}: score against {name}, 64 simulations, {GAMES} paired games"
        note = f"{met['wins']}-{met['draws']}-{met['losses']}, {met['distinct_games']} distinct"
        score = 100 * met["score"]
        figures.append(figure("presets", what, score, "%", asked=ASKED, note=note))
    return figures


def main() -> None:
    made = parser(__doc__)
    made.add_argument("presets", nargs="*", default=PRESETS)
    made.add_argument("--out", type=Path, default=Path("runs"))
    options = made.parse_args()
    for preset in options.presets:
        run = options.out / preset
        selfplay("train", preset, "--out", str(run))
        report(preset, curve(preset, run) + reached(preset, run), options.record)


if __name__ == "__main__":
    main()
