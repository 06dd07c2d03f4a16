"""The method on one screen: play, learn, measure, save; repeat.

    play     search amplifies the network's opinion, game after game          (the pool)
    learn    the network is trained to give the search's opinion at once      (the learner)
    measure  what amplification gained, what distillation lost                (the ledger)
    save     a checkpoint; whatever happens next, the run goes on from here   (the run's folder)

Network g is what learning made of the games that network g - 1 played. Network 0 is random.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from selfplay.actors.actor import Work, add_work
from selfplay.actors.local_pool import Pool
from selfplay.config import RunConfig, game_of
from selfplay.learning.learner import Learner
from selfplay.learning.ledger import Ledger
from selfplay.learning.progress import ProgressReporter
from selfplay.learning.replay import Replay
from selfplay.network.network import Network
from selfplay.network.weights import Diverged, new_network, shape_for, weights_of
from selfplay.storage import checkpoint
from selfplay.storage.checkpoint import Checkpoint
from selfplay.storage.divergence import Watch, worse_than_nothing
from selfplay.storage.records import Games, concatenate
from selfplay.storage.run import Run


@dataclass
class State:
    """What a run carries from one generation to the next."""

    generation: int
    learner: Learner
    replay: Replay
    ledger: Ledger
    seconds: float = 0.0  # spent so far, over all restarts
    watch: Watch = field(default_factory=Watch)
    good: int = 0  # the newest generation whose network is better than one that knows nothing


def train(
    run: Run, pool: Pool, screen: ProgressReporter, time_limit: float | None = None
) -> Checkpoint:
    """Run to the last generation, or until `time_limit` seconds are spent, and return the last
    checkpoint. Diverged, with what to do, if a network comes out that cannot play; it is not
    stored."""
    state, newest = start_or_resume(run, screen)
    while not is_over(run.config, state, time_limit):
        try:
            newest = advance(run, pool, screen, state, time_limit)
        except FloatingPointError as error:
            raise Diverged(run.what_to_change(state.generation, state.good, error)) from None
    return newest


def advance(
    run: Run, pool: Pool, screen: ProgressReporter, state: State, time_limit: float | None
) -> Checkpoint:
    """One generation: play, learn, measure, save."""
    begin, before = time.monotonic(), progress(run.config, state, time_limit)
    state.generation += 1
    state.ledger.remember(state.learner.averaged)
    simulations = simulations_at(run.config, before)

    played, work = play(run, pool, screen, state, simulations)
    state.replay.add(played)
    state.seconds += time.monotonic() - begin
    after = max(progress(run.config, state, time_limit), before)
    begin = time.monotonic()
    losses = learn(run.config, screen, state, played.rows, (before, after))
    state.seconds += time.monotonic() - begin
    begin, last = time.monotonic(), is_over(run.config, state, time_limit)
    entry = state.ledger.measure(
        state.generation, state.learner.averaged, simulations, played, work, losses, screen, last
    )
    state.seconds += time.monotonic() - begin
    newest = save(run, state, entry)
    screen.generation(entry, state.generation / run.config.generations, state.seconds)
    if warning := state.watch.look(entry):
        screen.line(f"{warning}; it can be gone on with more slowly: {run.slower_command()}")
    return newest


def play(
    run: Run, pool: Pool, screen: ProgressReporter, state: State, simulations: int
) -> tuple[Games, Work | None]:
    """A generation's games by the newest averaged network, written to disk as they are finished."""
    config, generation = run.config, state.generation
    wanted = config.replay.rows_per_generation
    earlier = run.shards.load(generation, screen.line)  # played before the process was killed
    parts, works = [earlier] if earlier is not None else [], []
    rows = sum(part.rows for part in parts)
    screen.playing(generation, rows, wanted)
    try:
        if rows < wanted:
            weights = weights_of(state.learner.averaged)
            state.ledger.precision = pool.load(weights, generation - 1, simulations)
            for delivered, work in pool.play(wanted - rows):
                run.shards.add(generation, delivered)
                parts.append(delivered)
                works.append(work)
                rows += delivered.rows
                screen.played(delivered, work, rows, wanted)
    except FloatingPointError:
        state.good = run.give_up(generation - 1)
        raise
    played = concatenate(parts)
    run.shards.seal(generation, played)
    return played, add_work(works) if works else None


