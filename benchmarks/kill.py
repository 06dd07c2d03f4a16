"""SIGKILL at ten random moments, the same command each time: `python benchmarks/kill.py [--actors N] [--seed S]`.

Says whether the run ends with a complete ledger, a readable shard for every game that was on disk at a kill, and the
generation of an undisturbed run. (The same in small, without Ray, is a test.)
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import report

from selfplay import checkpoint
from selfplay.records import Shards
from selfplay.run import read_ledger

GENERATIONS = 12
COMMAND = ["train", "tictactoe", "--set", f"generations={GENERATIONS}", "--set", "ledger.games=16"]


def games_in(folder: Path) -> set:
    """Every game on disk: its generation, random state and moves. Damaged shards end the script."""
    found = set()
    for generation in range(1, GENERATIONS + 1):
        if (part := Shards(folder / "games").load(generation, sys.exit)) is not None:
            seeds = [tuple(seed) for seed in part.seed.tolist()]
            found |= set(zip([generation] * part.count, seeds, part.sequences()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds after which a kill comes at the latest")
    options = parser.parse_args()
    moments, seen = random.Random(options.seed), set()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        selfplay = str(Path(sys.executable).with_name("selfplay"))
        command = [selfplay, *COMMAND, "--out", str(run), "--actors", str(options.actors)]
        killed_at = []
        for _ in range(10):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(3.0, options.longest))
            if process.poll() is not None:
                sys.exit("the run ended before it could be killed; choose a smaller --longest")
            process.send_signal(signal.SIGKILL)
            process.wait()
            seen |= games_in(run)
            newest = max((int(p.name) for p in checkpoint.all_in(run / "checkpoints")), default=-1)
            killed_at.append(newest)
            print(
                f"killed; newest checkpoint {newest}, {len(seen):,} games on disk so far", file=sys.stderr, flush=True
            )
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        final = games_in(run)
        generations = [entry["generation"] for entry in read_ledger(run)]
        report(
            f"Ten SIGKILLs, {options.actors} actors",
            {
                "newest checkpoint at each kill": " ".join(map(str, killed_at)),
                "final generation": str(checkpoint.find(str(run)).generation),
                "ledger complete": str(generations == list(range(1, GENERATIONS + 1))),
                "games on disk at some kill": f"{len(seen):,}",
                "of them missing at the end": f"{len(seen - final):,}",
                "games at the end": f"{len(final):,}",
            },
        )


if __name__ == "__main__":
    main()
