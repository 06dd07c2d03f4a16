"""Faults that other people's inputs showed once, tried again as a user would:
`python benchmarks/robustness/faults.py [ROW ...]`.

Each row is a shell command in a folder of its own, with `selfplay` on the path, what its answer
must hold, and what it must not. Prints a line a row and exits with 1 if one of them is wrong. What
the answers were before is in ROBUSTNESS.md; with PYTHONPATH at an older checkout the same inputs
show it again. (Linux; row 14 wants root. Without other work: some rows wait for seconds.)
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fault_rows import ROWS, Row
from measure import ROOT, figure, parser, report

SECONDS = 300
SHOWN = 110  # characters of an answer


def main() -> int:
    made = parser(__doc__)
    made.add_argument("rows", nargs="*", metavar="ROW", help="names of rows; all if none is named")
    made.add_argument("--verbose", action="store_true", help="print answers whole")
    options = made.parse_args()
    rows = [row for row in ROWS if not options.rows or row.name in options.rows]
    wrong, begin = 0, time.monotonic()
    for row in rows:
        text = answer(row)
        is_right = re.search(row.wanted, text) and not (
            row.unwanted and re.search(row.unwanted, text)
        )
        wrong += not is_right
        shown = (
            text if options.verbose else textwrap.shorten(text[-2000:], SHOWN, placeholder="...")
        )
        print(f"{'right' if is_right else 'WRONG'}  {row.name:<20} {shown}", flush=True)
    what = "faults" + (f" {', '.join(options.rows)}" if options.rows else "")
    figures = [
        figure("robustness", f"{what}: rows right", len(rows) - wrong, "rows", asked=len(rows)),
        figure("robustness", f"{what}: time", time.monotonic() - begin, "s"),
    ]
    report(what, figures, options.record)
    return int(wrong > 0)


def answer(row: Row) -> str:
    """Both outputs of the row's command, and its exit code."""
    home = Path(tempfile.mkdtemp(prefix="faults"))
    try:
        for name, text in row.files.items():
            (home / name).write_text(chomp() if text == "CHOMP" else text)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {
            "PATH": path,
            "CHECKOUT": str(checkout()),
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            ["bash", "-c", row.command],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        return f"{done.stdout.decode('utf-8', 'replace').strip()}\nexit code {done.returncode}"
    except subprocess.TimeoutExpired:
        return f"no answer in {SECONDS} s"
    finally:
        shutil.rmtree(home, ignore_errors=True)


def checkout() -> Path:
    """The folder that holds the packages under test."""
    import selfplay

    return Path(selfplay.__file__).parent.parent


def chomp() -> str:
    """The game of one's own that the README tells of."""
    return (ROOT / "tests" / "data" / "chomp.py").read_text()


if __name__ == "__main__":
    sys.exit(main())
