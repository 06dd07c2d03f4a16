"""`selfplay bench`, recorded: `python benchmarks/speed/bench.py rules --game connect4 --record`.

Every argument but --record is the command's own. A bound that was asked for is taken from earlier
results of the same thing; shares of the time are left out, but for the network's.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import Figure, figure, parser, report, results

TOPICS = {"rules": "rules", "search": "search", "net": "network", "selfplay": "selfplay"}
USUAL = ("32 simulations", "128 games")  # of self-play, not named
SHARES = {  # of self-play: the command's word -> what the results call it
    "share network": "network's share of an actor's time",
    "evaluations / bare network's": "evaluations, of the bare network's",
    "cached share of leaves": "answered by the cache",
}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("bench", choices=TOPICS)
    options, words = made.parse_known_args()
    command = ["bench", options.bench, *words]
    told = json.loads(selfplay(*command, "--json"))
    figures = list(figures_of(told, shlex.join(["selfplay", *command])))
    report(f"{told['game']}, {told['setting']}", figures, options.record)


def selfplay(*arguments: str) -> str:
    command = [sys.executable, "-m", "selfplay.cli", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def figures_of(told: dict, command: str) -> Iterator[Figure]:
    topic = TOPICS[told["what"]]
    asked = {one.what: one.asked for one in results(topic)}
    for what, unit, scale, spread in named(told):
        samples = {key: scale * value for key, value in spread.items()}
        yield figure(
            topic,
            what,
            samples["median"],
            unit,
            low=samples["low"],
            high=samples["high"],
            asked=asked.get(what),
            command=command,
        )


def named(told: dict) -> Iterator[tuple[str, str, float, dict]]:
    """(what, unit, scale, spread) of each figure, in the words of the results."""
    game, figures = told["game"], told["figures"]
    head, *more = told["setting"].split(", ")
    if told["what"] == "rules":
        yield game, "positions/s", 1, figures["positions/s"]
        yield f"{game}: mean length of a game", "plies", 1, figures["mean length"]
    elif told["what"] == "search":
        games = "one game" if more[1] == "1 games" else more[1]
        yield f"{game}, {more[0]}, {games}, {head}", "simulations/s", 1, figures["simulations/s"]
    elif told["what"] == "net":
        network = f"{game} {head.removesuffix(' network')}"
        yield f"{network}, {more[1]}, {more[0]}", "evaluations/s", 1, figures["evaluations/s"]
        for name, spread in figures.items():
            if name.startswith("evaluations/s, "):
                precision = name.partition(", ")[2]
                yield f"{network}, {precision}, {more[0]}", "evaluations/s", 1, spread
    else:
        size, _, precision = head.partition(" network in ")
        setting = ", ".join([f"{game} {size}", *(word for word in more if word not in USUAL)])
        for name, spread in figures.items():
            if name in SHARES:
                yield f"{setting}: {SHARES[name]}", "%", 100, spread
            elif "/" in name:
                yield f"{setting} in {precision}, one core: {name[:-2]}", name, 1, spread


if __name__ == "__main__":
    main()
