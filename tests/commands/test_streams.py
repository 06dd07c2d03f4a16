"""Standard streams that are closed, full, gone, or cannot show a letter: work is done as ever, and
nobody sees a traceback."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfplay import config_file
from selfplay.commands import streams
from selfplay.storage.checkpoint import find
from tests.learning.test_loop import SMALL

pytestmark = pytest.mark.slow

CLOSED = ("<&-", ">&-", "2>&-")


def shell(words: str, folder: Path, **environment) -> subprocess.CompletedProcess:
    """Run `selfplay WORDS` by a shell in a folder, with input that no command should read on
    from."""
    command = f"{sys.executable} -m selfplay.cli {words}"
    environment = (
        os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)} | environment
    )
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        input="",
    )


@pytest.mark.parametrize(
    "closed",
    [" ".join(some) for count in (1, 2, 3) for some in itertools.combinations(CLOSED, count)],
)
def test_closed_streams_are_no_reason_to_fail(closed, tmp_path):
    """Services and schedulers start programs so (crudini#67, werkzeug#1915, dvc#10041)."""
    for words in ("games", "--help"):
        done = shell(f"{words} {closed}", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert ("usage" in done.stdout or "Connect Four" in done.stdout) is (
            ">&-" not in closed.split()
        )
    done = shell(f"gmes {closed}", tmp_path)
    assert done.returncode == 2 and (done.stderr.count("\n") == 1) is ("2>&-" not in closed)


@pytest.mark.parametrize(
    "words",
    [
        "gtp random --game tictactoe",
        "analysis mcts:5 --game go5",
        "play tictactoe --second random",
        "play tictactoe --first random --second random",
        "arena random random --game tictactoe --games 2",
        "check tictactoe --games 2",
        "bench rules --game tictactoe --repeats 1 --seconds 0.01",
    ],
)
def test_a_closed_input_is_at_its_end_and_closed_outputs_take_everything(words, tmp_path):
    done = shell(f"{words} <&-", tmp_path)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert shell(f"{words} <&- >&- 2>&-", tmp_path).returncode == 0


def test_a_run_without_any_stream_is_trained_and_its_files_hold_nothing_printed(tmp_path):
    """The next file that is opened gets the number of a closed stream, and would be printed
    into."""
    (tmp_path / "small.toml").write_text(SMALL.replace("generations = 4", "generations = 1"))
    done = shell("train small.toml --actors 0 --out run <&- >&- 2>&-", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert config_file.parse((tmp_path / "run" / "config.toml").read_text()).generations == 1
    newest = find(str(tmp_path / "run"))
    assert (
        newest.generation == 1
        and newest.network()
        and (tmp_path / "run" / ".lock").read_text() == ""
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_errors_that_cannot_be_written_do_not_stop_the_work(tmp_path):
    assert shell("games 2>/dev/full", tmp_path).returncode == 0
    assert shell("gmes 2>/dev/full", tmp_path).returncode == 2
    (tmp_path / "small.toml").write_text(SMALL.replace("generations = 4", "generations = 1"))
    done = shell("train small.toml --actors 0 --out 'a run' 2>/dev/full", tmp_path)
    assert done.returncode == 0 and done.stdout == "play it with: selfplay play 'a run'\n"


def test_a_letter_that_the_encoding_lacks_is_written_as_a_code(tmp_path):
    """`ascii` in PYTHONIOENCODING, as some services set it; PEP 538 mends the locale C alone."""
    words = (
        "gtp random --game tictactoe",
        "play 'tictactoe-ü'",
        "arena random 'größe.py' --game tictactoe",
    )
    for each in words:
        done = shell(
            each,
            tmp_path,
            PYTHONIOENCODING="ascii",
            LC_ALL="C",
            PYTHONUTF8="0",
            PYTHONCOERCECLOCALE="0",
        )
        assert (
            "Traceback" not in done.stderr
            and done.returncode in (0, 2)
            and done.stderr.count("\n") <= 1
        )


def test_a_working_directory_that_is_gone_is_one_line(tmp_path):
    gone = (
        "import os, sys, tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d); from "
        "selfplay.cli import main; sys.exit(main())"
    )
    for words, code in ((["games"], 2), (["train", "dummy"], 2), (["--help"], 0)):
        where = Path(__file__).parent.parent.parent
        done = subprocess.run(
            [sys.executable, "-c", gone, *words], capture_output=True, text=True, cwd=where
        )
        said = (
            "selfplay: the working directory is gone; change to one that is there\n" if code else ""
        )
        assert (done.returncode, done.stderr) == (code, said)


def test_a_message_is_one_line_however_long_it_is():
    assert streams.abridged("short") == "short"
    long = streams.abridged("begin\n" + "x" * 100_000 + "\nend")
    assert (
        "\n" not in long
        and len(long) < 1100
        and long.startswith("begin x")
        and long.endswith("x end")
    )
