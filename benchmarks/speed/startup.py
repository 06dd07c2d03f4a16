"""How long until something is seen: `python benchmarks/speed/startup.py [CHECKPOINT|RUN]`. Needs a
core that is compiled."""

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import figure, in_turn, parser, report

ASKED = {"selfplay": 0.5, "first": 5.0}  # seconds at most
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
    made = parser(__doc__)
    made.add_argument("run", nargs="?", help="a checkpoint or run to play against as well")
    options = made.parse_args()
    measures = {
        "selfplay --help": lambda: until_exit("--help"),
        "first board of selfplay play connect4": lambda: until_board("connect4"),
    }
    if options.run:
        measures["first board of selfplay play RUN"] = lambda: until_board(options.run)
    figures = [
        figure("startup", name, seconds, "s", asked=ASKED[name.split()[0]], at_most=True)
        for name, seconds in in_turn(measures).items()
    ]
    report("Until something is seen", figures, options.record)


if __name__ == "__main__":
    main()
