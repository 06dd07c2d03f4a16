"""A run's folder: what is in it belongs to the run or is refused."""

import os
import shutil
from pathlib import Path

import pytest

from selfplay.learning import loop
from selfplay.storage.run import Run
from tests.learning.test_loop import SMALL, settings
from tests.storage.run.train import command


@pytest.mark.parametrize(
    "name",
    [
        ".lock", "config.toml", "ledger.jsonl", "log.txt", "result.json", "games", "checkpoints",
        "games/0001.safetensors", "checkpoints/0001", "events.out.tfevents.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["outside", "inside", "nowhere"])
def test_a_link_in_a_run_s_folder_is_refused_by_name_and_its_target_is_left_alone(
    run, tmp_path, name, where
):
    """The target of `.lock` was emptied, and files in the target of `games` were deleted."""
    path, target = run / name, (run if where == "inside" else tmp_path) / "precious"
    is_folder = path.is_dir()
    if path.exists():
        path.rename(target)
    elif where != "nowhere":
        target.write_bytes(b"mine")
    if is_folder:
        (target / ".notes.1.tmp").write_bytes(b"mine")
        (target / "0009.safetensors").write_bytes(b"mine")
    if where == "nowhere" and target.exists():
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    path.symlink_to(target)
    before = contents(target)
    with pytest.raises(ValueError, match="is a symbolic link") as refusal:
        Run(run, settings(generations=2))
    assert str(path) in str(refusal.value)
    assert contents(target) == before


def contents(path: Path) -> dict:
    found = [path, *path.rglob("*")] if path.is_dir() else [path]
    return {str(p): p.read_bytes() for p in found if p.is_file()}


@pytest.mark.parametrize(
    "name",
    [".lock", "config.toml", "log.txt", "result.json", "games/0001.safetensors", "ledger.jsonl"],
)
def test_a_pipe_in_the_place_of_a_file_is_refused_and_waited_for_by_nobody(run, name):
    path = run / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(ValueError, match=f"{path.name} is no regular file"):
        Run(run, settings(generations=2))


@pytest.mark.parametrize(
    "name", [".lock", "config.toml", "log.txt", "result.json", "games/0001.safetensors"]
)
def test_a_folder_in_the_place_of_a_file_is_refused(run, name):
    (run / name).unlink(missing_ok=True)
    (run / name).mkdir()
    with pytest.raises(ValueError, match="is no regular file"):
        Run(run, settings(generations=2))


@pytest.mark.parametrize("name", ["games", "checkpoints", "checkpoints/0001"])
def test_a_file_in_the_place_of_a_folder_is_refused(run, name):
    shutil.rmtree(run / name)
    (run / name).write_bytes(b"")
    with pytest.raises(ValueError, match="is no folder"):
        Run(run, settings(generations=2))


def test_only_what_the_program_itself_left_unfinished_is_swept_away(run):
    ours = [
        run / ".config.toml.12.tmp",
        run / ".ledger.jsonl.9.tmp",
        run / "games/.0003-00001.safetensors.7.tmp",
    ]
    theirs = [
        run / ".notes.tmp",
        run / ".thesis.tex.1.tmp",
        run / "games/.mine.tmp",
        run / "checkpoints/.mine.tmp",
        run / "games/.0003.txt.7.tmp",
    ]
    for path in ours + theirs:
        path.write_bytes(b"x")
    (run / "checkpoints/.0003.tmp").mkdir()
    (run / "checkpoints/.0004.tmp").symlink_to(run.parent)
    with Run(run, settings(generations=2)):
        assert not any(path.exists() for path in ours) and all(path.exists() for path in theirs)
        assert (
            not (run / "checkpoints/.0003.tmp").exists()
            and not (run / "checkpoints/.0004.tmp").is_symlink()
        )
        assert run.parent.exists()


def test_a_run_that_is_closed_can_be_opened_again_in_the_same_process(run):
    with Run(run, settings(generations=2)), pytest.raises(ValueError, match="in use"):
        Run(run, settings(generations=2))
    Run(run, settings(generations=2)).close()
    (run / ".lock").write_text("whose?")
    with Run(run, settings(generations=2)):
        assert (run / ".lock").read_text() == "whose?"  # it is not ours to cut


def test_a_run_whose_folder_is_removed_ends_with_one_line(tmp_path, monkeypatch):
    (tmp_path / "small.toml").write_text(SMALL)
    folder = tmp_path / "r"
    gone = tmp_path / "gone"  # in one step: games are written into the folder meanwhile
    monkeypatch.setattr(loop, "learn", lambda *_: folder.rename(gone) and {"total": 0.0})
    monkeypatch.setattr(loop.Ledger, "measure", lambda *_: {"generation": 1})
    with pytest.raises(ValueError, match="was .*r removed while the run went on"):
        command(folder, resume=False)
    assert not folder.exists()
