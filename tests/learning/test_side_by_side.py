"""Actors and the learner side by side: both really work at once, whoever is ahead waits, and what
ends one ends the other."""

import errno
import io
import shutil
import threading
import time

import msgspec
import pytest

import games
from selfplay import config_file
from selfplay.actors.local_pool import LocalPool
from selfplay.learning import loop
from selfplay.learning.background import Background, Stopped
from selfplay.learning.balance import balanced
from selfplay.learning.ledger import Budget
from selfplay.learning.progress import ProgressReporter
from selfplay.network.weights import Diverged, shape_for
from selfplay.storage import checkpoint
from selfplay.storage.records import Shards
from selfplay.storage.run import Run, read_ledger
from tests.learning.test_loop import SMALL, games_of

GAME = games.load("tictactoe")


def settings(*changes: str, **fields):
    return msgspec.structs.replace(config_file.parse(SMALL, list(changes)), **fields)


class WatchedPool:
    """A pool in this process that calls `before(generation of its network)` before a delivery."""

    def __init__(self, wanted, before=lambda generation: None):
        shape = shape_for(GAME, wanted.network, wanted.learner)
        self.pool, self.before = LocalPool(wanted, shape, 1, "fp32"), before
        self.loaded, self.is_closed = [], False

    def load(self, weights, generation, simulations):
        self.loaded.append((generation, simulations))
        return self.pool.load(weights, generation, simulations)

    def play(self, rows):
        for delivered in self.pool.play(rows):
            self.before(self.loaded[-1][0])
            yield delivered

    def close(self):
        self.is_closed = True
        self.pool.close()


def train(folder, wanted, pool, time_limit=None):
    with Run(folder, wanted) as run:
        screen = ProgressReporter(folder, wanted.generations, stream=io.StringIO())
        try:
            return loop.train(run, pool, screen, time_limit)
        finally:
            pool.close()
            screen.close()


def learners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "learner"]


def test_generation_two_is_played_while_generation_one_is_learned(tmp_path, monkeypatch):
    """Each waits in its work until the other one has begun."""
    plays, learns = threading.Event(), threading.Event()
    calls, learn = [], loop.learn

    def watched_learn(*rest):
        calls.append("learn")
        if len(calls) == 1:
            learns.set()
            assert plays.wait(60), "nobody played while generation 1 was learned"
        return learn(*rest)

    def before_delivery(generation):
        if learns.is_set():
            plays.set()

    monkeypatch.setattr(loop, "learn", watched_learn)
    pool = WatchedPool(settings(), before_delivery)
    assert train(tmp_path / "r", settings(), pool).generation == 4
    # network 0 plays generations 1 and 2, network g - 1 generation g + 1
    assert [generation for generation, _ in pool.loaded] == [0, 0, 1, 2]
    assert {game[0] for game in games_of(tmp_path / "r")} == {1, 2, 3, 4}
    assert not learners()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("slow", "waits"), [("play", "learner_waited"), ("learn", "actors_waited")]
)
def test_who_is_a_hundred_times_faster_waits_and_the_ledger_says_so(
    tmp_path, monkeypatch, slow, waits
):
    learn = loop.learn
    if slow == "learn":
        monkeypatch.setattr(loop, "learn", lambda *rest: (time.sleep(1.0), learn(*rest))[1])
    pool = WatchedPool(settings(), lambda _: time.sleep(0.5 if slow == "play" else 0.0))
    assert train(tmp_path / "r", settings(), pool).generation == 4
    entry = read_ledger(tmp_path / "r")[-1]
    works = {"learner_waited": "seconds_learn", "actors_waited": "seconds_play"}
    assert entry[waits] > entry[works[waits]]
    other = next(name for name in works if name != waits)
    assert entry[other] < entry[waits]


def test_an_actor_that_fails_ends_the_learner_too(tmp_path):
    def fail(generation):
        if generation == 1:
            raise ChildProcessError("actor 0 died 6 times in a row")

    with pytest.raises(ChildProcessError, match="actor 0"):
        train(tmp_path / "r", settings(), WatchedPool(settings(), fail))
    assert not learners()
    assert train(tmp_path / "r", settings(), WatchedPool(settings())).generation == 4
    assert [entry["generation"] for entry in read_ledger(tmp_path / "r")] == [1, 2, 3, 4]


def test_ctrl_c_ends_the_learner_within_a_step(tmp_path, monkeypatch):
    """The learner would go on for ever."""

    def endless(config, screen, state, played, shares, go_on):
        while True:
            go_on()
            time.sleep(0.01)

    def interrupt(generation):
        if learners():
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "learn", endless)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "r", settings(), WatchedPool(settings(), interrupt))
    assert not learners()


def test_learning_that_diverges_ends_the_actors_and_the_last_good_network_stays(
    tmp_path, monkeypatch
):
    learn = loop.learn

    def diverge(config, screen, state, played, *rest):
        if played.generation == 2:
            raise Diverged("loss total is not finite")
        return learn(config, screen, state, played, *rest)

    monkeypatch.setattr(loop, "learn", diverge)
    pool = WatchedPool(settings())
    with pytest.raises(Diverged, match=r"generation 2 .*checkpoint 0001 is the last good one"):
        train(tmp_path / "r", settings(), pool)
    assert pool.is_closed and not learners()
    newest = checkpoint.find(str(tmp_path / "r"))
    assert newest.generation == 1 and newest.has_learner


