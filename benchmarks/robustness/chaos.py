"""What can happen to a run, done to it:
`python benchmarks/robustness/chaos.py [--quick] [--only NAME ...] [--kills N] [--seed S]`.

Processes are killed at random moments, nodes join and die, disks fill up, folders become read-only,
the clock goes back. After each the same command must go on to the end, every game that was on disk
must still be there, the ledger must be whole, what a user reads is one line, and no process stays.
Exit code 1 if a promise is broken. Linux; two scenarios want root.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import measure
from measure import Figure, figure, report

from selfplay.actors.ray_session import PLACES
from selfplay.actors.watchdog import PROCESSES, working_in
from selfplay.storage.checkpoint import all_in
from selfplay.storage.records import Shards
from selfplay.storage.run import read_ledger

SETTINGS = """
game = "tictactoe"
generations = {generations}
[network]
blocks = 1
channels = 8
precision = "fp32"
[search]
simulations = [8]
[actor]
games = 8
in_process = 1
cache_entries = 256
[replay]
rows_per_generation = 400
window_min = 400
[learner]
batch = 64
threads = 1
[ledger]
games = 2
positions = 20
"""
SOON = 30.0  # seconds in which a user must hear what happened, and in which nothing may be left
# a day back after 4 s
CLOCK = "import time as t; r = t.time; b = r(); t.time = lambda: r() - 86400 * (r() - b > 4)"


@dataclass
class Outcome:
    """What became of one scenario; `broken` holds a sentence a promise."""

    name: str
    tried: int = 0
    games: int = 0  # on disk when something happened
    said: str = ""
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: bool, promise: str) -> None:
        if not holds:
            self.broken.append(promise)


class Training:
    """A run in a folder, whose command can be started again and again."""

    def __init__(
        self, folder: Path, generations: int, *words: str, environment: dict | None = None
    ):
        self.run, self.generations, self.environment = (
            folder / "run",
            generations,
            environment or {},
        )
        (folder / "chaos.toml").write_text(SETTINGS.format(generations=generations))
        selfplay = str(Path(sys.executable).with_name("selfplay"))
        self.command = [
            selfplay,
            "train",
            str(folder / "chaos.toml"),
            "--out",
            str(self.run),
            *words,
        ]
        self.seen, self.process = set(), None

    def start(self, **options) -> subprocess.Popen:
        self.process = subprocess.Popen(
            self.command,
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )
        return self.process

    def go_on_to(self, generations: int) -> None:
        """From now on the run is resumed, in this process, and ends sooner."""
        self.generations = generations
        resume = ["train", "--resume", "--out", str(self.run), "--actors", "0"]
        self.command = [self.command[0], *resume, "--set", f"generations={generations}"]

    def newest(self) -> int:
        return max((int(path.name) for path in all_in(self.run / "checkpoints")), default=-1)

    def wait_for(self, more: int, seconds: float = 180.0) -> None:
        """Until so many more checkpoints are there."""
        goal, end = self.newest() + more, time.monotonic() + seconds
        while self.newest() < goal and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)

    def says(self, words: str, seconds: float = 120.0) -> bool:
        """Does the run's log hold these words, now or in time?"""
        end = time.monotonic() + seconds
        while words not in (text := (self.run / "log.txt").read_text()) and time.monotonic() < end:
            time.sleep(0.2)
        return words in text

    def note(self) -> None:
        """Remember every game that is on disk now: none of them may be lost."""
        self.seen |= self.on_disk()

    def on_disk(self) -> set:
        found = set()
        for generation in range(1, self.generations + 1):
            if (part := Shards(self.run / "games").load(generation, lambda line: None)) is not None:
                seeds = [tuple(seed) for seed in part.seed.tolist()]
                found |= set(zip([generation] * part.count, seeds, part.sequences()))
        return found

    def end(self, outcome: Outcome, code: int, seconds: float = SOON) -> str:
        """Wait for the end; its last line. Checks code, words, and that nothing stays."""
        begin = time.monotonic()
        try:
            _, said = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
            outcome.expect(False, f"ends within {seconds:.0f} s")
        lines = said.strip().splitlines() or [""]
        outcome.expect(
            self.process.returncode == code,
            f"exit code {code}, not {self.process.returncode}: {lines[-1]}",
        )
        outcome.expect("Traceback" not in said, f"no traceback: {lines[-1]}")
        said_lines = sum(line.startswith("selfplay: ") for line in lines)
        least = 0 if code in (0, -signal.SIGKILL) else 1
        most = 0 if code == 0 else 1  # with Ray a watchdog speaks for a command that was killed
        outcome.expect(least <= said_lines <= most, f"one line: {lines[-2:]}")
        while (left := self.left()) and time.monotonic() - begin < seconds:
            time.sleep(0.1)
        outcome.expect(not left, f"nothing left running: {left}")
        return lines[-1]

    def left(self) -> list[str]:
        """Processes of the session that the command was started in, and of folders of Ray's
        sessions."""
        own = [
            path.parent.name
            for path in PROCESSES.glob("[0-9]*/stat")
            if session_of(path) == self.process.pid
        ]
        return [*own, *map(str, of_ray())]

    def wait_for_ray(self, *names: str) -> int:
        """A process of one of these names that works in a session of Ray's; 0 if there is none in
        time."""
        end = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < end:
            for number in sorted(of_ray()):
                if any(title_of(number).startswith(name) for name in names):
                    return number
            time.sleep(0.1)
        return 0

    def finish(self, outcome: Outcome) -> None:
        """The same command once more, to the end: complete, and nothing lost."""
        self.start()
        self.end(outcome, 0, 600.0)
        outcome.games += len(self.seen)
        outcome.expect(
            not self.seen - self.on_disk(), f"{len(self.seen - self.on_disk())} games lost"
        )
        told = [entry["generation"] for entry in read_ledger(self.run)]
        outcome.expect(
            told == list(range(1, self.generations + 1)), f"a complete ledger, not {told[-3:]}"
        )


