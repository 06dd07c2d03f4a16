"""Ours beside open_spiel and pgx with mctx on one core:
`python benchmarks/peers/peers.py [--games go9 hex11]`.

    peers.py              random legal play: the rules
    peers.py --search     tree search with an evaluator that costs nothing: the trees
    peers.py --selfplay   self-play with a network of the same operations: everything

This process and its children may run on one core only, so their thread pools hold one thread.
Everyone measures in turn, round by round, and ratios are taken within each round, to the best peer
of that round. Only Linux lets a process choose its cores this way. A quick look:
`--seconds 0.3 --rounds 2`.

The peers live under --environments, see benchmarks/peers/peer.py; how they search is told in
`peer_open_spiel.py` (which needs a C++ compiler for it), `pgx_search.py` and `pgx_selfplay.py`,
what is measured of ours in `contests.py`.
"""

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from contests import EVENTS, Contest
from measure import ROOT, commit, in_turn, report, spread
from peer import PEERS, Peer

from selfplay.network.hardware import machine


def willing(contest: Contest, peers: dict[str, Peer], seconds: float) -> dict[str, str]:
    """Column -> setting, of the peers that have the game and are ready: the first request
    compiles."""
    settings = {}
    for column, (name, request) in contest.theirs.items():
        peer, begin = peers[name], time.perf_counter()
        if request["game"] not in peer.games or request["what"] not in peer.does:
            continue
        try:
            _, settings[column] = peer.ask(request, seconds)
        except RuntimeError as error:
            print(
                f"  {contest.name} is measured without {column}: {error}",
                file=sys.stderr,
                flush=True,
            )
            continue
        print(
            f"  {contest.name}: {column} ready in {time.perf_counter() - begin:.1f} s",
            file=sys.stderr,
            flush=True,
        )
    return settings


def hold(
    contest: Contest, unit: str, peers: dict[str, Peer], seconds: float, rounds: int
) -> dict[str, str]:
    """Measure, print for people and return the row's cells."""
    settings = willing(contest, peers, seconds)
    for measure in contest.ours.values():
        measure(0.1)  # compiles
    measures = {column: partial(measure, seconds) for column, measure in contest.ours.items()}
    for column in settings:
        name, request = contest.theirs[column]
        measures[column] = lambda peer=peers[name], request=request: peer.ask(request, seconds)[0]
    samples = in_turn(measures, rounds)
    ratios = {title: ratio(samples, *sides) for title, sides in contest.ratios.items()}
    lines = {f"{column}, {unit}": spread(values) for column, values in samples.items()}
    report(
        f"{contest.name}, one core",
        lines | ratios | {f"{column} is": how for column, how in settings.items()},
    )
    cells = {
        column: short(samples[column]) if column in samples else "-"
        for column in (*contest.ours, *contest.theirs)
    }
    return cells | ratios


def ratio(samples: dict[str, list[float]], ours: list[str], rivals: list[str]) -> str:
    """The slowest of ours by the fastest rival, in each round."""
    fastest = [samples[rival] for rival in rivals if rival in samples]
    if not fastest:
        return "-"
    slowest = np.min([samples[column] for column in ours], axis=0)
    return spread((slowest / np.max(fastest, axis=0)).tolist())


def short(samples: list[float]) -> str:
    """Median (lowest .. highest), in thousands or millions a second where that is shorter."""
    middle = np.median(samples)
    unit, letter = (1e6, " M") if middle >= 1e6 else (1e3, " k") if middle >= 1e3 else (1.0, "")
    low, middle, high = (f"{value / unit:.3g}" for value in (min(samples), middle, max(samples)))
    return f"{middle}{letter} ({low} .. {high})"


def table(rows: dict[str, dict[str, str]]) -> str:
    columns = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join(
        lines + [f"| {name} | {' | '.join(cells.values())} |" for name, cells in rows.items()]
    )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Ours beside open_spiel and pgx with mctx on one core."
    )
    what = parser.add_mutually_exclusive_group()
    for name, help in (
        ("search", "tree search with a free evaluator"),
        ("selfplay", "self-play with a network"),
    ):
        what.add_argument(f"--{name}", dest="what", action="store_const", const=name, help=help)
    parser.set_defaults(what="play")
    parser.add_argument("--games", nargs="+", metavar="GAME", help="default: all that are compared")
    parser.add_argument(
        "--simulations", nargs="+", type=int, default=[32, 800], help="a search (default 32 800)"
    )
    parser.add_argument(
        "--trees", type=int, default=128, help="games searched side by side (default 128)"
    )
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="a measurement's length (default 2)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default 5)")
    parser.add_argument(
        "--timeout", type=float, default=900.0, help="seconds that a peer may take for one answer"
    )
    parser.add_argument(
        "--environments",
        type=Path,
        default=ROOT / "build" / "peers",
        help="the peers' environments",
    )
    return parser.parse_args()


def main() -> None:
    asked = options()
    event, rows = EVENTS[asked.what], {}
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    peers = {name: Peer(name, asked.environments, asked.timeout) for name in PEERS}
    try:
        for name in asked.games or event.games:
            for contest in event.contests(name, asked):
                rows[contest.name] = hold(contest, event.unit, peers, asked.seconds, asked.rounds)
    finally:
        for peer in peers.values():
            peer.close()
    versions = ", ".join(peer.version for peer in peers.values())
    print(
        f"\n{event.title}, one core of {machine()}, commit {commit()}; {versions}.\n\n{table(rows)}"
    )


if __name__ == "__main__":
    main()
