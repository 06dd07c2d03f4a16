"""The method on one screen: play, learn, measure, save; repeat.

    play     search amplifies the network's opinion, game after game          (the pool)
    learn    the network is trained to give the search's opinion at once      (the learner)
    measure  what amplification gained, what distillation lost                (the ledger)
    save     a checkpoint; whatever happens next, the run goes on from here   (the run's folder)

Network g is what learning made of generation g of games. Network 0 is random. Side by side, actors
play generation g + 1 with network g - 1 while the learner makes network g; whoever is ahead waits.
In lockstep one thing follows the other: network g - 1 plays generation g, and a seed repeats the
run exactly.
"""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from selfplay.actors.actor import Work, add_work
from selfplay.actors.local_pool import Pool
from selfplay.config import RunConfig, game_of
from selfplay.learning.background import Background
from selfplay.learning.balance import balanced
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


@dataclass(frozen=True)
class NumberedNetwork:
    generation: int
    network: Network


@dataclass(frozen=True)
class Played:
    """A generation of games."""

    generation: int
    games: Games
    work: Work | None  # None if all of them were on disk already
    simulations: int  # per search
    seconds: float  # that the actors took
    waited: float  # seconds that they had stood idle before
    is_resumed: bool  # were some of the games on disk already?


@dataclass
class State:
    """What a run carries from one generation to the next."""

    generation: int  # the newest network's
    learner: Learner
    replay: Replay
    ledger: Ledger
    spent: float = 0.0  # seconds of earlier processes
    generation_seconds: float = 0.0  # the newest one's, from checkpoint to checkpoint
    simulations: int = 0  # per search, where playing and learning are balanced; 0: not known yet
    watch: Watch = field(default_factory=Watch)
    good: int = 0  # the newest generation whose network is better than one that knows nothing
    unplayable: int | None = None  # the generation of a network that could not play
    began: float = field(default_factory=time.monotonic)
    actors_done: float = field(default_factory=time.monotonic)  # when they last had all games
    learner_done: float = field(default_factory=time.monotonic)  # when it last had saved

    @property
    def seconds(self) -> float:
        """Spent so far, over all restarts."""
        return self.spent + time.monotonic() - self.began


def train(
    run: Run, pool: Pool, screen: ProgressReporter, time_limit: float | None = None
) -> Checkpoint:
    """Run to the last generation, or until `time_limit` seconds are spent, and return the last
    checkpoint. Diverged, with what to do, if a network comes out that cannot play; it is not
    stored."""
    state, newest = start_or_resume(run, screen)
    go_through = in_lockstep if run.config.lockstep else side_by_side
    try:
        return go_through(run, pool, screen, state, time_limit) or newest
    except FloatingPointError as error:
        if state.unplayable is not None:
            state.good = run.give_up(state.unplayable)
        raise Diverged(run.what_to_change(state.generation + 1, state.good, error)) from None


def in_lockstep(
    run: Run, pool: Pool, screen: ProgressReporter, state: State, time_limit: float | None
) -> Checkpoint | None:
    """Play a generation, then learn from it. Returns the last checkpoint, None if nothing was left
    to do."""
    config, newest = run.config, None
    while not is_over(config, state, time_limit):
        begin, before = progress(config, state, time_limit), newest_network(state)
        played = play(run, pool, screen, state, before, state.generation + 1, begin)
        end = max(begin, progress(config, state, time_limit, generations=1))
        newest = distil(run, screen, state, played, before.network, (begin, end), time_limit)
    return newest


def side_by_side(
    run: Run, pool: Pool, screen: ProgressReporter, state: State, time_limit: float | None
) -> Checkpoint | None:
    """Learn from a generation while the next one is played. Returns the last checkpoint, None if
    nothing was left to do."""
    config, ahead, newest = run.config, None, None
    while ahead is not None or not is_over(config, state, time_limit):
        generation = state.generation + 1
        begin, before = progress(config, state, time_limit), newest_network(state)
        played = ahead or play(run, pool, screen, state, before, generation, begin)
        end = progress(config, state, time_limit, 1, state.generation_seconds)
        is_last = is_over(config, state, time_limit, generations=1)
        shares, net = (begin, end), before.network
        task = partial(distil, run, screen, state, played, net, shares, time_limit)
        with Background(task) as learning:
            ahead = None
            if not is_last:
                ahead = play(run, pool, screen, state, before, generation + 1, end, learning.check)
            newest = learning.result()
        if ahead is not None and not ahead.is_resumed:
            low, high = min(config.search.simulations), max(config.search.simulations)
            learned = newest.ledger["seconds_learn"] + newest.ledger["seconds_measure"]
            state.simulations = balanced(ahead.simulations, ahead.seconds, learned, low, high)
    return newest


