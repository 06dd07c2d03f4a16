"""Shared by the benchmark scripts: repeats in turn, and figures with their spread, machine and
commit. With `--record` a script appends its figures to benchmarks/results, a JSON line each."""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from native.machine.host import cores

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
GENERATED = ("benchmarks/results", "benchmarks/README.md")  # may differ from the commit's
DIRTY = "-dirty"
AMD_FAMILIES = {"25": "Zen 4", "26": "Zen 5"}  # of those with AVX-512
CORES = cores()  # before a script ties itself to one of them
TOPICS = {  # a file of results, and a table of README.md
    "training": "Training",
    "presets": "Presets of other games",
    "settings": "Settings of training, compared",
    "recipes": "Features of self-play, in training runs of equal time",
    "features": "Features of a match's search, at equal time",
    "precisions": "What a precision costs in strength",
    "amplification": "What search adds, by kind and number of simulations",
    "yardstick": "How strong `mcts:N` is made",
    "rules": "Speed of the rules",
    "search": "Speed of search, with a free evaluator",
    "search_steps": "Steps of the search's speed",
    "network": "Speed of the network alone",
    "selfplay": "Speed and memory of self-play",
    "peers_rules": "Rules, beside other implementations",
    "peers_search": "Search with a free evaluator, beside other implementations",
    "peers_selfplay": "Self-play with a network, beside other implementations",
    "conformance": "Conformance with outside programs and published numbers",
    "robustness": "Robustness",
    "startup": "Start-up",
    "checkouts": "Checkouts, compared",
    "tests": "The tests",
}
Words = Annotated[str, msgspec.Meta(pattern=r"^[^|\n]+$")]  # fit into a cell of a table
Number = int | float


class Figure(
    msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, forbid_unknown_fields=True
):
    """One measured figure: a line of results/TOPIC.jsonl. ValueError for what cannot be."""

    topic: Words
    what: Words
    figure: Number  # of several samples the median
    low: Number | None = None  # of several samples the lowest, or as the note says
    high: Number | None = None
    unit: Words
    asked: Number | None = None  # at least this, or
    at_most: bool = False  # at most, where less is better
    peer: tuple[Words, Number] | None = None  # (whose, how much) it is compared with
    machine: Words
    commit: Annotated[str, msgspec.Meta(pattern=r"^\w{7,40}(-dirty)?$")]
    date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
    command: Words
    note: Words | None = None

    def __post_init__(self) -> None:
        if self.topic not in TOPICS:
            raise ValueError(f"{self.topic!r} is no topic; measure.py has them")
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high go together")
        if self.low is not None and not self.low <= self.figure <= self.high:
            raise ValueError(f"{self.figure:g} lies outside {self.low:g} .. {self.high:g}")


def parser(description: str) -> argparse.ArgumentParser:
    """A script's arguments, with `--record`."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--record",
        action="store_true",
        help="append the figures to benchmarks/results; then run benchmarks/table.py",
    )
    return made


def in_turn(measures: dict, repeats: int = 5) -> dict[str, list[float]]:
    """Call each measure once a round, `repeats` rounds, so that a slow spell of the machine meets
    all of them."""
    samples = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            samples[name].append(measure())
            print(f"  {name}: {samples[name][-1]:,.4g}", file=sys.stderr, flush=True)
    return samples


def figure(topic: str, what: str, samples: Number | list[float], unit: str, **more) -> Figure:
    """A figure of this machine, commit and command; of several samples their median, lowest and
    highest. `more` holds other fields, or others in place of these."""
    fields = {"machine": processor(), "commit": commit(), "command": command()}
    if isinstance(samples, list):
        fields |= {"low": rounded(min(samples)), "high": rounded(max(samples))}
        samples = float(np.median(samples))
    fields |= {"figure": samples, "date": date.today().isoformat()} | more
    fields |= {key: rounded(fields[key]) for key in ("figure", "low", "high") if key in fields}
    return Figure(topic=topic, what=what, unit=unit, **fields)


def ratios(topic: str, what: str, samples: list[float], peer: str, **more) -> Figure:
    """Ratios to a peer's figure, of which each was taken within one round."""
    return figure(topic, what, samples, "ratio", peer=(peer, 1), **more)


def rounded(number: Number) -> Number:
    """Counts stay whole; of what was measured five digits are told."""
    return number if isinstance(number, int) else float(f"{number:.5g}") + 0.0  # -0.0 is 0.0


def report(title: str, figures: Iterable[Figure], is_recorded: bool) -> None:
    """Print the figures and, if they are to be recorded, append them to benchmarks/results."""
    print(f"{title} ({processor()}, commit {commit()})")
    for one in figures:
        print(f"  {one.what:<50} {spread(one)}", flush=True)
        if is_recorded:
            record(one)


def record(one: Figure) -> None:
    """SystemExit in a checkout whose files differ from its commit's: nobody else has them."""
    if one.commit.endswith(DIRTY):
        raise SystemExit("not recorded: files differ from the commit that the figure would name")
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{one.topic}.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(one) + b"\n")


def results(topic: str) -> list[Figure]:
    """The lines of a topic, in the order in which they were recorded. ValueError names a line that
    is none."""
    path = RESULTS / f"{topic}.jsonl"
    figures = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else [], 1):
        try:
            figures.append(msgspec.json.decode(line, type=Figure))
            if figures[-1].topic != topic or figures[-1].commit.endswith(DIRTY):
                raise ValueError("another topic, or a commit that nobody has")
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
    return figures


def spread(one: Figure) -> str:
    """Figure (lowest .. highest) unit."""
    low, middle, high = (
        "" if value is None else number(value, one.unit)
        for value in (one.low, one.figure, one.high)
    )
    between = f" ({low} .. {high})" if low else ""
    note = f", {one.note}" if one.note else ""
    return f"{middle}{between} {one.unit}{note}"


def number(value: Number, unit: str) -> str:
    """Rates in thousands or millions a second or hour; all else as it was measured."""
    if unit.endswith(("/s", "/h")):
        for least, size, letter in ((1e6, 1e6, " M"), (1e4, 1e3, " k")):
            if value >= least:
                return f"{value / size:,.4g}{letter}"
    return f"{value:,}"


@cache
def processor() -> str:
    """The processor's name, and what its name does not tell: AMD's server processors all bear one,
    whatever their generation."""
    from selfplay.network.hardware import machine  # and torch, which the tables can do without

    name = machine()
    if name == "AMD EPYC":
        words = Path("/proc/cpuinfo").read_text()
        family = words.partition("cpu family\t: ")[2].partition("\n")[0]
        has_it = f" ({AMD_FAMILIES.get(family, 'AVX-512')})"
        name += has_it if "avx512f" in words else " without AVX-512"
    return f"{name}, {CORES} cores"


@cache
def commit(checkout: Path = ROOT) -> str:
    """A checkout's commit, with -dirty if other files than results differ from it."""
    git = ["git", "-C", str(checkout)]
    head = subprocess.run([*git, "rev-parse", "--short=7", "HEAD"], capture_output=True, text=True)
    besides = [f":(exclude){path}" for path in GENERATED]
    same = [*git, "diff", "--quiet", "HEAD", "--", ".", *besides]
    changed = subprocess.run(same, capture_output=True).returncode
    return (head.stdout.strip() or "unknown") + (DIRTY if changed else "")


def command() -> str:
    """The command that this process runs, as it would be typed in the checkout's folder."""
    script = Path(sys.argv[0]).resolve()
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    path = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script.name
    typed = ["python", str(path), *(word for word in words if word != "--record")]
    return shlex.join(typed)
