"""Where compiled functions lie on disk, so that each is compiled once a machine and not once a
process.

Numba's own cache fails where nothing can be written, and it runs whatever bytes it finds. This one
looks in the same folders and then in a temporary one of the user; without any it does nothing. A
file names all that its code depends on and carries a digest: one that was cut, altered, or is of
another version counts as not there, and its function is compiled again.
"""

import os
import pickle
import stat
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numba
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    InTreeCacheLocator,
    NullCache,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)

DIGEST_BYTES = sha256().digest_size


def stored(function, stamp=None):
    """A cache for Numba's compilation of `function`; `stamp` takes the place of the digest of its
    own file."""
    try:
        return CodeCache(function, stamp)
    except RuntimeError:  # Numba's settings leave no place
        return NullCache()


def is_stored(dispatcher) -> bool:
    """Is code of this function on disk, compiled for this processor? (Whether it is whole is seen
    when it is loaded.)"""
    cache, magic = dispatcher._cache, dispatcher.targetctx.codegen().magic_tuple()
    return isinstance(cache, CodeCache) and cache._cache_file.holds(magic)


class UsersFolder(UserWideCacheLocator):
    """The user's folder for caches, unless there is no home: Numba would then write into a folder
    named `~` here."""

    @classmethod
    def from_function(cls, py_func, py_file):
        return super().from_function(py_func, py_file) if Path.home().is_absolute() else None


class TemporaryFolder(UserWideCacheLocator):
    """A folder of the user among the temporary ones, refused if others can write there: what lies
    in it is run."""

    def __init__(self, py_func, py_file):
        super().__init__(py_func, py_file)
        self._root = os.path.join(tempfile.gettempdir(), f"selfplay-compiled-{os.getuid()}")
        self._cache_path = os.path.join(self._root, self.get_suitable_cache_subpath(py_file))

    def ensure_cache_path(self):
        with suppress(FileExistsError):
            os.mkdir(self._root, 0o700)
        found = os.lstat(self._root)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(f"{self._root} belongs to somebody else")
        super().ensure_cache_path()


class Places(CompileResultCacheImpl):
    _locator_classes = [UserProvidedCacheLocator, InTreeCacheLocator, UsersFolder, TemporaryFolder]


class CodeCache(FunctionCache):
    """Numba's cache of one function. What goes wrong with a file costs a compilation, never
    more."""

    _impl_class = Places

    def __init__(self, function, stamp=None):
        super().__init__(function)
        stamp = stamp or self._impl.locator.get_source_stamp()
        self._cache_file = CodeFiles(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # written by another version of a library, or by nobody who should
            return None

    def save_overload(self, sig, data):
        with suppress(OSError):  # a full disk, a folder that has become read-only
            super().save_overload(sig, data)


class CodeFiles(IndexDataCacheFile):
    """A file a signature: NAME.STAMP.PROCESSOR.SIGNATURE.nbc, whose digest covers the whole of
    these names too.

    Numba keeps an index beside numbered files. Two processes that compile at once can then number
    two signatures alike, and a kill between index and file leaves an index that names old code.
    """

    def __init__(self, cache_path, filename_base, source_stamp):
        super().__init__(cache_path, filename_base, source_stamp)
        self._base = filename_base

    def load(self, key):
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return pickle.loads(data) if digest == self._digest(key, data) else None

    def save(self, key, data):
        data, path = self._dump(data), self._path(key)
        with self._open_for_write(str(path)) as file:
            file.write(self._digest(key, data) + data)
        for other in self._all():
            if (
                other.name.split(".")[-4] != path.name.split(".")[-4]
            ):  # it was compiled from an older source
                other.unlink(missing_ok=True)

    def holds(self, magic) -> bool:
        """Is there a file for the present source and this processor?"""
        return any(
            path.name.split(".")[-4:-2] == [self._stamp(), short_digest(magic)]
            for path in self._all()
        )

    def flush(self):
        for path in self._all():
            path.unlink(missing_ok=True)

    def _path(self, key) -> Path:
        return (
            Path(self._cache_path)
            / f"{self._base}.{self._stamp()}.{short_digest(key[1])}.{short_digest(key)}.nbc"
        )

    def _all(self) -> list[Path]:
        prefix = f"{self._base}."
        return [
            p
            for p in Path(self._cache_path).glob("*.nbc")
            if p.name.startswith(prefix) and p.name.count(".", len(prefix)) == 3
        ]

    def _stamp(self) -> str:
        return short_digest((self._version, self._source_stamp))

    def _digest(self, key, data: bytes) -> bytes:
        known = repr((numba.__version__, self._source_stamp, key)).encode()
        return sha256(len(known).to_bytes(8, "little") + known + data).digest()


def short_digest(value) -> str:
    return sha256(repr(value).encode()).hexdigest()[:12]
