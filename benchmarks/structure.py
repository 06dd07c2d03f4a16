"""How the house is built: `python benchmarks/structure.py [CHECKOUT ...]`.

Counts of the three packages: files, functions and their lengths, folders, arrows between rooms (a
folder, or a file that lies beside folders), whether they run in circles, long lines, and names of
top-level functions, classes and constants that more than one file defines.
"""

import ast
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
from measure import ROOT, commit, figure, parser, report

PACKAGES = ("selfplay", "games", "native")
LONG = 100


def measure(root: Path) -> dict[str, tuple[int, str]]:
    """{what: (count, unit)}."""
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
    long_files = sum(len(path.read_text().splitlines()) > 400 for path in files)
    fullest = max(Counter(path.parent for path in files).values())
    return {
        "files": (len(files), "files"),
        "lines": (len(lines), "lines"),
        "files of more than 400 lines": (long_files, "files"),
        "functions": (len(lengths), "functions"),
        "lines of a function, median": (round(np.median(lengths)), "lines"),
        "lines of a function, p90": (round(np.percentile(lengths, 90)), "lines"),
        "lines of a function, max": (max(lengths), "lines"),
        "folders": (len(folders), "folders"),
        "most files in one folder": (fullest, "files"),
        "arrows between rooms": (len(arrows), "arrows"),
        "rooms that lie on a circle of arrows": (on_circles(arrows), "rooms"),
        f"lines of more than {LONG} columns": (sum(len(line) > LONG for line in lines), "lines"),
        "names that two or more files define": (sum(n > 1 for n in names.values()), "names"),
    }


def room(name: str) -> str:
    """A module's folder; the module itself, where it lies in a package's own folder."""
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


def on_circles(arrows: set[tuple[str, str]]) -> int:
    """Rooms of the first circle that is found; 0 if there is none."""
    graph: dict[str, set[str]] = {}
    for a, b in arrows:
        graph.setdefault(a, set()).add(b)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return len(set(error.args[1]))
    return 0


def main() -> None:
    made = parser(__doc__)
    made.add_argument("checkouts", nargs="*", type=Path, metavar="CHECKOUT", default=[ROOT])
    options = made.parse_args()
    for checkout in options.checkouts:
        counts = measure(checkout.resolve())
        figures = [
            figure("checkouts", f"structure: {what}", *count, commit=commit(checkout))
            for what, count in counts.items()
        ]
        report(str(checkout), figures, options.record)


if __name__ == "__main__":
    main()
