"""Nothing that is read as data can run code; only a named game's file does.

The kind of fault: a checkpoint that is read with pickle (pytorch#87443), a cache that lies beside
the data and is read with pickle (beancount#1034, numba#10839).
"""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
FORBIDDEN = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "runpy",
    "yaml",
}
LOADERS = {("torch", "load"), ("np", "load"), ("numpy", "load"), ("torch", "jit")}


def test_nothing_but_a_named_game_s_file_is_run():
    """What is read as data is JSON, TOML, text and safetensors: no pickle, no torch.load, no eval.
    (Numba's own cache of compiled code, in the package and in the user's own folders, is pickled by
    Numba.)"""
    for path in [
        p for package in ("selfplay", "games", "native") for p in (ROOT / package).rglob("*.py")
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.relative_to(ROOT)}, line {getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names} | {
                    (getattr(node, "module", "") or "").split(".")[0]
                }
                assert not names & FORBIDDEN or path.name == "code_cache.py", where
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert (
                    node.func.id not in ("eval", "exec", "compile", "__import__")
                    or path.name == "own.py"
                ), where
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in LOADERS, where
            assert not (isinstance(node, ast.keyword) and node.arg == "allow_pickle"), where


def test_names_that_were_read_are_recalled_and_not_loaded():
    """`games.load` runs what it is given, so only these may call it: what a user says, and names
    that the package makes."""
    said = {
        "selfplay/commands/games.py",
        "selfplay/commands/gtp.py",
        "selfplay/commands/benchmark.py",
        "selfplay/commands/training.py",
        "selfplay/commands/prove.py",
    }
    made = {
        "selfplay/matches/exam.py",
        "selfplay/faces/sgf.py",
        "selfplay/faces/gtp.py",
        "selfplay/faces/engine_session.py",
        "selfplay/faces/gtp_commands.py",
        "selfplay/faces/katago_query.py",
    }
    for path in (ROOT / "selfplay").rglob("*.py"):
        loads = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
            and node.attr == "load"
            and isinstance(node.value, ast.Name)
            if node.value.id in ("games", "library")
        ]
        assert not loads or str(path.relative_to(ROOT)) in said | made, path
