"""Two checkouts' speeds, in turn: `python benchmarks/speed/old_and_new.py OLD NEW`.

Both checkouts have a bench ready, each in a process of its own, and they measure short slices in
turn, each pair in the other order. So whatever slows the machine down meets both, and the median of
the pairs' ratios is much steadier than the speeds. Its 95 % interval is a bootstrap's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from measure import commit, figure, parser, report

GAMES = ("connect4", "othello8", "hex11", "go9", "go19")
FIGURES = {"rules": "positions/s", "search": "simulations/s", "selfplay": "simulations/s"}
# Runs in either checkout; answers each line, a number of seconds, by a speed.
WORKER = """
import json, sys
from importlib import import_module
from types import SimpleNamespace
import torch
torch.set_num_threads(1)
import games
try:
    bench = import_module("selfplay.commands.benchmark")
except ModuleNotFoundError:
    bench = import_module("selfplay.bench")
what, name, figure, options = json.loads(sys.argv[1])
ready = getattr(bench, what)(games.load(name), SimpleNamespace(**options))
ready.measure(0.05)
print("ready", flush=True)
for line in sys.stdin:
    print(ready.measure(float(line))[figure], flush=True)
"""
OPTIONS = {
    "games": 64,
    "simulations": 32,
    "kind": "gumbel",
    "alone": False,
    "tune": False,
    "blocks": 1,  # a small network, so that self-play shows more than the network's speed
    "channels": 8,
    "device": "cpu",
    "precision": "fp32",
    "actors": 1,
}


class Worker:
    def __init__(self, checkout: Path, what: str, game: str):
        options = OPTIONS | {"game": game, "games": 8 if game == "go19" else OPTIONS["games"]}
        asked = json.dumps([what, game, FIGURES[what], options])
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, asked],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> None:
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no bench in {self.process.args}")

    def measure(self, seconds: float) -> float:
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def pairs_of(checkouts: list[Path], what: str, game: str, count: int, seconds: float) -> np.ndarray:
    """Speeds f64[count, 2], old and new."""
    workers = []
    for checkout in checkouts:  # one after the other: they may have to compile
        workers.append(Worker(checkout, what, game))
        workers[-1].wait()
    pairs = np.empty((count, 2))
    for turn in range(count):
        for side in (0, 1) if turn % 2 else (1, 0):
            pairs[turn, side] = workers[side].measure(seconds)
    for worker in workers:
        worker.close()
    return pairs


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    drawn = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.quantile(np.median(drawn, 1), (0.025, 0.975))
    return float(low), float(high)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    made.add_argument("--pairs", type=int, default=60)
    made.add_argument("--seconds", type=float, default=0.1, help="of each slice")
    made.add_argument("--benches", nargs="+", choices=FIGURES, default=list(FIGURES))
    made.add_argument("--games", nargs="+", choices=GAMES, default=list(GAMES))
    options = made.parse_args()
    old, new = paths = [path.resolve() for path in options.checkouts]
    for what in options.benches:
        for game in options.games:
            pairs = pairs_of(paths, what, game, options.pairs, options.seconds)
            name, unit = f"{what}, {game}", FIGURES[what]
            figures = [
                figure("checkouts", name, samples.tolist(), unit, commit=commit(path))
                for samples, path in zip(pairs.T, paths)
            ]
            times = pairs[:, 1] / pairs[:, 0]
            low, high = interval(times)
            more = {"low": low, "high": high, "asked": 0.97, "commit": commit(new)}
            note = f"old: {commit(old)}; in brackets the median's 95 % interval"
            median = float(np.median(times))
            name = f"{name}: new / old"
            figures.append(figure("checkouts", name, median, "ratio", note=note, **more))
            report(name, figures, options.record)


if __name__ == "__main__":
    main()
