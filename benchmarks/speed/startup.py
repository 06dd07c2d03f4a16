"""How long until something is seen: `python benchmarks/speed/startup.py [CHECKPOINT|RUN]`. Needs a
core that is compiled."""

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import in_turn, report, spread

SELFPLAY = str(Path(sys.executable).with_name("selfplay"))


def until_exit(*arguments: str) -> float:
    begin = time.perf_counter()
    subprocess.run([SELFPLAY, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def until_board(opponent: str) -> float:
    """Seconds until `selfplay play` has written its first board."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [SELFPLAY, "play", opponent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    lines = []
    while not lines or not lines[-1].startswith(". . . . . . ."):
        lines.append(process.stdout.readline())
    seconds = time.perf_counter() - begin
    process.communicate("quit\n")
    return seconds


def main() -> None:
    opponents = ["connect4", *sys.argv[1:]]
    measures = {"selfplay --help": lambda: until_exit("--help")}
    for opponent in opponents:
        measures[f"first board of selfplay play {opponent}"] = lambda opponent=opponent: (
            until_board(opponent)
        )
    samples = in_turn(measures)
    report(
        "Seconds until something is seen",
        {name: spread(values) for name, values in samples.items()},
    )


if __name__ == "__main__":
    main()
