"""The layer law: imports go down only. A file that is not listed here has no place in the house yet."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Top to bottom; a file may import from layers below its own and from its own.
LAYERS = [
    ["selfplay.cli"],
    ["selfplay.play", "selfplay.gtp", "selfplay.gtp_commands", "selfplay.gtp_analysis", "selfplay.gtp_time", "selfplay.gtp_words", "selfplay.table", "selfplay.gogui", "selfplay.katago", "selfplay.katago_query", "selfplay.proof", "selfplay.training", "selfplay.bench", "selfplay.report", "selfplay.interrupt", "selfplay.streams", "selfplay.sitting"],
    ["selfplay.loop", "selfplay.screen", "selfplay.ledger", "selfplay.arena", "selfplay.rating", "selfplay.cluster", "selfplay.session", "selfplay.watchdog"],
    ["selfplay.run", "selfplay.pool", "selfplay.actor", "selfplay.learner", "selfplay.replay", "selfplay.records",
     "selfplay.players", "selfplay.engine", "selfplay.sgf", "selfplay.sgf_text", "selfplay.game_record", "selfplay.analysis", "selfplay.analyst", "selfplay.clock", "selfplay.time_control", "selfplay.thinking", "selfplay.settled", "selfplay.searcher", "selfplay.exam", "selfplay.checkpoint", "selfplay.arrays", "selfplay.shard_check", "selfplay.weight_check", "selfplay.run_settings", "selfplay.ledger_file", "selfplay.divergence", "selfplay.reference", "selfplay.files", "selfplay.config", "selfplay.messages"],
    ["selfplay.tuning", "selfplay.limits", "selfplay.evaluator", "selfplay.inference", "selfplay.openvino_graph", "selfplay.network"],
    ["games.laws", "games", "games.game", "games.tictactoe", "games.connect4", "games.go", "games.othello", "games.gomoku",
     "games.hex", "games.breakthrough", "games.go_board", "games.go_life", "games.go_ladders", "games.go_face",
     "games.scratch", "games.own", "games.trust", "games.guards", "games.fields"],
    ["native"],
]  # fmt: skip
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> dict[str, Path]:
    """Name -> file of every module of the three packages."""
    found = {}
    for package in ("native", "games", "selfplay"):
        for path in sorted((ROOT / package).glob("*.py")):
            name = f"{package}.{path.stem}" if path.stem != "__init__" else package
            found[name] = path
    return found


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            known = modules()
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in known else node.module)
    return found


def level(name: str) -> int:
    if name.startswith("native"):
        return LEVEL["native"]
    if name == "selfplay":
        return len(LAYERS)
    return LEVEL[name]


@pytest.mark.parametrize("name", modules())
def test_imports_go_down_only(name):
    for other in imports(modules()[name]):
        if other.split(".")[0] in ("native", "games", "selfplay"):
            assert level(other) >= level(name) or name == "selfplay", f"{name} may not import {other}"


def users(package: str) -> set[str]:
    return {name for name, path in modules().items() if any(i.split(".")[0] == package for i in imports(path))}


def test_only_the_cluster_imports_ray():
    assert users("ray") == {"selfplay.cluster"}


def test_rules_and_core_know_no_torch_no_ray_and_no_layer_above():
    for package in ("torch", "ray", "selfplay", "rich", "msgspec"):
        assert not {name for name in users(package) if name.startswith(("games", "native"))}
    assert not {name for name in users("games") if name.startswith("native")}


def test_only_the_core_and_the_games_compile():
    assert all(name.startswith(("native", "games")) for name in users("numba"))


def test_nobody_imports_tests_or_benchmarks():
    assert not users("tests") and not users("benchmarks")


def test_library_code_prints_nothing_and_reads_no_environment():
    """Commands print; everything else returns. Nothing reads environment variables."""
    speaking = {
        "selfplay.watchdog",
        "selfplay.cli",
        "selfplay.report",
        "selfplay.training",
        "selfplay.screen",
        "selfplay.play",
    }
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                assert name in speaking, f"{name} prints"
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                # Ray's settings are variables of its processes' environment, so some are set while they are started.
                assert name == "selfplay.session", f"{name} reads the environment"
