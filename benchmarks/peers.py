"""Random legal play of ours, of open_spiel and of pgx, side by side on one core: `python benchmarks/peers.py [--games go9 hex11]`.

Each peer has a virtual environment of its own under --environments, which this script makes the first time (it needs the
package index then) and uses again later. A peer is one process that stays for all games and rounds. It prints one JSON
line when it is ready, {"games": [...], "version": "..."}, and answers each request {"game": "go9", "seconds": 2.0} by
{"plies": n, "seconds": s, "setting": "..."}; the first request for a game may take long, because it compiles and tries
batch sizes. What counts as a ply is a legal move played, the same for all.

One core: this process and its children may run on one core only, so their thread pools hold one thread. Everyone measures
in turn, round by round, and the ratio is taken within each round. Only Linux lets a process choose its cores this way.
"""

import argparse
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from measure import ROOT, commit, in_turn, report, spread
from rules import rate

import games
from selfplay.report import machine

HERE = Path(__file__).parent
GAMES = ["connect4", "othello8", "hex11", "gomoku15", "breakthrough8", "go9", "go19"]
PEERS = {"open_spiel": ["open_spiel==2.0.2"], "pgx": ["pgx==2.6.0", "jax==0.10.2"]}  # name -> what pip installs
SINGLE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
}


def environment(folder: Path, requirements: list[str]) -> Path:
    """The Python of a virtual environment that holds the requirements, made unless it is there."""
    python, installed = folder / "bin" / "python", folder / "requirements.txt"
    if not (installed.is_file() and installed.read_text().split() == requirements):
        print(f"  installing {' '.join(requirements)} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
        installed.write_text("\n".join(requirements))  # last: a broken installation is not taken for a whole one
    return python


class Peer:
    """An outside implementation in a process of its own. RuntimeError if it ends or keeps silent for too long."""

    def __init__(self, name: str, folder: Path, timeout: float):
        self.command = [str(environment(folder / name, PEERS[name])), str(HERE / f"peer_{name}.py")]
        self.name, self.timeout, self.process = name, timeout, None
        self.settings: dict[str, str] = {}  # game -> how it is played
        self.begin()

    def begin(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, bufsize=0, env=os.environ | SINGLE_THREAD
        )
        hello = self.answer()
        self.games, self.version = hello["games"], hello["version"]

    def answer(self) -> dict:
        """The next line, which comes whole; a peer prints nothing unasked."""
        ready, _, _ = select.select([self.process.stdout], [], [], self.timeout)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            reason = "ended" if ready else f"did not answer in {self.timeout:.0f} s"
            self.close()
            raise RuntimeError(f"{self.name} {reason}")
        return json.loads(line)

    def rate(self, game: str, seconds: float) -> float:
        """Positions a second."""
        if self.process is None:
            self.begin()
        self.process.stdin.write(json.dumps({"game": game, "seconds": seconds}).encode() + b"\n")
        answer = self.answer()
        self.settings[game] = answer["setting"]
        return answer["plies"] / answer["seconds"]

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def willing(peers: list[Peer], name: str, seconds: float) -> list[Peer]:
    """The peers that have the game and are ready to play it: the first request compiles."""
    ready = []
    for peer in (peer for peer in peers if name in peer.games):
        begin = time.perf_counter()
        try:
            peer.rate(name, seconds)
        except RuntimeError as error:
            print(f"  {name} is measured without {peer.name}: {error}", file=sys.stderr, flush=True)
            continue
        print(f"  {name}: {peer.name} ready in {time.perf_counter() - begin:.1f} s", file=sys.stderr, flush=True)
        ready.append(peer)
    return ready


def compare(name: str, peers: list[Peer], seconds: float, rounds: int) -> str:
    """Measure one game, print it for people and return its row of the table."""
    game, ready = games.load(name), willing(peers, name, seconds)
    rate(game, 0.1)  # compiles
    measures = {"ours": lambda: rate(game, seconds)}
    for peer in ready:
        measures[peer.name] = lambda peer=peer: peer.rate(name, seconds)
    samples = in_turn(measures, rounds)
    fastest = max(samples.keys() - {"ours"}, key=lambda peer: np.median(samples[peer]), default=None)
    ratio = spread([a / b for a, b in zip(samples["ours"], samples[fastest])]) if fastest else "-"
    lines = {f"{who}, positions/s": spread(values) for who, values in samples.items()}
    settings = {f"{peer.name} plays": peer.settings[name] for peer in ready}
    report(f"Random play, {name}, one core", lines | {f"ours / {fastest}": ratio} | settings)
    cells = [short(samples[who]) if who in samples else "-" for who in ("ours", *PEERS)]
    return f"| {name} | {' | '.join(cells)} | {ratio} |"


def short(samples: list[float]) -> str:
    """Median (lowest .. highest) in thousands or millions a second."""
    unit, letter = (1e6, "M") if np.median(samples) >= 1e6 else (1e3, "k")
    low, middle, high = (f"{value / unit:.3g}" for value in (min(samples), np.median(samples), max(samples)))
    return f"{middle} {letter} ({low} .. {high})"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Random legal play on one core beside open_spiel and pgx.")
    parser.add_argument("--games", nargs="+", default=GAMES, metavar="GAME", help=f"default: {' '.join(GAMES)}")
    parser.add_argument("--seconds", type=float, default=2.0, help="a measurement's length (default 2)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds that a peer may take for one answer")
    parser.add_argument("--environments", type=Path, default=ROOT / "build" / "peers", help="the peers' environments")
    return parser.parse_args()


def main() -> None:
    asked = options()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    peers = [Peer(name, asked.environments, asked.timeout) for name in PEERS]
    try:
        rows = [compare(name, peers, asked.seconds, asked.rounds) for name in asked.games]
    finally:
        for peer in peers:
            peer.close()
    versions = ", ".join(peer.version for peer in peers)
    print(f"\nPositions/s of uniformly random legal play, one core of {machine()}, commit {commit()}; {versions}.\n")
    print("| game | ours | open_spiel | pgx | ours / the faster |\n|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
