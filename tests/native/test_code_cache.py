"""Compiled functions on disk: found by the next process, and never the reason why something
fails."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import native
from native.machine import code_cache

pytestmark = pytest.mark.slow

ROOT = str(Path(native.__file__).parent.parent)
GAME = """
import numpy as np
from native.abi import MOVER, rule


@rule(MOVER)
def mover(state):
    return np.int64(len(state) + 1)
"""
ASK = """
import sys, numpy as np
from types import SimpleNamespace
from games.game import run_file
from pathlib import Path
from native.machine.code_cache import CodeCache, stored
from native.machine.compile import is_stored
from numba import njit

module = run_file(sys.argv[1], Path("game.py"))
def twice(x): return 2 * x
twice.__code__ = twice.__code__.replace(co_filename=str(Path("game.py").resolve()))
double = njit(twice)
double._cache = stored(twice, "stamp")
known = is_stored(double)
assert double(4) == 8 and double(1.5) == 3.0
import ctypes
assert module.mover.cache_hits in (0, 1)
found = sum(double.stats.cache_hits.values())
print(module.mover.cache_hits, int(known), found, getattr(double._cache, "cache_path", None))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "game.py").write_text(GAME)
    return tmp_path


def ask(folder, module="games.random_inputs", **environment) -> tuple[list[int], str]:
    """What a new process finds on disk: (was the rule found, is the kernel known to be there,
    signatures found), and where."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ROOT,
        "HOME": str(folder / "home"),
    } | environment
    command = [sys.executable, "-c", ASK, module]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    *found, place = done.stdout.split(maxsplit=3)
    return list(map(int, found)), place.strip()


def test_the_next_process_finds_every_signature(folder):
    assert ask(folder) == ([0, 0, 0], str(folder / "__pycache__"))
    assert ask(folder) == ([1, 1, 2], str(folder / "__pycache__"))


def compiled(folder) -> list[Path]:
    return sorted(folder.glob("__pycache__/*.nbc"))


def test_damaged_files_are_compiled_again(folder):
    """Cut, zeroed, turned to garbage, replaced by another's, one bit flipped: numba alone raises or
    runs them."""
    ask(folder)
    whole, chance = {path: path.read_bytes() for path in compiled(folder)}, random.Random(1)
    assert len(whole) == 3

    def flipped(data: bytes, at: int) -> bytes:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]

    damages = [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: bytes(len(data)),
        lambda data: chance.randbytes(len(data)),
        lambda data: flipped(data, chance.randrange(len(data))),
        lambda data: data + b"more",
        lambda data: next(other for other in whole.values() if other != data),
    ]
    for turn in range(0, len(damages), 3):  # a different one for each file
        for (path, data), damage in zip(whole.items(), damages[turn:] + damages[:turn]):
            path.write_bytes(damage(data))
        assert ask(folder)[0] == [0, 1, 0]
        assert {path: path.read_bytes() for path in compiled(folder)} == whole


def test_a_folder_in_the_place_of_a_file_is_no_reason_to_fail(folder):
    ask(folder)
    for path in compiled(folder):
        path.unlink()
        path.mkdir()
    assert ask(folder)[0] == [0, 1, 0]


def test_an_edit_leaves_no_older_code_behind(folder):
    ask(folder)
    (folder / "game.py").write_text(GAME.replace("+ 1", "+ 2"))
    before = compiled(folder)
    assert ask(folder)[0][0] == 0
    assert len(compiled(folder)) == len(before) == 3 and compiled(folder) != before


def read_only(monkeypatch):
    """Nothing in these folders can be written, whoever asks."""
    for place in (code_cache.InTreeCacheLocator, code_cache.UsersFolder):
        monkeypatch.setattr(place, "from_function", classmethod(lambda cls, function, file: None))


def test_without_a_writable_package_and_home_code_lies_in_a_temporary_folder_of_the_user(
    tmp_path, monkeypatch
):
    """numba#5566, #4032: `cannot cache function ...: no locator available`."""
    read_only(monkeypatch)
    monkeypatch.setattr(code_cache.tempfile, "gettempdir", lambda: str(tmp_path))
    cache = code_cache.stored(ask)
    root = tmp_path / f"selfplay-compiled-{os.getuid()}"
    assert Path(cache.cache_path).parent == root and root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("spoil", ["open to others", "a link", "a file"])
def test_a_temporary_folder_in_which_others_can_write_is_not_used(tmp_path, monkeypatch, spoil):
    """What lies in it is run, so there is no cache rather than that one."""
    read_only(monkeypatch)
    monkeypatch.setattr(code_cache.tempfile, "gettempdir", lambda: str(tmp_path))
    root = tmp_path / f"selfplay-compiled-{os.getuid()}"
    if spoil == "open to others":
        root.mkdir()
        root.chmod(0o777)
    elif spoil == "a link":
        (tmp_path / "elsewhere").mkdir()
        root.symlink_to(tmp_path / "elsewhere")
    else:
        root.write_text("")
    assert code_cache.stored(ask).cache_path is None


def test_no_home_at_all_makes_no_folder_of_that_name(tmp_path, monkeypatch):
    """`docker --user` without an entry in /etc/passwd: expanduser leaves the ~ as it is
    (numba#4908)."""
    monkeypatch.setattr(code_cache.Path, "home", lambda: Path("~"))
    monkeypatch.chdir(tmp_path)
    assert (
        code_cache.UsersFolder.from_function(ask, __file__) is None
        and not (tmp_path / "~").exists()
    )


def test_a_disk_that_fills_up_costs_the_cache_alone(monkeypatch, tmp_path):
    from numba import njit

    def full(*arguments):
        raise OSError(28, "No space left on device")

    thrice = njit(lambda x: 3 * x)
    thrice._cache = code_cache.stored(thrice.py_func, "stamp")
    monkeypatch.setattr(code_cache.CodeFiles, "save", full)
    assert thrice(5) == 15