def session_of(stat: Path) -> int:
    try:
        head, _, tail = stat.read_text().rpartition(")")
        return 0 if tail.split()[0] in "ZX" else int(tail.split()[3])
    except (OSError, IndexError):
        return 0


def of_ray() -> set[int]:
    """Processes that work in sessions of Ray's that this user's trainings have started."""
    roots = [
        Path(place) / f"selfplay-ray-{os.getuid()}" for place in {tempfile.gettempdir(), *PLACES}
    ]
    return set().union(*map(working_in, roots))


def title_of(number: int) -> str:
    """The last part of a process's first word: raylet, gcs_server, ray::Worker.play ..."""
    try:
        return (
            (PROCESSES / str(number) / "cmdline")
            .read_bytes()
            .split(b"\0")[0]
            .decode()
            .rpartition("/")[2]
        )
    except OSError:
        return ""


def kills(outcome: Outcome, folder: Path, options, actors: int) -> None:
    """SIGKILL at random moments, several a run."""
    moments = random.Random(options.seed)
    while outcome.tried < options.kills:
        place = folder / str(outcome.tried)
        place.mkdir()
        training = Training(place, 40, "--actors", str(actors))
        for _ in range(min(10, options.kills - outcome.tried)):
            training.start()
            time.sleep(moments.uniform(0.2, options.longest))
            training.process.send_signal(signal.SIGKILL)
            # a run that ended before is a run that ended
            training.end(outcome, training.process.wait())
            training.note()
            outcome.tried += 1
        training.finish(outcome)


def killed_in_process(outcome, folder, options) -> None:
    kills(outcome, folder, options, 0)


def killed_with_ray(outcome, folder, options) -> None:
    kills(outcome, folder, options, 2)


def actor_killed(outcome, folder, options) -> None:
    training = Training(folder, 60, "--actors", "2")
    training.start()
    if not (number := training.wait_for_ray("ray::Worker.play")):
        return outcome.expect(False, "an actor to kill")
    os.kill(number, signal.SIGKILL)
    outcome.tried += 1
    training.note()
    outcome.said = training.end(outcome, 0, 300.0)
    outcome.expect(
        "is replaced" in (training.run / "log.txt").read_text(), "the log names the actor that died"
    )
    training.finish(outcome)


def part_killed(*names: str) -> Callable:
    """A scenario: a process of Ray's is killed in the middle of a run."""

    def scenario(outcome, folder, options) -> None:
        training = Training(folder, 400, "--actors", "2")
        training.start()
        if not (training.wait_for_ray("ray::Worker") and (number := training.wait_for_ray(*names))):
            return outcome.expect(False, f"a {names[0]} to kill")
        training.wait_for(2)
        os.kill(number, signal.SIGKILL)
        outcome.tried += 1
        outcome.said = training.end(outcome, 1)
        outcome.expect("selfplay train" in outcome.said, "the line says which command goes on")
        training.note()
        training.go_on_to(training.newest() + 2)
        training.finish(outcome)

    return scenario


def signals(outcome, folder, options) -> None:
    """Told to stop, by a terminal that closes, a scheduler, an impatient person: ends soon, says
    how to go on."""
    training = Training(folder, 60, "--actors", "2")
    for numbers in (
        (signal.SIGHUP,),
        (signal.SIGTERM,),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGINT),
    ):
        training.start(
            preexec_fn=lambda: [
                signal.signal(n, signal.SIG_DFL) for n in (signal.SIGINT, signal.SIGHUP)
            ]
        )
        training.wait_for(2)
        for number in numbers:
            training.process.send_signal(number)
            time.sleep(0.2)
        outcome.said = training.end(outcome, 130)
        training.note()
        outcome.tried += 1
    training.finish(outcome)


def two_trainings(outcome, folder, options) -> None:
    first, second = (Training(folder, 12, "--actors", "0") for _ in range(2))
    first.start()
    first.wait_for(2)
    second.start()
    outcome.said, outcome.tried = second.end(outcome, 2), 1
    first.note()
    first.end(outcome, 0, 300.0)
    first.finish(outcome)


