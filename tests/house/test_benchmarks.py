"""What was measured: every line of benchmarks/results is a whole figure, and benchmarks/README.md
is what the script makes of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINE = {
    "topic": "rules",
    "what": "connect4",
    "figure": 2,
    "low": 1,
    "high": 3,
    "unit": "positions/s",
    "machine": "a machine",
    "commit": "0123abc",
    "date": "2026-11-28",
    "command": "selfplay bench rules",
}


def table(root: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(root / "benchmarks" / "table.py"), *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path):
    """Write lines as the results of the rules in a folder of its own; the folder."""
    folder = tmp_path / "benchmarks"
    (folder / "results").mkdir(parents=True)
    for name in ("measure.py", "table.py"):
        shutil.copy(ROOT / "benchmarks" / name, folder)

    def write(*lines: dict) -> Path:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / "results" / "rules.jsonl").write_text(text)
        return tmp_path

    return write


def test_the_readme_is_what_the_results_say():
    done = table(ROOT, "--check")
    assert done.returncode == 0, done.stderr


def test_the_newest_figure_of_a_machine_is_shown_and_a_miss_is_marked(copy):
    older = LINE | {"figure": 3, "date": "2026-11-27", "asked": 2}
    other = LINE | {"machine": "another", "asked": 1}
    root = copy(LINE | {"asked": 4}, older, other)
    assert table(root, "--check").returncode == 1
    assert table(root).returncode == 0
    assert table(root, "--check").returncode == 0
    text = (root / "benchmarks" / "README.md").read_text()
    assert "| what | unit | asked, or peer | a machine | another |" in text
    assert "| connect4 | positions/s | at least 4 | 2 (1 .. 3): **0.5** | 2 (1 .. 3): 2 |" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "search"},
        {"figure": "2"},
        {"figure": 4},
        {"low": None},
        {"commit": "unknown-dirty"},
        {"commit": ""},
        {"date": "today"},
        {"what": "a | b"},
        {"sentence": "no field"},
    ],
    ids=str,
)
def test_a_line_that_is_no_figure_is_named(copy, changes):
    done = table(copy(LINE, LINE | changes))
    assert done.returncode == 1
    assert "rules.jsonl, line 2" in done.stderr
