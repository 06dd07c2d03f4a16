"""The command `train`: open the run's folder, choose the pool, run the loop, say what came of
it."""

import errno
import json
import os
import shlex
import shutil
import sys
import time as clock
from pathlib import Path

import msgspec

import games
from games.game import Game
from games.quoting import shown
from native.episodes import play_step
from native.machine.compile import are_stored
from native.machine.host import cores, memory
from native.rows import write_rows
from native.search.mcts import expand_and_backup
from selfplay import config, config_file
from selfplay.actors.actor import Actor
from selfplay.actors.local_pool import LocalPool, actors_here, cores_taken
from selfplay.actors.ray_session import parse_address
from selfplay.commands import prove
from selfplay.config import ActorConfig, RunConfig
from selfplay.learning import loop
from selfplay.learning.progress import ProgressReporter
from selfplay.network.hardware import is_gpu, usable_device
from selfplay.network.network import Shape
from selfplay.network.precision import check_precision, installed_precisions
from selfplay.network.tuning import games_and_threads
from selfplay.network.weights import new_network, shape_for, weights_of
from selfplay.searching.time_control import parse_seconds
from selfplay.storage.checkpoint import Checkpoint
from selfplay.storage.files import DamagedFile, read_json, write_json
from selfplay.storage.run import Run
from selfplay.storage.run_settings import changed, stored_config

ROOM = 1 << 20  # bytes free on a disk that is not full
# memory of a process that plays, without its trees: Python, torch, the compiled core
ACTOR_BYTES = 300_000_000


def train(
    preset: str | None,
    out: str | None,
    resume: bool,
    changes: list[str],
    actors: int | None,
    address: str | None,
    time: str | None,
    game: str | None = None,
    lockstep: bool = False,
) -> Checkpoint:
    """All that can be checked is checked before anything is written. ValueError with one line for
    what cannot be."""
    changes = [*changes, "lockstep=true"] if lockstep else changes
    settings, folder = plan(preset, out, resume, changes, game)
    limit = parse_time(time) or 60 * settings.minutes or None
    usable_device(settings.network.device)
    check_precision(settings.network.precision, installed_precisions(settings.network.device))
    shape = shape_for(config.game_of(settings), settings.network, settings.learner)
    settings = tuned(settings, folder, shape)
    actors = number_of_actors(
        actors, address, settings.actor.threads, settings.network.device, cores_taken(settings)
    )
    try:
        with Run(folder, settings, may_change=resume) as run:
            newest = run_loop(run, shape, actors, address, limit)
            conclude(run, newest)
    except FileNotFoundError as error:
        if not str(error.filename).startswith(str(folder)):
            raise
        raise ValueError(
            f"{error.filename} is gone: was {folder} removed while the run went on?"
        ) from None
    except OSError as error:
        if (
            error.filename is not None
            or error.errno != errno.ENOSPC
            or shutil.disk_usage(folder).free >= ROOM
        ):
            raise
        # a write does not say where
        raise OSError(error.errno, error.strerror, str(folder)) from None
    return newest


def run_loop(
    run: Run, shape: Shape, actors: int, address: str | None, limit: float | None
) -> Checkpoint:
    """Run the loop with a pool and a screen of its own."""
    settings = run.config
    screen = ProgressReporter(run.folder, settings.generations, limit)
    pool = None
    try:
        screen.line(
            f"{config.game_of(settings).name} in {run.folder}: {settings.generations} generations"
        )
        for key, there, here in run.changed:
            screen.line(f"{key} was {there} and is {here} from here on")
        compile_core(settings, shape, screen)
        pool = open_pool(run, shape, actors, address, screen)
        return loop.train(run, pool, screen, limit)
    finally:
        try:
            if pool is not None:
                pool.close()
        finally:
            screen.close()


def plan(
    preset: str | None, out: str | None, resume: bool, changes: list[str], game: str | None = None
) -> tuple[RunConfig, Path]:
    """The run's settings and folder. An own game's file that is named is remembered, so that the
    run can be played."""
    if resume:
        folder = Path(out or (f"runs/{Path(preset).stem}" if preset else ""))
        if not (folder / "config.toml").exists() or not (out or preset):
            raise ValueError(f"there is no run to resume in {folder}; name it with --out")
        settings = changed(stored_config(folder), changes)
        if game is not None:
            refuse_another_file(settings, prove.tried_game(game), folder)
        games.remember(config.game_of(settings))  # is there such a game, with such options?
        return settings, folder
    if game is not None:
        changes = [*changes, f"game={json.dumps(game)}"]
    if preset is None:
        raise ValueError(f"name what to train: {', '.join(config_file.presets())}, or a TOML file")
    settings = config_file.load(preset, changes)
    if (
        games.is_own(settings.game)
        and (source := games.own.named(settings.game, settings.game_digest)) is not None
    ):
        prove.try_out(source)
    games.remember(config.game_of(settings))
    return settings, Path(out or f"runs/{Path(preset).stem}")


