"""The compiled core is found on disk by the next process, and an edit of any of its files is
noticed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import native
from native.machine import compile as compiling

pytestmark = pytest.mark.slow

PROGRAM = """
import time
begin = time.perf_counter()
import games
from native.playout import count_positions, perft

game = games.load("tictactoe")
assert count_positions(game.rules, game.start_state(), 9, 3) == 504
stats = perft.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def run(folder: Path) -> tuple[int, int]:
    """(hits, misses) of perft's cache in a new process that uses the sources in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    hits, misses = done.stdout.split()
    return int(hits), int(misses)


def test_an_edit_in_another_file_of_the_core_recompiles_and_nothing_else_does(tmp_path):
    for package in ("native", "games"):
        source = Path(native.__file__).parent.parent / package
        shutil.copytree(source, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(tmp_path) == (0, 1)  # nothing there yet
    assert run(tmp_path) == (1, 0)  # found by the next process
    # perft's file calls into it, and Numba would not look
    other = tmp_path / "native" / "machine" / "random.py"
    other.write_text(other.read_text() + "\n# edited\n")
    assert run(tmp_path) == (0, 1)
    # games are addresses to the core: their edits do not concern it
    game = tmp_path / "games" / "connect4.py"
    game.write_text(game.read_text() + "\n# edited\n")
    assert run(tmp_path) == (1, 0)


def test_the_stamp_changes_with_every_file_of_the_package(tmp_path, monkeypatch):
    shutil.copytree(compiling.PACKAGE, tmp_path / "native")
    monkeypatch.setattr(compiling, "PACKAGE", tmp_path / "native")
    stamps = {compiling.package_stamp()}
    for path in compiling.PACKAGE.rglob("*.py"):
        text = path.read_text()
        path.write_text(text[:-1] + " ")  # as long as before
        compiling.package_stamp.cache_clear()
        stamps.add(compiling.package_stamp())
    assert len(stamps) == 1 + len(list(compiling.PACKAGE.rglob("*.py")))
    compiling.package_stamp.cache_clear()


GAME = """
import helper
from native.abi import MOVER, rule

@rule(MOVER)
def mover(state):
    return helper.answer()
"""
HELPER = """
from numba import njit

@njit
def answer():
    return 1
"""
ASK = """
import numpy as np, game
from native.abi import Rules, call_mover
rules = Rules(*[game.mover] * 7)  # the others are not asked
print(game.mover.cache_hits, call_mover(rules, np.zeros(1, np.uint8)))
"""


def test_an_edit_in_a_file_whose_functions_a_rule_calls_recompiles_the_rule(tmp_path):
    """Numba alone would go on with the old answer: it looks at the rule's own file."""

    def ask() -> list[int]:
        path = f"{tmp_path}:{Path(native.__file__).parent.parent}"
        command, environment = [sys.executable, "-c", ASK], os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return [int(number) for number in done.stdout.split()]

    (tmp_path / "game.py").write_text(GAME)
    (tmp_path / "helper.py").write_text(HELPER)
    assert ask() == [0, 1] and ask() == [1, 1]  # (found on disk, the answer)
    (tmp_path / "helper.py").write_text(HELPER.replace("return 1", "return 0"))
    assert ask() == [0, 0] and ask() == [1, 0]
    (tmp_path / "game.py").write_text(
        GAME.replace("import helper", "from helper import answer").replace("helper.", "")
    )
    assert ask() == [0, 0]
    (tmp_path / "helper.py").write_text(HELPER)
    assert ask() == [0, 1] and ask() == [1, 1]
