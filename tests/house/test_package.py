"""What is installed: a wheel holds every module and every data file, and the constraints fit the
stated ranges."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(build, capture_output=True, text=True)
    if "No module named" in done.stderr or "BackendUnavailable" in done.stderr:
        pytest.skip("setuptools is not installed here")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_a_wheel_holds_every_module_preset_and_exam(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = [
        p
        for package in ("native", "games", "selfplay")
        for p in (ROOT / package).rglob("*")
        if p.is_file()
    ]
    wanted = {
        str(p.relative_to(ROOT)) for p in wanted if p.suffix in (".py", ".toml", ".txt", ".json")
    }
    assert wanted <= held
    assert not [name for name in held if name.startswith(("tests", "benchmarks"))]


def test_an_unpacked_wheel_works_alone(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "from selfplay.cli import main; import selfplay; print(selfplay.__file__); main(['games'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert (
        done.returncode == 0 and str(tmp_path) in done.stdout and "connect4-quick" in done.stdout
    ), done.stderr


def test_the_constraints_lie_in_the_stated_ranges():
    from packaging.requirements import Requirement

    text = (ROOT / "setup.py").read_text()
    pinned = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    for quoted in text.split('"')[1::2]:
        if ">=" in quoted and quoted[0].isalpha():
            requirement = Requirement(quoted)
            assert pinned[requirement.name] in requirement.specifier, quoted


def test_the_readme_shows_commands_that_exist():
    from selfplay.cli import parser

    commands = parser()._subparsers._group_actions[0].choices
    shown = [
        line.split()
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("    selfplay ")
    ]
    assert len(shown) >= 5
    for words in shown:
        assert words[1] in commands, words
