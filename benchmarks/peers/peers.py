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

import measure
import numpy as np
from contests import EVENTS, Contest, Event
from measure import ROOT, figure, in_turn, ratios, report
from peer import PEERS, Peer


def willing(contest: Contest, peers: dict[str, Peer], seconds: float) -> dict[str, str]:
    """Column -> setting, of the peers that have the game and are ready: the first request
    compiles."""
    settings = {}
    for column, (name, request) in contest.theirs.items():
        peer, begin = peers[name], time.perf_counter()
        if request["game"] not in peer.games or request["what"] not in peer.does:
            continue
        try:
            _, setting = peer.ask(request, seconds)
            settings[column] = f"{peer.version}; {setting}"
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


def hold(contest: Contest, event: Event, peers: dict[str, Peer], asked: argparse.Namespace) -> None:
    """Measure and report."""
    settings = willing(contest, peers, asked.seconds)
    for ours in contest.ours.values():
        ours(0.1)  # compiles
    measures = {column: partial(ours, asked.seconds) for column, ours in contest.ours.items()}
    for column in settings:
        name, request = contest.theirs[column]
        measures[column] = lambda peer=peers[name], request=request: peer.ask(
            request, asked.seconds
        )[0]
    samples = in_turn(measures, asked.rounds)
    figures = []
    for column, values in samples.items():
        what, note = f"{contest.name}: {column}", settings.get(column)
        figures.append(figure(event.topic, what, values, event.unit, note=note))
    for title, (ours, rivals) in contest.ratios.items():
        if present := [rival for rival in rivals if rival in samples]:
            times = ratio([samples[c] for c in ours], [samples[c] for c in present])
            what, peer = f"{contest.name}: {title}", ", ".join(present)
            figures.append(ratios(event.topic, what, times, peer, asked=contest.asked))
    report(f"{contest.name}, one core", figures, asked.record)


def ratio(ours: list[list[float]], rivals: list[list[float]]) -> list[float]:
    """The slowest of ours by the fastest rival, in each round."""
    return (np.min(ours, axis=0) / np.max(rivals, axis=0)).tolist()


def options() -> argparse.Namespace:
    parser = measure.parser(__doc__)
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
    event = EVENTS[asked.what]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    peers = {name: Peer(name, asked.environments, asked.timeout) for name in PEERS}
    try:
        for name in asked.games or event.games:
            for contest in event.contests(name, asked):
                hold(contest, event, peers, asked)
    finally:
        for peer in peers.values():
            peer.close()


if __name__ == "__main__":
    main()