def clock_set_back(outcome, folder, options) -> None:
    (folder / "sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join([str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    training = Training(folder, 30, "--actors", "0", environment={"PYTHONPATH": path})
    training.start()
    training.wait_for(6)
    training.process.send_signal(signal.SIGKILL)
    training.end(outcome, -9)
    training.note()
    outcome.tried += 1
    training.finish(outcome)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def disk_full(outcome, folder, options) -> None:
    with small_disk(folder, "600k"):
        training = Training(folder, 30, "--actors", "0")
        training.start()
        outcome.said, outcome.tried = training.end(outcome, 2, 300.0), 1
        training.note()
        remount(folder, "size=100m")
        training.finish(outcome)


def read_only(outcome, folder, options) -> None:
    """The folder of a run that has stopped and goes on, and of one at work."""
    with small_disk(folder, "100m"):
        training = Training(folder, 30, "--actors", "0")
        training.start()
        training.wait_for(3)
        training.process.send_signal(signal.SIGKILL)
        training.end(outcome, -9)
        training.note()
        remount(folder, "ro")
        training.start()
        outcome.said, outcome.tried = training.end(outcome, 2, 120.0), 1
        remount(folder, "rw")
        training.finish(outcome)


def second_node(outcome, folder, options) -> None:
    """Two nodes of one core and two actors; one is killed, and comes back."""
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as short:
        os.environ["RAY_TMPDIR"] = short
        memory = {"num_cpus": 1, "object_store_memory": 100 << 20}
        cluster = Cluster(
            initialize_head=True, head_node_args=memory | {"include_dashboard": False}
        )
        try:
            node = cluster.add_node(**memory)
            training = Training(folder, 400, "--actors", "2", "--address", cluster.address)
            training.start()
            training.wait_for(3)
            training.note()
            cluster.remove_node(node, allow_graceful=False)
            outcome.tried += 1
            outcome.expect(training.says("no room for actor"), "the log says who has no room")
            before = training.newest()
            training.wait_for(3, 60.0)
            outcome.expect(
                training.newest() >= before + 3, "generations go on with the actors that fit"
            )
            cluster.add_node(**memory)
            outcome.expect(training.says("has room again"), "the node that came back is used")
            training.note()
            training.process.send_signal(signal.SIGTERM)
            outcome.said = training.end(outcome, 130)
            outcome.games += len(training.seen)
            outcome.expect(not training.seen - training.on_disk(), "no game is lost")
        finally:
            cluster.shutdown()


SCENARIOS = {
    "SIGKILL, in process": killed_in_process,
    "SIGKILL, Ray": killed_with_ray,
    "actor killed": actor_killed,
    "raylet killed": part_killed("raylet"),
    "head killed": part_killed("gcs_server"),
    "agent killed": part_killed("ray::RuntimeEnvAgent", "ray::RuntimeEnv"),
    "second node": second_node,
    "signals, Ray": signals,
    "disk full": disk_full,
    "read-only": read_only,
    "two trainings": two_trainings,
    "clock set back": clock_set_back,
}
QUICK = ("SIGKILL, in process", "raylet killed", "two trainings", "clock set back")
AS_ROOT = ("disk full", "read-only")  # they mount a small disk


def main() -> int:
    parser = measure.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="a selection, in about a minute")
    parser.add_argument(
        "--only", nargs="+", choices=SCENARIOS, metavar="NAME", help=", ".join(SCENARIOS)
    )
    parser.add_argument("--kills", type=int, help="of each kind of pool (50, quick 3)")
    parser.add_argument(
        "--longest", type=float, default=12.0, help="seconds after which a kill comes at the latest"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.kills = options.kills or (3 if options.quick else 50)
    outcomes = []
    for name in options.only or (QUICK if options.quick else SCENARIOS):
        if name in AS_ROOT and os.getuid():
            print(f"{name}: not tried, mounting wants root", file=sys.stderr)
            continue
        outcomes.append(Outcome(name))
        with tempfile.TemporaryDirectory() as folder:
            SCENARIOS[name](outcomes[-1], Path(folder), options)
        show(outcomes[-1], options.record)
    broken = sum(bool(outcome.broken) for outcome in outcomes)
    print(
        f"{len(outcomes)} scenarios, {sum(o.tried for o in outcomes)} events, {broken} with a "
        "broken promise"
    )
    return 1 if broken else 0


def show(outcome: Outcome, is_recorded: bool) -> None:
    def told(what: str, count: int, unit: str, **more) -> Figure:
        return figure("robustness", f"chaos, {outcome.name}: {what}", count, unit, **more)

    figures = [
        told("events", outcome.tried, "events"),
        told("games on disk then", outcome.games, "games"),
        told("broken promises", len(outcome.broken), "promises", asked=0, at_most=True),
    ]
    report(f"{outcome.name}: {outcome.said}", figures, is_recorded)
    for promise in dict.fromkeys(outcome.broken):
        print(f"  BROKEN: {promise}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
