"""Named arrays on disk, as safetensors: loading them cannot run code, and a file is held against
its own size before memory is taken for it. What the arrays must be is known to the caller alone,
who checks the header before they are read.
"""

import json
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np
from safetensors.numpy import save as format_arrays

from games.quoting import quoted
from selfplay.messages import sentence
from selfplay.storage.files import DamagedFile, open_regular, write_bytes

MOST_ARRAYS = 1000  # arrays in a file, where the caller expects no particular number
HEADER_BYTES = 1 << 16  # bytes that a header may have beside its arrays' entries
BYTES_AN_ARRAY = 256  # and in each entry
WORDS_AN_ARRAY = 4  # keys in the header's JSON
MOST_AXES = 8

DTYPES = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "U16": np.uint16,
    "I16": np.int16,
    "U32": np.uint32,
    "I32": np.int32,
    "U64": np.uint64,
    "I64": np.int64,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}


class ArrayKind(NamedTuple):
    """What a file says of one array before it is read."""

    dtype: np.dtype
    shape: tuple[int, ...]


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """An array in the header; its bytes are counted from the header's end."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def kinds_of(arrays: dict[str, np.ndarray]) -> dict[str, ArrayKind]:
    return {name: ArrayKind(array.dtype, array.shape) for name, array in arrays.items()}


def write_arrays(
    path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None
) -> None:
    """safetensors whose header carries `metadata` and a CRC-32 of all the array bytes, in the order
    of the names."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(
        path,
        format_arrays(arrays, metadata=(metadata or {}) | {"crc32": str(arrays_checksum(arrays))}),
    )


def read_arrays(
    path: Path,
    check: Callable[[dict[str, ArrayKind], dict[str, str]], None] = lambda kinds, metadata: None,
    most: int = MOST_ARRAYS,
) -> dict[str, np.ndarray]:
    """The arrays of a file by `write_arrays`, `most` at most: writable, each in C order.

    `check(kinds, metadata)` sees the header before any array is read, and raises ValueError for
    what it does not want. DamagedFile if the file was cut or altered, is something else, or was not
    wanted.
    """
    try:
        with open_regular(path) as file:
            return _read(file, check, most)
    except OSError as error:
        raise DamagedFile(f"{path} is missing or damaged: {error.strerror or error}") from None
    except DamagedFile:
        raise
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path} is damaged: {sentence(error)}") from None


def _read(file: BinaryIO, check, most: int) -> dict[str, np.ndarray]:
    size = file.seek(0, 2)
    file.seek(0)
    entries, metadata, begin = _header(file, size, most)
    kinds = {name: _kind(name, entry, size - begin) for name, entry in entries.items()}
    _refuse_gaps(entries, size - begin)
    stated = metadata.pop("crc32", None)
    if stated is None:
        raise ValueError("it has no checksum")
    check(kinds, metadata)
    data = np.empty(size - begin, np.uint8)
    if file.readinto(data) != len(data):
        raise ValueError("it was cut while it was read")
    arrays = {name: _array(data, entries[name].data_offsets, kind) for name, kind in kinds.items()}
    if str(arrays_checksum(arrays)) != stated:
        raise ValueError("its checksum does not match")
    return arrays


def _header(file: BinaryIO, size: int, most: int) -> tuple[dict[str, Entry], dict[str, str], int]:
    """(the arrays' entries, metadata, where the arrays' bytes begin)."""
    if size < 8:
        raise ValueError("it is cut")
    (length,) = struct.unpack("<Q", file.read(8))
    if length > size - 8:
        raise ValueError(f"its header should have {length:,} bytes, and the file has {size:,}")
    if length > HEADER_BYTES + BYTES_AN_ARRAY * most:
        raise ValueError(f"its header has {length:,} bytes, too many for {most:,} arrays")
    text = file.read(length)
    if text.count(b":") > HEADER_BYTES // BYTES_AN_ARRAY + WORDS_AN_ARRAY * most:
        raise ValueError(f"its header names more than {most:,} arrays")
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(
            raw.pop("__metadata__", msgspec.Raw(b"{}")), type=dict[str, str]
        )
        entries = {name: msgspec.json.decode(entry, type=Entry) for name, entry in raw.items()}
        # if two entries had one name, the last one would be taken
        json.loads(text, object_pairs_hook=_refuse_twice)
        return entries, metadata, 8 + length
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"its header is none of safetensors: {error}") from None


def _refuse_twice(pairs: list[tuple[str, object]]) -> None:
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("its header has a name twice")


def _kind(name: str, entry: Entry, size: int) -> ArrayKind:
    """ValueError unless the array's shape, dtype and place fit together within `size` bytes."""
    begin, end = entry.data_offsets
    if entry.dtype not in DTYPES:
        raise ValueError(f"{quoted(name)} is of the unknown type {quoted(entry.dtype)}")
    kind = ArrayKind(np.dtype(DTYPES[entry.dtype]), tuple(entry.shape))
    if len(kind.shape) > MOST_AXES or not all(0 <= length <= size for length in kind.shape):
        raise ValueError(f"{quoted(name)} has the impossible shape {quoted(entry.shape)}")
    if not 0 <= begin <= end <= size or math.prod(kind.shape) * kind.dtype.itemsize != end - begin:
        raise ValueError(f"{quoted(name)} does not lie where its shape {list(kind.shape)} says")
    return kind


def _refuse_gaps(entries: dict[str, Entry], size: int) -> None:
    """Arrays lie one behind the other and fill the file."""
    at = 0
    for begin, end in sorted(entry.data_offsets for entry in entries.values()):
        if begin != at:
            raise ValueError("its arrays overlap or leave a gap")
        at = end
    if at != size:
        raise ValueError(f"its arrays should have {at:,} bytes, and {size:,} are there")


def _array(data: np.ndarray, place: tuple[int, int], kind: ArrayKind) -> np.ndarray:
    """A view of the file's bytes, where the processor can read them so, else a copy."""
    part = data[slice(*place)]
    if part.ctypes.data % kind.dtype.alignment:
        part = part.copy()
    return part.view(kind.dtype).reshape(kind.shape)


def arrays_checksum(arrays: dict[str, np.ndarray]) -> int:
    value = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        value = zlib.crc32(array.reshape(-1).view(np.uint8), zlib.crc32(name.encode(), value))
    return value


def first_not_finite(arrays: dict[str, np.ndarray]) -> str | None:
    """The name of the first array that holds a NaN or an infinity; None if all numbers are
    finite."""
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return name
    return None
