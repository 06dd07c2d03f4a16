"""How the core's kernels are compiled: once per machine, for all games, found again on disk by every process.

Numba keys its on-disk cache by the stamp of the file that holds a kernel, so it does not notice an edit in another file
that the kernel calls. Kernels of this package call each other across files; here each one carries the stamp of the whole
package instead, and an edit anywhere in it recompiles them all. Games stay outside this: they reach the kernels as
function arguments (`abi.Rules`), which are addresses and not part of what is compiled.
"""

from functools import cache
from pathlib import Path

from numba import njit

PACKAGE = Path(__file__).parent


@cache
def package_stamp() -> tuple:
    """(newest modification time, total size, number of files) of this package's sources."""
    stats = [path.stat() for path in sorted(PACKAGE.glob("*.py"))]
    return max(s.st_mtime for s in stats), sum(s.st_size for s in stats), len(stats)


def kernel(function):
    """Compile `function` at its first call; no GIL while it runs, no exceptions for division by zero, cached on disk."""
    dispatcher = njit(function, cache=True, nogil=True, error_model="numpy")
    # Private to numba 0.6x, and the one place that touches it: tests/test_compile.py fails if it stops taking effect.
    dispatcher._cache._cache_file._source_stamp = package_stamp()
    return dispatcher


def inline(function):
    """A small function that kernels call; compiled into its callers, never cached by itself."""
    return njit(function, error_model="numpy", nogil=True)
