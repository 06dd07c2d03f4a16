"""What README and ARCHITECTURE promise of safety, sides, layers and measuring is still said there,
and still tested.

ARCHITECTURE's last table has a promise, word for word as one of the two texts makes it, and the
tests that hold it.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEADING = "## Promises, and the tests that hold them"


def words(text: str) -> str:
    """The text without line breaks and emphasis."""
    return " ".join(text.replace("*", "").split())


BODY, TABLE = (ROOT / "ARCHITECTURE.md").read_text().split(HEADING)
SAID = words(BODY) + words((ROOT / "README.md").read_text())
ROWS = [
    tuple(cell.strip() for cell in line.split("|")[1:3])
    for line in TABLE.splitlines()
    if line.startswith("| ")
][1:]


@pytest.mark.parametrize("promise, tests", ROWS)
def test_a_promise_is_made_and_a_test_holds_it(promise, tests):
    assert words(promise) in SAID
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", tests)
    assert named
    for file, function in named:
        tree = ast.parse(next((ROOT / "tests").rglob(file)).read_text())
        found = {
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        }
        assert function in found if function else found