def newest_network(state: State) -> NumberedNetwork:
    """A copy of the averaged network, which stays as it is while the learner goes on."""
    return NumberedNetwork(state.generation, copy.deepcopy(state.learner.averaged))


def play(
    run: Run,
    pool: Pool,
    screen: ProgressReporter,
    state: State,
    player: NumberedNetwork,
    generation: int,
    share: float,
    check: Callable[[], None] = lambda: None,
) -> Played:
    """A generation's games by `player`, the newest network, written to disk as they are finished.
    `share` of the run is done when they are learned from. `check` is called between two deliveries,
    and raises what ends the run."""
    begin, wanted = time.monotonic(), run.config.replay.rows_per_generation
    waited = begin - state.actors_done
    simulations = simulations_now(run.config, state, share)
    earlier = run.shards.load(generation, screen.line)  # played before the process was killed
    parts, works = [earlier] if earlier is not None else [], []
    rows = sum(part.rows for part in parts)
    screen.playing(generation, rows, wanted)
    if rows < wanted:
        for delivered, work in deliveries(pool, state, player, simulations, wanted - rows):
            run.shards.add(generation, delivered)
            parts.append(delivered)
            works.append(work)
            rows += delivered.rows
            screen.played(delivered, work, rows, wanted)
            check()
    played = concatenate(parts)
    run.shards.seal(generation, played)
    state.actors_done = time.monotonic()
    screen.waiting("play")
    seconds, work = state.actors_done - begin, add_work(works) if works else None
    return Played(generation, played, work, simulations, seconds, waited, earlier is not None)


def deliveries(
    pool: Pool, state: State, player: NumberedNetwork, simulations: int, rows: int
) -> Iterator[tuple[Games, Work]]:
    """Finished games of `rows` rows. A network whose answers are no numbers is remembered."""
    try:
        state.ledger.precision = pool.load(
            weights_of(player.network), player.generation, simulations
        )
        yield from pool.play(rows)
    except FloatingPointError:
        state.unplayable = player.generation
        raise


def distil(
    run: Run,
    screen: ProgressReporter,
    state: State,
    played: Played,
    before: Network,
    shares: tuple[float, float],
    time_limit: float | None,
    go_on: Callable[[], None] = lambda: None,
) -> Checkpoint:
    """Learn from a generation's games, measure, save. `before` is the network until then, `shares`
    the share of the run that is done at the begin and at the end. `go_on` is called between two
    steps, and raises what ends the run."""
    config, generation = run.config, played.generation
    torch.set_num_threads(config.learner.threads)
    waited, begin = time.monotonic() - state.learner_done, time.monotonic()
    state.replay.add(played.games)
    onset = judged(config, state, played)
    losses = learn(config, screen, state, played, shares, go_on)
    after = judged(config, state, played)
    learned = time.monotonic()
    entry = state.ledger.measure(
        generation,
        before,
        state.learner.averaged,
        played.simulations,
        played.games,
        played.work,
        losses,
        screen,
        last=is_over(config, state, time_limit, generations=1),
        seconds=None if config.lockstep else time.monotonic() - state.began,
        go_on=go_on,
    )
    measured = time.monotonic()
    state.generation, state.generation_seconds = generation, measured - state.learner_done
    entry |= {
        "seconds": state.generation_seconds,
        "seconds_play": played.seconds,
        "seconds_learn": learned - begin,
        "seconds_measure": measured - learned,
        "actors_waited": played.waited,
        "learner_waited": waited,
        "window_rows": state.replay.rows,
    }
    # on rows of this generation, before and after they were learned from
    entry |= {f"onset_{name}": value for name, value in onset.items()}
    entry |= {f"learned_{name}": value for name, value in after.items()}
    newest = save(run, state, entry)
    screen.generation(entry, generation / config.generations, state.seconds)
    screen.waiting("learn")
    if warning := state.watch.look(entry):
        screen.line(f"{warning}; it can be gone on with more slowly: {run.slower_command()}")
    state.learner_done = time.monotonic()
    return newest