def learn(
    config: RunConfig,
    screen: ProgressReporter,
    state: State,
    new_training_batch: int,
    progress: tuple[float, float],
) -> dict:
    """Draw each row `samples_per_row` times on average over its stay in the window."""
    steps = max(1, round(new_training_batch * config.replay.samples_per_row / config.learner.batch))
    screen.learning(state.generation, steps)
    random = np.random.default_rng([config.seed, state.generation])
    return state.learner.learn(state.replay, steps, random, progress)


def save(run: Run, state: State, entry: dict) -> Checkpoint:
    """The ledger's line is part of the checkpoint: either both are there after a kill, or
    neither."""
    averaged: Network = state.learner.averaged
    here = Checkpoint(
        path=run.checkpoints / f"{state.generation:04d}",
        game=run.config.game,
        generation=state.generation,
        shape=averaged.shape,
        config=run.config,
        ledger=entry,
        progress={
            "rows": state.replay.total_rows,
            "seconds": state.seconds,
            "ledger": run.ledger_after(entry),
        },
    )
    checkpoint.write(run.checkpoints, here, averaged, state.learner.state())
    if not worse_than_nothing(entry):
        state.good = state.generation
    checkpoint.drop_learner_states(run.checkpoints, spared=state.good)
    if entry:
        run.append_ledger(entry)
    return here


def start_or_resume(run: Run, screen: ProgressReporter) -> tuple[State, Checkpoint]:
    """Begin the run, or go on from its newest whole checkpoint."""
    torch.set_num_threads(run.config.learner.threads)
    game = game_of(run.config)
    newest = run.newest(screen.line)
    shape = shape_for(game, run.config.network, run.config.learner)
    if newest is not None:
        checkpoint.check_game(newest, game)
    network = new_network(shape, run.config.seed)
    learner = Learner(
        network, run.config.learner, run.config.network.precision, run.config.network.device
    )
    state = State(0, learner, Replay(game, run.config.replay), Ledger(run.config))
    if newest is None:
        newest = save(run, state, {})
    else:
        state.generation, state.seconds = newest.generation, newest.progress["seconds"]
        state.good = run.last_good(newest).generation
        if newest.has_learner:
            state.learner.restore(newest.learner(), newest.network())
        else:
            state.learner.begin_from(newest.network())
        state.replay.restore(
            games_before(run, newest.generation + 1, screen), newest.progress["rows"]
        )
        screen.took_up(state.seconds)
    run.shards.drop_after(state.generation + 1)
    run.reconcile_ledger(newest)
    return state, newest


def games_before(run: Run, generation: int, screen: ProgressReporter) -> Iterator[Games]:
    """The games of earlier generations, newest first, each read when it is asked for."""
    for earlier in range(generation - 1, 0, -1):
        if (played := run.shards.load(earlier, screen.line)) is not None:
            yield played


def simulations_at(config: RunConfig, share: float) -> int:
    """Simulations a search once `share` of the run is done: it is cut into equal stages (MiniZero's
    progressive simulation)."""
    stages = config.search.simulations
    return stages[min(len(stages) - 1, int(share * len(stages) + 1e-9))]


def progress(config: RunConfig, state: State, time_limit: float | None) -> float:
    """The run's share done: by generations, or by time if that is what will end it."""
    by_time = state.seconds / time_limit if time_limit else 0.0
    return min(1.0, max(state.generation / config.generations, by_time))


def is_over(config: RunConfig, state: State, time_limit: float | None) -> bool:
    return state.generation >= config.generations or bool(
        time_limit and state.seconds >= time_limit
    )
