"""A short run of every fuzz; `python -m tests.fuzz --inputs N` does more."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import KINDS

pytestmark = pytest.mark.slow

INPUTS = 100


@pytest.mark.parametrize("kind", KINDS)
def test_altered_and_made_up_input_is_refused_cleanly_or_harmless(kind):
    command = [sys.executable, "-m", "tests.fuzz", kind, "--inputs", str(INPUTS)]
    done = subprocess.run(
        command, cwd=Path(__file__).parent.parent.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
