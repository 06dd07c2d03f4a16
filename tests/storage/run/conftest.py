"""Runs for these tests: one that two generations have trained, copied for each test."""

import shutil

import pytest

from selfplay.commands import training
from tests.learning.test_loop import settings, train


@pytest.fixture(autouse=True)
def no_conclusion(monkeypatch):
    """The match at a run's end takes longer than the run."""
    monkeypatch.setattr(training, "conclude", lambda *_: None)


@pytest.fixture(scope="session")
def two(tmp_path_factory):
    """A run of two generations."""
    folder = tmp_path_factory.mktemp("runs") / "two"
    train(folder, settings(generations=2))
    return folder


@pytest.fixture
def run(two, tmp_path):
    """A copy of it."""
    shutil.copytree(two, tmp_path / "a run")
    return tmp_path / "a run"
