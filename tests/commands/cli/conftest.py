"""A run for these tests."""

import pytest

from selfplay import cli
from tests.learning.test_loop import SMALL


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A finished miniature run of tic-tac-toe."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "small.toml").write_text(SMALL)
    path = folder / "run"
    assert (
        cli.main(
            [
                "train",
                str(folder / "small.toml"),
                "--out",
                str(path),
                "--actors",
                "0",
                "--set",
                "generations=2",
            ]
        )
        == 0
    )
    return path
