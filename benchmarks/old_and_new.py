"""Two checkouts' speeds, in turn: `python benchmarks/old_and_new.py OLD NEW [--rounds 5]`.

Every round runs each bench once in each checkout, in processes of their own, and each round in the
other order, so that a slow spell of the machine meets both. Printed are the medians, and the median and range of the rounds' ratios.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

GAMES = ("connect4", "othello8", "hex11", "go9", "go19")
NETWORK = ("--blocks", "4", "--channels", "32", "--precision", "fp32", "--games", "64")
BENCHES = {  # what -> (the figure, more arguments)
    "rules": ("positions/s", ()),
    "search": ("simulations/s", ()),
    "selfplay": ("simulations/s", NETWORK),
}


def ask(checkout: Path, what: str, game: str, seconds: float) -> float:
    figure, more = BENCHES[what]
    command = [sys.executable, "-m", "selfplay.cli", "bench", what, "--game", game, "--json"]
    command += ["--repeats", "3", "--seconds", str(seconds), *more]
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=checkout, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)["figures"][figure]["median"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each repeat")
    parser.add_argument("--benches", nargs="+", choices=BENCHES, default=list(BENCHES))
    options = parser.parse_args()
    old, new = (path.resolve() for path in options.checkouts)
    print(f"{'bench':<10}{'game':<11}{'old':>14}{'new':>14}{'new / old':>24}", flush=True)
    for what in options.benches:
        for game in GAMES:
            for path in (old, new):
                ask(path, what, game, 0.05)  # compiles
            pairs = np.array(
                [
                    [ask(path, what, game, options.seconds) for path in (old, new)]
                    if turn % 2 == 0
                    else [ask(path, what, game, options.seconds) for path in (new, old)][::-1]
                    for turn in range(options.rounds)
                ]
            )
            ratios = pairs[:, 1] / pairs[:, 0]
            before, after = np.median(pairs, 0)
            spread = f"{np.median(ratios):.3f} ({ratios.min():.3f} .. {ratios.max():.3f})"
            print(f"{what:<10}{game:<11}{before:>14,.0f}{after:>14,.0f}{spread:>24}", flush=True)


if __name__ == "__main__":
    main()
