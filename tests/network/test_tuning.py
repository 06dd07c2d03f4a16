"""How many games and threads an actor should have is measured once, and a run keeps what it was
told."""

import msgspec

from selfplay import config, config_file
from selfplay.commands import training
from selfplay.network import tuning
from selfplay.network.weights import new_network, shape_for
from selfplay.storage.run import Run
from tests.learning import test_loop

SMALL = config_file.parse(test_loop.SMALL)


def test_the_smallest_batch_that_is_about_as_fast_as_the_fastest_is_taken():
    assert tuning.smallest_good({16: 50.0, 32: 98.0, 64: 100.0, 128: 99.0}) == 32
    assert tuning.smallest_good({16: 50.0, 32: 96.0, 64: 100.0, 128: 104.0}) == 128


def test_rates_are_measured_for_every_batch():
    game = config.game_of(SMALL)
    rates = tuning.by_batch(new_network(shape_for(game, SMALL.network), 0), "fp32", (1, 8))
    assert set(rates) == {1, 8} and rates[8] > rates[1] > 0


def test_a_run_keeps_the_games_that_were_measured_at_its_start(tmp_path, monkeypatch):
    wanted = msgspec.structs.replace(SMALL, actor=msgspec.structs.replace(SMALL.actor, games=0))
    shape = shape_for(config.game_of(SMALL), SMALL.network)
    monkeypatch.setattr(training, "games_and_threads", lambda network, precision, device: (48, 2))
    first = training.tuned(wanted, tmp_path / "run", shape)
    assert (first.actor.games, first.actor.threads) == (48, 2)
    Run(tmp_path / "run", first).lock.close()
    # busy this time
    monkeypatch.setattr(training, "games_and_threads", lambda network, precision, device: (16, 1))
    again = training.tuned(wanted, tmp_path / "run", shape)
    assert again == first
    Run(tmp_path / "run", again).lock.close()  # the same run, so it is opened
    assert training.tuned(SMALL, tmp_path / "run", shape) == SMALL  # what was set is not measured
