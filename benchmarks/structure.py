"""How the house is built: `python benchmarks/structure.py [CHECKOUT ...]`, a column for each.

Counts of the three packages: files, functions and their lengths, folders, arrows between rooms (a folder, or a file that lies
beside folders), circles of such arrows, long lines, and names of top-level functions, classes and constants that more than one file defines.
"""

import ast
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np

PACKAGES = ("selfplay", "games", "native")
LONG = 100


def measure(root: Path) -> dict[str, str]:
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    trees = {path: ast.parse(path.read_text()) for path in files}
    modules = {".".join(path.relative_to(root).with_suffix("").parts): path for path in files}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    lengths = [
        node.end_lineno - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    folders = {path.parent for path in files}
    arrows = {
        (room(name), room(other))
        for name, path in modules.items()
        for other in used(trees[path], modules)
        if room(name) != room(other)
    }
    names = Counter(name for tree in trees.values() for name in set(defined(tree)))
    lines = [line for path in files for line in path.read_text().splitlines()]
    return {
        "files": str(len(files)),
        "lines": f"{len(lines):,}",
        "files of more than 400 lines": str(
            sum(len(path.read_text().splitlines()) > 400 for path in files)
        ),
        "functions": f"{len(lengths):,}",
        "their lines: median, p90, max": f"{np.median(lengths):.0f}, {np.percentile(lengths, 90):.0f}, {max(lengths)}",
        "folders": str(len(folders)),
        "most files in one folder": str(max(Counter(path.parent for path in files).values())),
        "arrows between rooms": str(len(arrows)),
        "circles among them": "none" if is_acyclic(arrows) else "some",
        f"lines of more than {LONG} columns": f"{sum(len(line) > LONG for line in lines):,}",
        "names that two or more files define": str(sum(count > 1 for count in names.values())),
    }


def room(name: str) -> str:
    """A module's folder; the module itself, where it lies in a package's own folder beside others."""
    package, *rest = name.split(".")
    return package if package == "games" or not rest else f"{package}.{rest[0]}"


def used(tree: ast.Module, modules: dict[str, Path]) -> set[str]:
    """The modules that a file imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in modules else node.module)
    return found & modules.keys() - set(PACKAGES)


def defined(tree: ast.Module) -> list[str]:
    """Public names of the top level."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [name for name in found if not name.startswith("_")]


def is_acyclic(arrows: set[tuple[str, str]]) -> bool:
    graph: dict[str, set[str]] = {}
    for a, b in arrows:
        graph.setdefault(a, set()).add(b)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError:
        return False
    return True


def main() -> None:
    roots = [Path(text) for text in sys.argv[1:]] or [Path(__file__).parent.parent]
    tables = [measure(root) for root in roots]
    for row in tables[0]:
        print(f"{row:<38}" + "".join(f"{table[row]:>16}" for table in tables))


if __name__ == "__main__":
    main()
