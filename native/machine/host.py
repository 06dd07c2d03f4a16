"""What this process may use of the machine: cores and memory, which a scheduler or a container
often limits.

The kernel knows a process's cores (affinity), and its control groups know more: how much time of
how many cores, and how much memory. Both versions of control groups are read; a limit of any group
above the process's own holds too.
"""

import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path

SELF = Path("/proc/self")  # the kernel's account of this process
CGROUP = {"cgroup", "cgroup2"}  # types of file systems that show control groups


def cores(process: Path = SELF) -> int:
    """Cores that this process may use, at least 1. A share of a core counts as one."""
    return max(1, min([available(), *map(math.ceil, quotas(process))]))


def available() -> int:
    """Cores that the scheduler lets this process run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory(process: Path = SELF) -> int:
    """Bytes that this process may use: the machine's, or less by a control group or by a limit of
    addresses."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    limits = [physical, *byte_limits(process)]
    return min(limits if addresses == resource.RLIM_INFINITY else [*limits, addresses])


def quotas(process: Path) -> Iterator[float]:
    """Cores' worth of time that each group of the process may have, where one is limited."""
    for folder in groups(process, "cpu"):
        version_2 = words(folder / "cpu.max")  # "max 100000" or "150000 100000", in microseconds
        # a quota of -1 is none
        version_1 = words(folder / "cpu.cfs_quota_us") + words(folder / "cpu.cfs_period_us")
        for pair in (version_2, version_1):
            if len(pair) == 2 and all(word.isdecimal() for word in pair) and int(pair[1]):
                yield int(pair[0]) / int(pair[1])


def byte_limits(process: Path) -> Iterator[int]:
    for folder in groups(process, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            yield from (int(word) for word in words(folder / name) if word.isdecimal())


def groups(process: Path, controller: str) -> Iterator[Path]:
    """Folders of the process's control groups that may hold limits of `controller`, each with all
    above it.

    A container often sees its own group at the mount point, under another path than the kernel
    names: folders that are not there hold no limits, and the mount point is always looked at.
    """
    own = dict(membership(process))
    for line in lines(process / "mounts"):
        _, point, kind, options, *_ = line.split(" ")
        key = "" if kind == "cgroup2" else controller
        if (
            kind in CGROUP
            and key in own
            and (kind == "cgroup2" or controller in options.split(","))
        ):
            root = Path(point.replace("\\040", " "))
            folder = root / own[key].lstrip("/")
            yield from (
                above
                for above in (folder, *folder.parents)
                if above == root or root in above.parents
            )


def membership(process: Path) -> Iterator[tuple[str, str]]:
    """(controller, path of the process's group) from /proc/self/cgroup; version 2 has one group, of
    the controller ""."""
    for line in lines(process / "cgroup"):
        _, controllers, path = line.split(":", 2)
        yield from ((name, path) for name in controllers.split(","))


def words(path: Path) -> list[str]:
    return " ".join(lines(path)).split()


def lines(path: Path) -> list[str]:
    """A file's lines; none where it cannot be read, as on another kernel."""
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