@pytest.mark.parametrize("where", ["games", "checkpoint"])
def test_a_full_disk_ends_both_and_the_run_goes_on(tmp_path, monkeypatch, where):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    add, write = Shards.add, checkpoint.write

    def add_two(shards, generation, played):
        return full() if generation == 3 else add(shards, generation, played)

    def write_one(folder, here, *rest):
        return full() if here.generation == 2 else write(folder, here, *rest)

    with monkeypatch.context() as patch:
        if where == "games":
            patch.setattr(Shards, "add", add_two)
        else:
            patch.setattr(checkpoint, "write", write_one)
        with pytest.raises(OSError, match="No space left"):
            train(tmp_path / "r", settings(), WatchedPool(settings()))
        assert not learners()
    assert train(tmp_path / "r", settings(), WatchedPool(settings())).generation == 4


def test_games_that_were_played_ahead_are_kept_when_the_run_goes_on(tmp_path, monkeypatch):
    """Generation 1 is not learned yet, and games of generation 2 are on disk."""
    has_two = threading.Event()

    def wait_and_fail(*_):
        assert has_two.wait(60)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "learn", wait_and_fail)
        beside = []

        def count(generation):
            if learners():
                beside.append(generation)
            if len(beside) == 2:  # the first delivery of generation 2 is on disk
                has_two.set()

        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "r", settings(), WatchedPool(settings(), count))
    before = games_of(tmp_path / "r")
    assert {game[0] for game in before} == {1, 2}
    train(tmp_path / "r", settings(), WatchedPool(settings()))
    assert set(before) <= set(games_of(tmp_path / "r"))


def test_games_of_networks_that_are_gone_are_forgotten(tmp_path):
    """Back at checkpoint 1, network 1 has played generations 2 and 3, in lockstep only 2."""
    for name, lockstep, kept in (("beside", False, {1, 2, 3}), ("lockstep", True, {1, 2})):
        wanted = settings(lockstep=lockstep)
        train(tmp_path / name, wanted, WatchedPool(wanted))
        folder = tmp_path / name / "checkpoints"
        # old checkpoints keep no learner's state; any of this shape will do
        shutil.copy(folder / "0004" / "learner.safetensors", folder / "0001")
        for generation in (2, 3, 4):
            shutil.rmtree(folder / f"{generation:04d}")
        screen = ProgressReporter(tmp_path / name, 4, stream=io.StringIO())
        with Run(tmp_path / name, wanted) as run:
            loop.start_or_resume(run, screen)
        screen.close()
        assert {game[0] for game in games_of(tmp_path / name)} == kept


def test_a_run_that_ends_by_time_learns_from_all_it_has_played(tmp_path):
    wanted = settings(generations=1000)
    newest = train(tmp_path / "r", wanted, WatchedPool(wanted), time_limit=3.0)
    assert newest.generation >= 1
    assert max(game[0] for game in games_of(tmp_path / "r")) == newest.generation
    assert "exam_net" in newest.ledger


def test_simulations_make_playing_take_as_long_as_learning():
    """A machine whose games take 0.2 + n / 40 seconds and whose learner takes 1.0."""
    simulations, low, high = 8, 4, 128
    for _ in range(12):
        simulations = balanced(simulations, 0.2 + simulations / 40, 1.0, low, high)
    assert 0.9 < 0.2 + simulations / 40 < 1.1
    assert balanced(8, 1.0, 100.0, low, high) == 12  # by half at most
    assert balanced(100, 1.0, 100.0, low, high) == 128
    assert balanced(5, 100.0, 1.0, low, high) == 4
    assert balanced(8, 0.0, 1.0, low, high) == 8  # the games were there already


@pytest.mark.slow
def test_a_run_finds_its_simulations_and_keeps_them(tmp_path, monkeypatch):
    learn = loop.learn
    monkeypatch.setattr(loop, "learn", lambda *rest: (time.sleep(0.5), learn(*rest))[1])
    wanted = settings(
        "search.simulations=[2, 16]", "search.simulations_by=balance", "generations=5"
    )
    pool = WatchedPool(wanted)
    train(tmp_path / "r", wanted, pool)
    used = [simulations for _, simulations in pool.loaded]
    assert used[:2] == [2, 2] and used == sorted(used) and used[-1] > 2 and max(used) <= 16
    found = checkpoint.find(str(tmp_path / "r")).progress["simulations"]
    longer = msgspec.structs.replace(wanted, generations=6)
    screen = ProgressReporter(tmp_path / "r", 6, stream=io.StringIO())
    with Run(tmp_path / "r", longer, may_change=True) as run:
        state, _ = loop.start_or_resume(run, screen)
    screen.close()
    assert state.simulations == found >= used[-1]


def test_measuring_keeps_to_its_share_of_the_time():
    budget = Budget(0.1)
    assert budget.allows(0.0)  # nobody knows yet what it costs
    budget.spent = budget.cost = 2.0
    assert not budget.allows(39.0) and budget.allows(40.0)
    with budget.spend():
        pass
    assert budget.cost < 1.0 and budget.spent >= 2.0


def test_a_task_that_is_left_is_stopped_and_what_it_raised_is_raised():
    def endless(go_on):
        while True:
            go_on()
            time.sleep(0.001)

    with pytest.raises(RuntimeError, match="owner"), Background(endless) as task:
        raise RuntimeError("owner")
    assert isinstance(task.error, Stopped) and not task.thread.is_alive()

    def fails(go_on):
        raise ValueError("task")

    with Background(fails) as task, pytest.raises(ValueError, match="task"):
        task.result()
    with pytest.raises(ValueError, match="task"):
        task.check()
    with Background(lambda go_on: 7) as task:
        assert task.result() == 7
