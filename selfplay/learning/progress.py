"""What a run shows while it works: a live panel on a terminal, plain lines elsewhere, and the same
lines in log.txt."""

import math
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from selfplay.actors.actor import Work, add_work
from selfplay.learning.ledger import summary
from selfplay.storage.files import open_own
from selfplay.storage.records import Games

# seconds between lines about a generation in progress, where there is no terminal
PLAIN_INTERVAL = 15.0


LEARNING = (  # beginnings of names that tell of the network
    *("loss", "kl", "onset", "learned", "policy_entropy", "calibration", "value_slope"),
    *("clipped", "learning_rate"),
)


class ProgressReporter:
    """Progress of one run on `stream` (standard error), its log and its TensorBoard curves. Actors'
    side and the learner's may report at the same time."""

    def __init__(
        self,
        folder: Path,
        generations: int,
        time_limit: float | None = None,
        stream: TextIO | None = None,
    ):
        self.generations, self.time_limit = generations, time_limit
        self.stream = stream or sys.stderr
        self.log = open_own(folder / "log.txt", "a")
        self.folder, self.curves = folder, None
        self.live = start_live(self.stream) if self.stream.isatty() else None
        self.begin, self.seconds, self.share = time.monotonic(), 0.0, 0.0
        # what each side does: play, learn, or what comes before both
        self.doing: dict[str, str] = {"phase": "starting"}
        self.works: list[Work] = []
        self.games, self.entry, self.spoken = 0, {}, -math.inf
        self.lock = threading.RLock()

    # What the loop reports

    def line(self, text: str) -> None:
        """A line that stays."""
        with self.lock:
            self.log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
            if self.live:
                self.live.console.print(text, highlight=False, soft_wrap=True)
            else:
                print(text, file=self.stream, flush=True)

    def took_up(self, seconds: float) -> None:
        """The run goes on after so many seconds that earlier processes spent."""
        self.seconds, self.begin = seconds, time.monotonic()

    def preparing(self, what: str) -> None:
        self._show("phase", what)

    def playing(self, generation: int, rows: int, wanted: int) -> None:
        self.works, self.games = [], 0
        self.current = generation
        self._show_play(rows, wanted)

    def played(self, games: Games, work: Work, rows: int, wanted: int) -> None:
        self.works.append(work)
        self.games += games.count
        self._show_play(rows, wanted)

    def _show_play(self, rows: int, wanted: int) -> None:
        self.doing.pop("phase", None)
        self._show("play", f"generation {self.current}: {rows:,} of {wanted:,} positions")

    def learning(self, generation: int, steps: int) -> None:
        self._show("learn", f"generation {generation}: {steps} steps")

    def measuring(self, generation: int, what: str) -> None:
        self._show("learn", f"generation {generation}: measure ({what})")

    def waiting(self, side: str) -> None:
        """A side, play or learn, is done and waits for the other."""
        self._show(side, "waits")

    def generation(self, entry: dict, share: float, seconds: float) -> None:
        """A generation is saved: its line of the ledger, its curves."""
        with self.lock:
            self.entry, self.share = entry, share
            self.seconds, self.begin = seconds, time.monotonic()
            self.line(summary(entry))
            self._curves(entry)
            self._draw()

    def close(self) -> None:
        if self.live:
            self.live.stop()
        if self.curves:
            self.curves.close()
        self.log.close()

    # How it is drawn

    def _show(self, side: str, doing: str) -> None:
        with self.lock:
            self.doing[side] = doing
            self._draw()
            if not self.live and time.monotonic() - self.spoken > PLAIN_INTERVAL:
                self.spoken = time.monotonic()
                print(
                    "  ".join(f"{name} {value}" for name, value in self.facts()),
                    file=self.stream,
                    flush=True,
                )

    def facts(self) -> list[tuple[str, str]]:
        """What is going on, as (name, value) pairs."""
        facts = [("generations", f"{self.entry.get('generation', 0)} of {self.generations}")]
        facts += self.doing.items()
        if works := list(self.works):
            # Actors work side by side and seconds are summed over them: rates of one actor.
            work = add_work(works)
            facts += [
                ("games", f"{self.games:,}"),
                ("positions/s per actor", f"{work.moves / work.seconds:,.0f}"),
                ("simulations/s per actor", f"{work.simulations / work.seconds:,.0f}"),
                ("network share", f"{work.network_seconds / work.seconds:.0%} ({work.precision})"),
            ]
        if self.entry:
            losses = {name: self.entry[f"loss_{name}"] for name in ("policy", "outcome", "value")}
            parts = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
            facts.append(("loss", f"{self.entry['loss_total']:.3f} ({parts})"))
        facts.append(("time", f"{duration(self.elapsed())}, left {self.left()}"))
        return facts

    def elapsed(self) -> float:
        return self.seconds + time.monotonic() - self.begin

    def left(self) -> str:
        """Time left, judged by the generations done so far and by the limit."""
        by_generations = self.seconds / self.share * (1 - self.share) if self.share else math.inf
        by_limit = max(0.0, self.time_limit - self.elapsed()) if self.time_limit else math.inf
        left = min(by_generations, by_limit)
        return duration(left) if left < math.inf else "not known yet"

    def _draw(self) -> None:
        if self.live:
            from rich.table import Table

            table = Table.grid(padding=(0, 2))
            for name, value in self.facts():
                table.add_row(f"[dim]{name}[/dim]", value)
            self.live.update(table)

    def _curves(self, entry: dict) -> None:
        if self.curves is None:
            from torch.utils.tensorboard import SummaryWriter

            self.curves = SummaryWriter(str(self.folder), purge_step=entry["generation"])
        for name, value in entry.items():
            if isinstance(value, int | float) and name != "generation":
                self.curves.add_scalar(f"{group(name)}/{name}", value, entry["generation"])
        self.curves.flush()


def group(name: str) -> str:
    """The TensorBoard section of a ledger entry."""
    if name.startswith(("gain", "gap", "progress")):
        return "amplification"
    if name.startswith(("exam", "kept")):
        return "exam"
    if name.startswith(LEARNING):
        return "learning"
    if name.startswith("seconds") or name.endswith("waited"):
        return "time"
    return "self-play"


def start_live(stream: TextIO):
    from rich.console import Console
    from rich.live import Live

    live = Live(console=Console(file=stream), refresh_per_second=4)
    live.start()
    return live


def duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{seconds:02d}s"
