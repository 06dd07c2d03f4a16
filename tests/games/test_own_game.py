"""A user's own game: the README's worked example is proved, searched, trained, played and
solved."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import games
from selfplay import cli
from selfplay.commands import prove
from selfplay.matches.players import create
from tests.commands.cli.shell import selfplay
from tests.learning.test_loop import SMALL

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("other_home")]

ROOT = Path(__file__).parent.parent.parent


EXAMPLE = (ROOT / "tests" / "data" / "chomp.py").read_text()


@pytest.fixture(scope="module")
def chomp(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "chomp.py"
    path.write_text(EXAMPLE)
    return path


def core_on_disk() -> set[str]:
    return {path.name for path in (ROOT / "native" / "__pycache__").glob("*.nb*")}


def test_the_readme_shows_the_example_s_own_lines():
    shown = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[-1]
    code = [line.partition("  #")[0].rstrip() for line in EXAMPLE.splitlines()]
    assert all(line.partition("  #")[0].rstrip() in code for line in shown.splitlines())


def test_the_readme_s_python_runs(capsys):
    exec(re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0], {})
    *board, last = capsys.readouterr().out.split("\n")[:-1]
    assert board[0] == "1 2 3 4 5 6 7" and -1.0 <= float(last.split()[-1]) <= 1.0


def test_the_example_is_short():
    assert len(EXAMPLE.splitlines()) < 100


def test_its_first_use_compiles_its_own_functions_alone(chomp):
    games.load("tictactoe")
    prove.violations(games.load("tictactoe"), 2, 0)  # whatever the core needs is on disk now
    before, begin = core_on_disk(), time.perf_counter()
    assert prove.violations(games.load(str(chomp)), 20, 0) == []
    assert core_on_disk() == before
    assert time.perf_counter() - begin < 60  # a minute would be the core; seconds are the game


def test_check_proves_it(chomp, capsys):
    code, out, _ = selfplay("check", str(chomp), capsys=capsys)
    assert code == 0
    assert (
        f"holds  {prove.SEARCH_LAW}" in out
        and "positions/s" in out
        and "chomp: all laws hold" in out
    )


def test_the_solver_knows_that_the_first_player_wins(chomp):
    """Chomp is won by whoever moves first, on every board of more than one square (Gale 1974: by
    stealing the strategy)."""
    game = games.load(str(chomp))
    position, solver = game.start(), create("solver", game)
    while position.outcome is None:
        position.play(int(solver.choose(position.state[None])[0]))
    assert position.outcome == 1.0


def test_an_installed_package_offers_a_game_by_an_entry_point(chomp, tmp_path):
    """In a process of its own: a package beside a metadata folder is what an installation
    leaves."""
    shutil.copy(chomp, tmp_path / "sweets.py")
    metadata = tmp_path / "sweets-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sweets\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[selfplay.games]\nchomp = sweets:GAME\nbroken = sweets:ROWS\n"
    )
    program = (
        "import games, sys; from selfplay import cli; print(games.load('chomp').title, 'chomp' in "
        "games.names());sys.exit(cli.main(['check', 'broken']))"
    )
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "Chomp True\n" and done.returncode == 2
    assert done.stderr == "selfplay: the entry point 'broken' defines no GAME of type games.Game\n"


def test_it_is_trained_and_met_in_the_arena(chomp, tmp_path, capsys):
    toml = SMALL.replace('game = "tictactoe"', f'game = "{chomp}"')
    (tmp_path / "chomp.toml").write_text(toml)
    out = str(tmp_path / "run")
    assert cli.main(["train", str(tmp_path / "chomp.toml"), "--out", out, "--actors", "0"]) == 0
    capsys.readouterr()
    code, said, _ = selfplay("arena", out, "mcts:20", "--games", "8", "--json", capsys=capsys)
    assert code == 0 and json.loads(said)["game"] == "chomp"


@pytest.mark.parametrize(
    ("mistake", "law"),
    [
        (("2.0 * s.mover - 1.0", "3.0 * s.mover - 1.5"), r"outcomes lie in \[-1, 1\]"),
        (("return n\n", "return max(n, 1)\n"), "no legal move exactly when the game is over"),
        (("state[:] = 0\n", "pass\n"), "does not depend on old memory"),
        (("+ np.uint64(s.length[row])", "+ np.uint64(1)"), "equal keys mean equal observations"),
    ],
)
def test_a_mistake_is_explained_with_the_position(chomp, mistake, law, tmp_path, capsys):
    assert mistake[0] in EXAMPLE
    path = tmp_path / "wrong.py"
    path.write_text(EXAMPLE.replace(*mistake, 1))
    code, out, _ = selfplay("check", str(path), "--games", "20", capsys=capsys)
    assert code == 1 and re.search(f"FAILS  .*{law}", out)
    assert "not tried" in out