def learn(
    config: RunConfig,
    screen: ProgressReporter,
    state: State,
    played: Played,
    shares: tuple[float, float],
    go_on: Callable[[], None],
) -> dict:
    """Draw each row `samples_per_row` times on average over its stay in the window."""
    rows = played.games.rows * config.replay.samples_per_row
    steps = max(1, round(rows / config.learner.batch))
    screen.learning(played.generation, steps)
    random = np.random.default_rng([config.seed, played.generation])
    return state.learner.learn(state.replay, steps, random, shares, go_on)


def judged(config: RunConfig, state: State, played: Played) -> dict:
    """The averaged network's losses on this generation's games; the same rows, whenever asked."""
    return state.learner.judge(
        state.replay, np.random.default_rng([config.seed, played.generation, 1])
    )


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
            "simulations": state.simulations,
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
        state.generation, state.spent = newest.generation, newest.progress["seconds"]
        state.simulations = newest.progress.get("simulations", 0)
        state.generation_seconds = newest.ledger.get("seconds", 0.0)
        state.good = run.last_good(newest).generation
        if newest.has_learner:
            state.learner.restore(newest.learner(), newest.network())
        else:
            state.learner.begin_from(newest.network())
        state.replay.restore(
            games_before(run, newest.generation + 1, screen), newest.progress["rows"]
        )
        screen.took_up(state.seconds)
    drop_later_games(run, state.generation)
    run.reconcile_ledger(newest)
    state.began = state.actors_done = state.learner_done = time.monotonic()
    return state, newest


def drop_later_games(run: Run, generation: int) -> None:
    """Forget games of later networks than this generation's, which may have diverged. The next
    generation's are none of them, nor those after, if they were played side by side."""
    ahead = run.shards.load(generation + 2)
    is_kept = ahead is not None and ahead.generation.max() <= generation
    run.shards.drop_after(generation + (2 if is_kept else 1))


def games_before(run: Run, generation: int, screen: ProgressReporter) -> Iterator[Games]:
    """The games of earlier generations, newest first, each read when it is asked for."""
    for earlier in range(generation - 1, 0, -1):
        if (played := run.shards.load(earlier, screen.line)) is not None:
            yield played


def simulations_now(config: RunConfig, state: State, share: float) -> int:
    """Simulations of a search: by the stage of the run, or those that let neither actors nor the
    learner wait."""
    if config.search.simulations_by == "stages" or config.lockstep:
        return simulations_at(config, share)
    low, high = min(config.search.simulations), max(config.search.simulations)
    return min(high, max(low, state.simulations))


def simulations_at(config: RunConfig, share: float) -> int:
    """Simulations a search once `share` of the run is done: it is cut into equal stages (MiniZero's
    progressive simulation)."""
    stages = config.search.simulations
    return stages[min(len(stages) - 1, int(share * len(stages) + 1e-9))]


def progress(
    config: RunConfig,
    state: State,
    time_limit: float | None,
    generations: int = 0,
    seconds: float = 0.0,
) -> float:
    """The run's share done, once so many more generations are made and seconds spent: by
    generations, or by time if that is what will end it."""
    by_time = (state.seconds + seconds) / time_limit if time_limit else 0.0
    return min(1.0, max((state.generation + generations) / config.generations, by_time))


def is_over(
    config: RunConfig, state: State, time_limit: float | None, generations: int = 0
) -> bool:
    """Is the run over, once so many more generations are made? By time, no generation is begun of
    which more than half would lie beyond the limit; the first one always is."""
    made = state.generation + generations
    if made >= config.generations or not time_limit or not made:
        return made >= config.generations
    return state.seconds + (generations + 0.5) * state.generation_seconds >= time_limit
