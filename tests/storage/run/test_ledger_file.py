"""Whatever stands in ledger.jsonl, the run goes on."""

import numpy as np
import pytest

from selfplay.storage import checkpoint
from selfplay.storage.ledger_file import read_ledger
from selfplay.storage.run import Run
from tests.learning.test_loop import settings

LINES = {
    "a byte that is no UTF-8": b'{"generation": 1, "kl": \xff}\n',
    "NaN": b'{"generation": 1, "kl": NaN}\n',
    "an infinity": b'{"generation": 1, "kl": 1e999}\n',
    "a list": b"[1, 2]\n",
    "a number": b"17\n",
    "no generation": b'{"kl": 1.0}\n',
    "a generation that is no "
    "number": b'{"generation": "one"}\n{"generation": [1]}\n{"generation": {}}\n',
    "a generation below 0": b'{"generation": -3}\n',
    "another generation's line": b'{"generation": 900}\n',
    "brackets 60,000 deep": b"[" * 60_000 + b"\n",
    "objects 10,000 deep": b'{"a":' * 10_000 + b"\n",
    "a line of 3 MB": b'{"generation": 1, "x": "' + b"y" * 3_000_000 + b'"}\n',
    "a number of 10,000 digits": b'{"generation": ' + b"9" * 10_000 + b"}\n",
    "bytes 0": bytes(1000),
    "nothing": b"",
    "a cut line": b'{"generation": 1, "kl"',
    "the same line twice": b'{"generation": 1}\n{"generation": 1}\n',
}


@pytest.mark.parametrize("name", LINES)
def test_the_ledger_is_rebuilt_from_the_checkpoints_whatever_is_in_it(run, name):
    before = (run / "ledger.jsonl").read_bytes()
    for text in (LINES[name], before + LINES[name], LINES[name] + before):
        (run / "ledger.jsonl").write_bytes(text)
        read_ledger(run)
        with Run(run, settings(generations=2)) as opened:
            opened.reconcile_ledger(opened.newest(print))
        assert (run / "ledger.jsonl").read_bytes() == before


def test_every_flipped_byte_of_the_ledger_is_undone(run):
    before = (run / "ledger.jsonl").read_bytes()
    with Run(run, settings(generations=2)) as opened:
        newest = opened.newest(print)
        for index in np.random.default_rng(0).integers(len(before), size=100):
            text = bytearray(before)
            text[index] ^= 1 << (index % 8)
            (run / "ledger.jsonl").write_bytes(text)
            opened.reconcile_ledger(newest)
            assert (run / "ledger.jsonl").read_bytes() == before


def test_a_folder_in_the_ledger_s_place_is_moved_aside(run):
    before = (run / "ledger.jsonl").read_bytes()
    (run / "ledger.jsonl").unlink()
    (run / "ledger.jsonl").mkdir()
    assert read_ledger(run) == []
    with Run(run, settings(generations=2)) as opened:
        opened.reconcile_ledger(opened.newest(print))
    assert (run / "ledger.jsonl").read_bytes() == before and (run / "ledger.jsonl.damaged").is_dir()


def test_a_whole_ledger_is_not_rebuilt_from_all_checkpoints(run, monkeypatch):
    """Else the time to go on would grow with the run's age."""
    with Run(run, settings(generations=2)) as opened:
        newest = opened.newest(print)
        monkeypatch.setattr(checkpoint, "read", None)
        opened.reconcile_ledger(newest)
