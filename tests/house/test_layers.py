"""The layer law: imports go down only. A file that is not listed here has no place in the house yet."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

# Top to bottom; a file may import from layers below its own and from its own.
LAYERS = [
    ["selfplay.cli"],
    ["selfplay.faces.terminal", "selfplay.faces.gtp", "selfplay.faces.gtp_commands", "selfplay.faces.gtp_analysis", "selfplay.faces.gtp_time", "selfplay.faces.gtp_arguments", "selfplay.faces.game_session", "selfplay.faces.gogui", "selfplay.faces.katago", "selfplay.faces.katago_query", "selfplay.commands.check", "selfplay.commands.training", "selfplay.commands.bench", "selfplay.commands.report", "selfplay.commands.interrupt", "selfplay.commands.streams", "selfplay.faces.terminal_game"],
    ["selfplay.learning.loop", "selfplay.learning.progress", "selfplay.learning.ledger", "selfplay.matches.arena", "selfplay.matches.rating", "selfplay.actors.ray_pool", "selfplay.actors.ray_session", "selfplay.actors.watchdog"],
    ["selfplay.storage.run", "selfplay.actors.local_pool", "selfplay.actors.actor", "selfplay.learning.learner", "selfplay.learning.replay", "selfplay.storage.records",
     "selfplay.matches.players", "selfplay.matches.gtp_engine", "selfplay.faces.sgf", "selfplay.faces.sgf_text", "selfplay.faces.game_record", "selfplay.searching.anytime", "selfplay.faces.review", "selfplay.searching.clock", "selfplay.searching.time_control", "selfplay.searching.timed", "selfplay.searching.early_stop", "selfplay.searching.searcher", "selfplay.matches.exam", "selfplay.storage.checkpoint", "selfplay.storage.arrays", "selfplay.storage.shard_check", "selfplay.storage.weight_check", "selfplay.storage.run_settings", "selfplay.storage.ledger_file", "selfplay.storage.divergence", "selfplay.searching.reference", "selfplay.storage.files", "selfplay.config", "selfplay.messages"],
    ["selfplay.network.tuning", "selfplay.network.hardware", "selfplay.network.evaluator", "selfplay.network.precision", "selfplay.network.openvino_backend", "selfplay.network.network"],
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
    assert users("ray") == {"selfplay.actors.ray_pool"}


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
        "selfplay.actors.watchdog",
        "selfplay.cli",
        "selfplay.commands.report",
        "selfplay.commands.training",
        "selfplay.learning.progress",
        "selfplay.faces.terminal",
    }
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                assert name in speaking, f"{name} prints"
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                # Ray's settings are variables of its processes' environment, so some are set while they are started.
                assert name == "selfplay.actors.ray_session", f"{name} reads the environment"
