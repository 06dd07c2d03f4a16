"""What one kind of fuzzed input is: how inputs are made, and how the product is tried with one."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MEGABYTES = 1 << 20


class Kind(NamedTuple):
    """Three functions, and a bound.

    prepare(folder) -> context          once a process: makes what attempts need, in an empty folder
    mutate(context, random) -> input    one input, from a grammar or by mutation of valid ones
    attempt(context, input) -> bool     True: accepted and used, False: refused cleanly (with the
                                        documented error); whatever it raises is a fault
    """

    prepare: Callable[[Path], Any]
    mutate: Callable[[Any, random.Random], Any]
    attempt: Callable[[Any, Any], bool]
    # bytes that one attempt may allocate beyond its input's size; None: not bounded
    memory: int | None = None


def splice(data: bytes, random: random.Random) -> bytes:
    """One to four flips, cuts, insertions, repetitions or exchanges of bytes."""
    for _ in range(random.randint(1, 4)):
        begin, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
        end = min(end, begin + random.choice((1, 1, 4, 30)))
        part = data[begin:end]
        new = random.choice(
            (b"", part * random.choice((2, 3, 50)), random.randbytes(len(part)), flip(part, random))
        )
        data = data[:begin] + new + data[end:]
    return data


def flip(part: bytes, random: random.Random) -> bytes:
    """One bit of a part, turned over."""
    if not part:
        return part
    index = random.randrange(len(part))
    return part[:index] + bytes([part[index] ^ (1 << random.randrange(8))]) + part[index + 1 :]
