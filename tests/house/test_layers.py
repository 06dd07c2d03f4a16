"""The layer law: imports go down only, from folder to folder, and run in no circle inside a folder.

FLOORS is the house from top to bottom. A file that lies in none of its folders has no place in the
house yet. `python -m tests.house.test_layers` writes the map of folders into ARCHITECTURE.md.
"""

import ast
import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("native", "games", "selfplay")

# Top to bottom; a file imports from floors below its own, and from its own folder.
FLOORS = [
    ["selfplay.cli"],
    ["selfplay.commands"],
    ["selfplay.faces"],
    ["selfplay.learning"],
    ["selfplay.matches", "selfplay.actors"],
    ["selfplay.storage", "selfplay.searching"],
    ["selfplay.network"],
    ["selfplay.config_file"],
    ["selfplay.config"],
    ["selfplay.messages"],
    ["games"],
    ["native.episodes", "native.rows", "native.playout", "native.solver"],
    ["native.search"],
    ["native.abi", "native.perspective"],
    ["native.machine"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MAP = re.compile("(?<=<!-- map -->\n).*?(?=<!-- end of map -->)", re.DOTALL)


def modules() -> dict[str, Path]:
    """Name -> file of every module of the three packages."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            found[
                ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            ] = path
    return found


MODULES = modules()


def imports(path: Path, for_types: bool = True) -> set[str]:
    """Full names of the modules that a file imports, anywhere in it; `part("go_board", 9)` imports
    games.go_board. `for_types`: those too that only a type checker imports."""
    tree, found = ast.parse(path.read_text()), set()
    if not for_types:
        tree.body = [
            node
            for node in tree.body
            if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    if "part(" in path.read_text():
        parts = {
            f"games.{name}" for name in re.findall(r'"(\w+)"', path.read_text())
        } & MODULES.keys()
        found |= parts - {f"games.{path.stem}", "games.game"}
    return found


IMPORTS = {name: imports(path) for name, path in MODULES.items()}


def room(name: str) -> str:
    """The folder that a module lies in, or the module itself where it lies in a package's own
    folder."""
    package, *rest = name.split(".")
    return package if package == "games" or not rest else f"{package}.{rest[0]}"


def is_ours(name: str) -> bool:
    return name.split(".")[0] in PACKAGES


@pytest.mark.parametrize("name", [name for name in MODULES if name not in PACKAGES])
def test_imports_go_down_only(name):
    for other in filter(is_ours, IMPORTS[name]):
        if room(other) != room(name) and other not in PACKAGES:
            assert FLOOR[room(other)] > FLOOR[room(name)], f"{name} may not import {other}"


@pytest.mark.parametrize(
    "folder", sorted({room(name) for name in MODULES} - {"native", "selfplay"})
)
def test_no_folder_has_a_circle_of_imports(folder):
    inside = {name for name in MODULES if room(name) == folder and name not in PACKAGES}
    try:
        list(
            TopologicalSorter(
                {name: imports(MODULES[name], False) & inside for name in inside}
            ).static_order()
        )
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def users(package: str) -> set[str]:
    return {
        name
        for name, used in IMPORTS.items()
        if any(other.split(".")[0] == package for other in used)
    }


def test_no_file_outside_the_core_reads_a_node_or_an_edge():
    for path in (ROOT / "selfplay").rglob("*.py"):
        assert not re.search(
            r"forest\.(nodes|children|logits|edge_\w+|path_\w+)\b", path.read_text()
        ), path


def test_one_file_imports_ray():
    assert users("ray") == {"selfplay.actors.ray_pool"}


def test_rules_and_core_import_no_torch_no_ray_and_nothing_above():
    for package in ("torch", "ray", "selfplay", "rich", "msgspec"):
        assert not {name for name in users(package) if name.startswith(("games", "native"))}
    assert not {name for name in users("games") if name.startswith("native")}


def test_only_the_core_and_the_games_compile():
    assert all(name.startswith(("native", "games")) for name in users("numba"))


def test_nobody_imports_tests_or_benchmarks():
    assert not users("tests") and not users("benchmarks")


def test_tests_do_not_import_benchmarks():
    scripts = {path.stem for path in (ROOT / "benchmarks").rglob("*.py")}
    for path in (ROOT / "tests").rglob("*.py"):
        used = {name.split(".")[0] for name in imports(path)}
        assert "benchmarks" not in used and not used & scripts, path


def test_library_code_prints_nothing_and_reads_no_environment():
    """Commands print; everything else returns. Nothing reads environment variables."""
    speaking = {
        "selfplay.actors.watchdog",
        "selfplay.cli",
        "selfplay.learning.progress",
        "selfplay.faces.terminal",
    }
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "print"
            ):
                assert name in speaking or room(name) == "selfplay.commands", f"{name} prints"
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                # Ray reads its settings from the environment of its processes, so some are set
                # while they are started.
                assert name == "selfplay.actors.ray_session", f"{name} reads the environment"


def folder_map() -> str:
    """The table of ARCHITECTURE.md: a line a floor's room, from the first line of its docstring and
    its files' names."""
    lines = ["| folder | what it is | files |", "|---|---|---|"]
    for name in (name for rooms in FLOORS for name in rooms):
        path = MODULES[name]
        sentence = (
            ast.get_docstring(ast.parse(path.read_text())).split("\n\n")[0].replace("\n", " ")
        )
        is_folder = path.stem == "__init__"
        files = [
            other.stem for other in sorted(path.parent.glob("*.py")) if is_folder and other != path
        ]
        place = path.relative_to(ROOT).as_posix().removesuffix("__init__.py")
        lines.append(f"| `{place}` | {sentence} | {', '.join(files)} |")
    return "\n".join(lines) + "\n"


def test_the_map_in_architecture_is_the_house():
    assert MAP.search((ROOT / "ARCHITECTURE.md").read_text())[0] == folder_map()


if __name__ == "__main__":
    place = ROOT / "ARCHITECTURE.md"
    place.write_text(MAP.sub(lambda _: folder_map(), place.read_text()))
    sys.exit(0)
