"""Mutations of safetensors files: of what the arrays hold, of the header with a right checksum, and
of bytes as they come."""

import json
import math
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from selfplay.storage.arrays import arrays_checksum
from selfplay.storage.files import DamagedFile

NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    9,
    255,
    65535,
    10**12,
    2**31,
    2**62,
    2**63 - 1,
    -(2**63),
    0.5,
    -0.5,
    2.0,
    1e30,
    -1e30,
)
FLOATS = (math.nan, math.inf, -math.inf, 3e38, -3e38, 1e-40)
KINDS = (
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
)
TYPES = ("F32", "F64", "I64", "U16", "U8", "BOOL", "BF16", "F8_E4M3", "", "f32", "I128")
SIZES = (0, 1, -1, 2, 7, 2**31, 2**40, 2**63 - 1, 2**63, 2**64, 10**30)


def packed(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """A file with a right checksum."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(arrays, metadata=metadata | {"crc32": str(arrays_checksum(arrays))})


def split(file: bytes) -> tuple[dict, bytes]:
    """(header, the arrays' bytes) of a whole file."""
    (length,) = struct.unpack("<Q", file[:8])
    return json.loads(file[8 : 8 + length]), file[8 + length :]


def joined(header: dict, data: bytes) -> bytes:
    """The file of a header, with the checksum that its arrays would have."""
    crc = 0
    for name in sorted(set(header) - {"__metadata__"}):
        place = header[name].get("data_offsets") if isinstance(header[name], dict) else None
        if (
            isinstance(place, list)
            and len(place) == 2
            and all(isinstance(at, int) and 0 <= at < 2**40 for at in place)
        ):
            crc = zlib.crc32(
                data[place[0] : place[1]], zlib.crc32(name.encode(errors="replace"), crc)
            )
    if isinstance(header.get("__metadata__"), dict) and "crc32" in header["__metadata__"]:
        header["__metadata__"]["crc32"] = str(crc)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def mutated_file(file: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A file changed in one of the three ways."""
    way = rng.random()
    if way < 0.55:
        return mutated_arrays(file, others, rng)
    return mutated_header(file, rng) if way < 0.8 else mutated_bytes(file, others, rng)


def mutated_arrays(file: bytes, others: list[bytes], rng: random.Random) -> bytes:
    arrays, metadata = {n: a.copy() for n, a in load(file).items()}, split(file)[0]["__metadata__"]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name = rng.choice(sorted(arrays))
        arrays[name] = mutated_array(arrays[name], rng)
        if rng.random() < 0.1:
            other = load(rng.choice(others))
            arrays[name] = other.get(name, arrays[name])
        if rng.random() < 0.03:
            arrays.pop(name, None) if len(arrays) > 1 else None
        if rng.random() < 0.03:
            arrays["extra"] = np.zeros(3)
    return packed(arrays, {k: v for k, v in metadata.items() if k != "crc32"})


def mutated_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    way = rng.randrange(10)
    if way < 5 and array.size:
        for _ in range(rng.choice((1, 1, 2, 5))):
            array.reshape(-1)[rng.randrange(array.size)] = fitting(array.dtype, rng)
    elif way == 5:
        with np.errstate(all="ignore"):
            array = array.astype(rng.choice(KINDS))
    elif way == 6:
        array = rng.choice(
            (array[None], array.reshape(-1), array[..., None], array.reshape(-1)[:0])
        )
    elif way == 7:
        array = (
            rng.choice((array[:-1], array[1:], np.concatenate([array, array[-1:]])))
            if array.ndim
            else array
        )
    elif way == 8 and array.size > 1:
        flat = array.reshape(-1)
        i, j = rng.randrange(flat.size), rng.randrange(flat.size)
        flat[i], flat[j] = flat[j].copy(), flat[i].copy()
    elif way == 9:
        array = rng.choice(
            (np.sort(array, None).reshape(array.shape), array[::-1].copy() if array.ndim else array)
        )
    return array


def fitting(dtype: np.dtype, rng: random.Random) -> np.generic:
    """A number of that type at which something may break."""
    value = rng.choice(NUMBERS + (FLOATS if dtype.kind == "f" else ()))
    with np.errstate(all="ignore"):
        return np.array(value).astype(dtype)[()] if dtype.kind != "b" else np.bool_(value)


def mutated_header(file: bytes, rng: random.Random) -> bytes:
    header, data = split(file)
    name = rng.choice(sorted(set(header) - {"__metadata__"}))
    entry, way = header[name], rng.randrange(14)
    if way == 0:
        entry["data_offsets"][rng.randrange(2)] = rng.choice((*SIZES, len(data), 8, 16))
    elif way == 1:
        entry["shape"] = [rng.choice(SIZES) for _ in range(rng.randrange(5))]
    elif way == 2:
        entry["dtype"] = rng.choice(TYPES)
    elif way == 3:
        entry[rng.choice(("dtype", "shape", "data_offsets", "more"))] = rng.choice(
            (None, "x", 3, [], {}, [1.5], [[1]])
        )
    elif way == 4:
        header["__metadata__"] = rng.choice(
            (None, [], "x", {}, {"crc32": None}, {"crc32": "x"}, {"crc32": {"a": 1}}, 7)
        )
    elif way == 5:
        header["__metadata__"]["game"] = rng.choice(
            ("", "chess", "go5", "tictactoe", "x" * 100_000, "\n\x00", "../x.py")
        )
    elif way == 6:
        header[rng.choice(("", "a\nb", "x" * 10_000, "\ud800", name + " "))] = dict(entry)
    elif way == 7:
        other = rng.choice(sorted(set(header) - {"__metadata__"}))
        header[name], header[other] = header[other], header[name]
    elif way == 8:
        entry["shape"] = rng.choice(
            ([1] * 100, [*entry["shape"], 1], entry["shape"][::-1], [2**32, 2**32])
        )
    elif way == 9:
        data += bytes(rng.choice((1, 8, 4096)))
    elif way == 10:
        header["__metadata__"] = {f"k{i}": "" for i in range(rng.choice((10, 10_000)))} | header[
            "__metadata__"
        ]
    whole = joined(header, data)
    if way == 11:
        return struct.pack("<Q", rng.choice((0, 1, 2**20, 2**31, 2**63, 2**64 - 1))) + whole[8:]
    if way == 12:
        text = rng.choice(
            (b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000, b"{}", b'"', b"\xff\xfe", b"nul")
        )
        return struct.pack("<Q", len(text)) + text + data
    if way == 13:  # a name twice
        text = json.dumps(header).encode()
        text = text[:-1] + b", " + json.dumps({name: entry}).encode()[1:]
        return struct.pack("<Q", len(text)) + text + data
    return whole


def mutated_bytes(file: bytes, others: list[bytes], rng: random.Random) -> bytes:
    data, way = bytearray(file), rng.randrange(5)
    if way == 0:
        for _ in range(rng.choice((1, 1, 2, 20))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif way == 1:
        del data[rng.randrange(len(data)) :]
    elif way == 2:
        begin = rng.randrange(len(data))
        del data[begin : begin + rng.choice((1, 8, 100))]
    elif way == 3:
        other = rng.choice(others)
        data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]
    else:
        data = bytearray(rng.randbytes(rng.choice((0, 1, 7, 8, 9, 1000))))
    return bytes(data)


def refused(error: DamagedFile, path: Path) -> bool:
    """False, as attempts return it; AssertionError if the refusal is no short line that names the
    file."""
    text = str(error)
    assert str(path) in text and "\n" not in text and len(text) < len(str(path)) + 1000, text[:2000]
    return False
