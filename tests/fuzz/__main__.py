"""Fuzz what reads other people's input: `python -m tests.fuzz [KIND ...] [--inputs N] [--seed S]`.

Every kind is a module of this folder with a `KIND` (see `kind.py`). A worker process tries one
input after the other; this process watches it. What counts as a fault: an exception that is not the
documented refusal (traceback), no answer in SECONDS (hang), the worker's death by a signal (crash),
more memory than the kind allows (memory). The input is kept in --keep, and its number and the seed
make it again: input i of a seed is the same on every machine.
"""

import argparse
import importlib
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from threading import Timer

from tests.fuzz.kind import Kind

FOLDER = Path(__file__).parent
KINDS = sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if "\nKIND = " in path.read_text())
SECONDS = 60.0  # for one attempt, in which a board may be compiled
PREPARATION = 300.0  # seconds for a worker's start, compilation included
FAULTS = ("traceback", "hang", "crash", "memory")
SHOWN = 3  # faults of a kind that are printed; --keep keeps all
FRAMES = 8  # innermost ones of a traceback


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all if none is named"
    )
    parser.add_argument("--inputs", type=int, default=1000, metavar="N", help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first", type=int, default=0, metavar="I", help="number of the first input"
    )
    parser.add_argument("--keep", type=Path, help="folder for inputs that show a fault")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := [name for name in options.kinds if name not in KINDS]:
        parser.error(f"unknown kind {unknown[0]!r}; kinds: {', '.join(KINDS)}")
    if options.worker:
        return work(options.kinds[0], options.seed, options.first, options.inputs)
    print(
        f"{'kind':<12} {'inputs':>8} {'accepted':>8} {'refused':>8} "
        + " ".join(f"{f:>9}" for f in FAULTS)
        + "  seconds"
    )
    faulty = [kind for kind in options.kinds or KINDS if fuzz(kind, options)]
    return int(bool(faulty))


def fuzz(kind: str, options: argparse.Namespace) -> bool:
    """Try the inputs of one kind and print its line; True if there was a fault."""
    begin, counts, first, end = (
        time.monotonic(),
        Counter(),
        options.first,
        options.first + options.inputs,
    )
    while first < end:
        for index, verdict, detail in attempts(kind, options.seed, first, end - first):
            counts[verdict] += 1
            if verdict in FAULTS:
                tell(
                    kind,
                    options,
                    index,
                    verdict,
                    detail,
                    sum(counts[fault] for fault in FAULTS) <= SHOWN,
                )
            first = index + 1
    faults = " ".join(f"{counts[fault]:>9}" for fault in FAULTS)
    figures = (
        f"{kind:<12} {options.inputs:>8} {counts['accepted']:>8} {counts['refused']:>8} {faults}"
    )
    print(f"{figures}  {time.monotonic() - begin:.0f}", flush=True)
    return any(counts[fault] for fault in FAULTS)


def attempts(kind: str, seed: int, first: int, inputs: int):
    """(number, verdict, detail) of inputs from `first` on, until the worker has done all or has
    died."""
    command = [sys.executable, "-m", "tests.fuzz", kind, "--worker", "--seed", str(seed)]
    command += ["--first", str(first), "--inputs", str(inputs)]
    worker = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=FOLDER.parent.parent
    )
    index, patience, is_late = first, PREPARATION, []
    try:
        while True:
            watchdog = Timer(patience, lambda: (is_late.append(True), worker.kill()))
            watchdog.start()
            line = worker.stdout.readline()
            watchdog.cancel()
            if not line:
                break
            patience = SECONDS
            if line != "ready\n":
                index, verdict, detail = json.loads(line)
                yield index, verdict, detail
                index += 1
        last_words = worker.communicate()[1][-2000:]
        if patience == PREPARATION:
            sys.exit(f"{kind}: the worker did not start: {last_words}")
        if is_late:
            yield index, "hang", ""
        elif worker.returncode < 0:
            yield index, "crash", f"{signal.Signals(-worker.returncode).name}: {last_words}"
        elif worker.returncode:
            yield index, "traceback", f"exit code {worker.returncode}: {last_words}"
    finally:
        worker.kill()
        worker.wait()


def tell(
    kind: str, options: argparse.Namespace, index: int, verdict: str, detail: str, is_shown: bool
) -> None:
    """Print a fault, and keep how to make it again."""
    again = f"python -m tests.fuzz {kind} --seed {options.seed} --first {index} --inputs 1"
    if is_shown:
        print(f"{verdict}: {again}\n{detail.rstrip()}", file=sys.stderr, flush=True)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / f"{kind}-{options.seed}-{index}.txt").write_text(
            f"{again}\n{verdict}\n{detail}"
        )


# In the worker


def work(name: str, seed: int, first: int, inputs: int) -> int:
    """Try inputs and print a JSON line for each: [number, verdict, detail]."""
    kind: Kind = importlib.import_module(f"tests.fuzz.{name}").KIND
    out, sys.stdout = sys.stdout, sys.stderr  # what the product prints is not the worker's report
    with tempfile.TemporaryDirectory() as folder:
        context = kind.prepare(Path(folder))
        print("ready", file=out, flush=True)
        for index in range(first, first + inputs):
            verdict, detail = verdict_on(
                kind, context, kind.mutate(context, random.Random(f"{name} {seed} {index}"))
            )
            print(json.dumps([index, verdict, detail]), file=out, flush=True)
    return 0


def verdict_on(kind: Kind, context, input) -> tuple[str, str]:
    try:
        with bounded(kind.memory, input):
            return ("accepted" if kind.attempt(context, input) else "refused"), ""
    except Exception as error:
        told = f"{traceback.format_exc(-FRAMES)}{repr(input)[:500]}"
        return ("memory" if isinstance(error, MemoryError) else "traceback"), told


class bounded:
    """Inside, the process may grow by so many bytes and its input's size, and no more."""

    def __init__(self, memory: int | None, input):
        parts = input.values() if isinstance(input, dict) else [input]
        self.memory = memory and memory + sum(
            len(part) for part in parts if isinstance(part, bytes | str)
        )

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_AS)
        if self.memory:
            now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (now + self.memory, self.before[1]))

    def __exit__(self, *exception) -> None:
        resource.setrlimit(resource.RLIMIT_AS, self.before)


if __name__ == "__main__":
    sys.exit(main())
