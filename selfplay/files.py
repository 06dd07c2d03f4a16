"""Writing files so that a kill at any instant leaves either the old one or the new one, and reading them so that a file
that was cut or altered is named and refused, never half-read. Arrays are safetensors: loading one cannot run code.
"""

import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as format_arrays


class DamagedFile(ValueError):
    """A file that is not what was once written."""


def write_bytes(path: Path, data: bytes) -> None:
    """Write beside `path`, flush to the disk, then rename over it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: dict) -> None:
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def read_json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{path} is missing or damaged: {error}") from None
    if not isinstance(value, dict):
        raise DamagedFile(f"{path} is damaged: it should hold a JSON object")
    return value


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """safetensors whose header carries a CRC-32 of all the array bytes, in the order of the names."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(path, format_arrays(arrays, metadata={"crc32": str(checksum(arrays))}))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by `write_arrays`. DamagedFile if it was cut, altered or is something else."""
    try:
        data = path.read_bytes()
        arrays = parse_arrays(data)
        (length,) = struct.unpack("<Q", data[:8])
        stated = json.loads(data[8 : 8 + length])["__metadata__"]["crc32"]
    except (OSError, SafetensorError, KeyError, ValueError, struct.error) as error:
        raise DamagedFile(f"{path} is missing or damaged: {error}") from None
    if str(checksum(arrays)) != stated:
        raise DamagedFile(f"{path} is damaged: its checksum does not match")
    return arrays


def checksum(arrays: dict[str, np.ndarray]) -> int:
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), zlib.crc32(name.encode(), value))
    return value


def publish_folder(temporary: Path, final: Path) -> None:
    """Rename a finished folder into place; whatever a killed process left there before goes."""
    if final.exists():
        shutil.rmtree(final)
    os.replace(temporary, final)