def refuse_another_file(settings: RunConfig, game: Game, folder: Path) -> None:
    """ValueError if a run that is resumed is of another game than the one that the user names, or
    of another file."""
    if not games.is_own(settings.game) or game.source is None:
        if game.name != settings.game:
            raise ValueError(f"{folder} learns {shown(settings.game)}, not {game.name}")
    elif settings.game_digest and game.source.digest != settings.game_digest:
        raise ValueError(
            f"{folder} learns another game than {game.source.path}: the file's digest is another"
        )
    elif not settings.game_digest and os.path.realpath(settings.game) != game.source.path:
        raise ValueError(
            f"{folder} keeps no copy of its game, {shown(settings.game)}: put the file there"
        )


def tuned(settings: RunConfig, folder: Path | None, shape: Shape) -> RunConfig:
    """With the number of games and threads an actor that is fastest here, where it was left open; a
    run, in its folder, keeps its own."""
    if settings.actor.games:
        return settings
    if folder is not None and (folder / "config.toml").exists():
        known = stored_config(folder).actor
        games, threads = known.games, known.threads
    else:
        games, threads = games_and_threads(
            new_network(shape, 0), settings.network.precision, settings.network.device
        )
    actor = msgspec.structs.replace(settings.actor, games=games, threads=threads)
    return msgspec.structs.replace(settings, actor=actor)


def compile_core(settings: RunConfig, shape: Shape, screen: ProgressReporter) -> None:
    """Let one small actor play a game where the core is not on disk, so that it is compiled once
    before several processes want it."""
    if are_stored((play_step, expand_and_backup, write_rows)):
        return
    begin = clock.monotonic()
    screen.preparing("compile the search core (once, about a minute)")
    actor = ActorConfig(games=1, opening_fraction=0.0, cache_entries=1)
    player = Actor(msgspec.structs.replace(settings, actor=actor), shape, seed=0)
    player.load(weights_of(new_network(shape, 0)), 0, 1, "fp32")
    player.play(1)
    if (seconds := clock.monotonic() - begin) > 10:
        screen.line(
            f"the search core is compiled ({seconds:.0f} s; from now on it is found on disk)"
        )


def number_of_actors(
    asked: int | None, address: str | None, threads: int = 1, device: str = "cpu", taken: int = 0
) -> int:
    """As asked, else as many as have `threads` cores each, without those that are `taken`, where
    ray can start them; else 0: play in this process, as where all share a GPU."""
    if asked is not None and asked < 0:
        raise ValueError(f"--actors must be 0 or more, not {asked}")
    if address is not None:
        parse_address(address)
    if address and asked is None:
        raise ValueError("--address needs --actors: how many of the cluster's processors to use")
    if address and asked == 0:
        raise ValueError("--actors 0 plays in this process, not at --address")
    if asked and not address and asked > (most := max(1, memory() // ACTOR_BYTES)):
        raise ValueError(
            f"--actors {asked:,} would not fit: each is a process of some {ACTOR_BYTES / 1e9:.1f} "
            f"GB, and {memory() / 1e9:,.1f} GB may be used here, enough for {most}"
        )
    if (asked or address) and not ray_is_there():
        raise ValueError(
            "--actors needs ray, which is not installed; --actors 0 plays in this process"
        )
    if asked is None:
        has_others = cores() > 1 and not is_gpu(device) and ray_is_there()
        return actors_here(0, device, threads, taken) if has_others else 0
    return asked


def open_pool(run: Run, shape: Shape, actors: int, address: str | None, screen: ProgressReporter):
    """Actors in processes of their own, by Ray, or for 0 in threads of this one."""
    settings, seed = run.config, run.play_seed()
    if actors == 0:
        return LocalPool(settings, shape, seed, settings.network.precision)
    from selfplay.actors.ray_pool import RayPool

    goes_on = (
        f"go on with: {shlex.join(['selfplay', 'train', '--resume', '--out', str(run.folder)])}"
    )
    return RayPool(
        settings, shape, seed, actors, settings.network.precision, address, screen.line, goes_on
    )


def ray_is_there() -> bool:
    from importlib.util import find_spec

    return find_spec("ray") is not None


def parse_time(text: str | None) -> float | None:
    """ "90s", "30m", "1h30m", or a number of seconds."""
    if text is None:
        return None
    try:
        return parse_seconds(text + "s" if text[-1:].isdigit() else text)
    except ValueError:
        raise ValueError(
            f"--time takes a number and s, m or h, such as 30m, not {text[:40]!r}"
        ) from None


def conclude(run: Run, newest: Checkpoint) -> None:
    """Exam and match of the finished run, once, kept in result.json; then how to play it."""
    from selfplay.commands.report import conclusion

    path = run.folder / "result.json"
    try:
        known = read_json(path)
    except DamagedFile:  # or not there yet
        known = {}
    if known.get("generation") != newest.generation or not isinstance(known.get("lines"), list):
        known = conclusion(newest)
        write_json(path, known)
    for line in known["lines"]:
        print(line, file=sys.stderr)
    print(f"play it with: {shlex.join(['selfplay', 'play', str(run.folder)])}")
