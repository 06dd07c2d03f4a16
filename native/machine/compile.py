"""How the core's kernels are compiled: once per machine, for all games, found again on disk by
every process.

Numba finds a kernel on disk by the stamp of the file that holds it, so it does not notice an edit
in another file that the kernel calls. Kernels of this package call each other across files; here
each one carries the stamp of the whole package instead, and an edit anywhere in it recompiles them
all. Games stay outside this: they reach the kernels as function arguments (`abi.Rules`), which are
addresses and not part of what is compiled.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from numba import njit

from native.machine.code_cache import is_stored, stored

PACKAGE = Path(__file__).parent.parent


@cache
def package_stamp() -> str:
    """A digest of this package's sources."""
    digest = sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(
            path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0"
        )
    return digest.hexdigest()


# A tree is a tuple of some 30 arrays, and Numba counts a reference to each of them at every call it
# does not inline: 3.5 us a simulation instead of 0.4. Kernels only borrow their arguments, so they
# run without the reference-counting runtime; the price is that they cannot allocate, which they
# must not do anyway. (`array[i] = other_array` would: use `copy`.)
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function):
    """Compile `function` at its first call; no GIL while it runs, no exceptions for division by
    zero, cached on disk."""
    dispatcher = njit(function, **OPTIONS)
    # Private to numba 0.6x, as is what `native.machine.code_cache` builds on:
    # tests/native/test_compile.py fails if it stops taking effect.
    dispatcher._cache = stored(function, package_stamp())
    return dispatcher


def are_stored(kernels) -> bool:
    """Are all these kernels on disk, so that a new process needs not compile them?"""
    return all(map(is_stored, kernels))


def inline(function):
    """A small function that kernels call; compiled into its callers, never cached by itself.

    It is spared the two wrappers that unpack a tree from Python's objects, which took a quarter of
    the time that the kernels take to compile. Where Python calls it, it is compiled once more.
    """
    dispatcher = njit(
        function, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS
    )
    # Private to numba: a call from Python looks for a wrapper among those that were inserted, then
    # asks for one. (Without a wrapper it would jump to address 0.)
    dispatcher._insert = lambda *wrapper: None
    dispatcher._compile_for_args = njit(function, **OPTIONS)._compile_for_args
    return dispatcher


@inline
def copy(target, source):
    """target[:] = source for one-dimensional arrays, without the temporary that Numba would
    allocate."""
    copy_first(target, source, len(source))


@inline
def copy_first(target, source, count):
    for i in range(count):
        target[i] = source[i]
