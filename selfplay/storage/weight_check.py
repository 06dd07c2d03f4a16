"""What a network's weights and a learner's state must be before memory is taken for them or a
network gets them.

What is expected follows from the network's shape: a network of that shape is made without memory
(torch's device "meta") and its arrays are compared with those that the file's header names.
ValueError with the reason.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from selfplay.network.network import Network, Shape
from selfplay.storage.arrays import ArrayKind, first_not_finite, read_arrays
from selfplay.storage.files import DamagedFile

# What a game can be to a network; blocks and channels are bounded by the configuration, which they
# must equal.
SHAPE_LIMITS = {
    "rows": (1, 1000),
    "columns": (1, 1000),
    "planes": (1, 1000),
    "scalars": (0, 1000),
    "action_planes": (1, 1000),
    "extra_actions": (0, 1000),
}
MOST_RECORDED_ACTIONS = 1 << 16  # records count them in 16 bits
NUMPY_DTYPES = {torch.float32: np.float32, torch.int64: np.int64}
ARRAYS_A_BLOCK = 12  # at least, and a header has so many bytes for each of them:
BYTES_A_HEADER_ENTRY = 60
ONE = (1,)  # a single number is stored with an axis
MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's; beside them the steps made, of each parameter
MOST_COUNTED = 1 << 53


def check_shape(shape: Shape) -> None:
    """Could any game have it?"""
    for name, (low, high) in SHAPE_LIMITS.items():
        if not low <= getattr(shape, name) <= high:
            raise ValueError(
                f"shape.{name} must lie between {low} and {high}, not {getattr(shape, name)}"
            )
    if shape.layout not in ("cells", "columns"):
        raise ValueError(f"shape.layout must be cells or columns, not {shape.layout[:20]!r}")
    if shape.actions > MOST_RECORDED_ACTIONS:
        raise ValueError(
            f"the shape has {shape.actions:,} actions, at most {MOST_RECORDED_ACTIONS:,} can be "
            "recorded"
        )


@lru_cache(16)  # a command asks for the weights and the learner's state of the same shape
def kinds_of_network(shape: Shape) -> tuple[dict[str, ArrayKind], list[str]]:
    """(every array of a network of this shape, names of those that are learned); takes no memory
    for the arrays."""
    with torch.device("meta"):
        network = Network(shape)
    kinds = {
        name: ArrayKind(np.dtype(NUMPY_DTYPES[t.dtype]), tuple(t.shape) or ONE)
        for name, t in network.state_dict().items()
    }
    return kinds, [name for name, _ in network.named_parameters()]


def read_weights(path: Path, shape: Shape) -> dict[str, np.ndarray]:
    """A network's weights. DamagedFile if they are not whole, another network's, or not finite."""
    expected, _ = _expected(path, shape)
    return _read(path, lambda kinds, _: _check_weights(kinds, expected), len(expected))


def read_learner_state(path: Path, shape: Shape) -> dict[str, np.ndarray]:
    """What `Learner.state` returned. DamagedFile if it is not whole, another network's, or not
    finite."""
    expected, learned = _expected(path, shape)
    most = len(expected) + (len(MOMENTS) + 1) * len(learned) + 1
    return _read(path, lambda kinds, _: _check_learner_state(kinds, expected, learned), most)


def _expected(path: Path, shape: Shape) -> tuple[dict[str, ArrayKind], list[str]]:
    """As `kinds_of_network`, where the file is large enough to hold such a network."""
    # two kernels of 3 x 3 in fp32
    least = shape.blocks * (72 * shape.channels**2 + ARRAYS_A_BLOCK * BYTES_A_HEADER_ENTRY)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DamagedFile(f"{path} is missing or damaged: {error.strerror or error}") from None
    if size < least:
        raise DamagedFile(
            f"{path} is damaged: it has {size:,} bytes, too few for a network of {shape.blocks} "
            f"blocks of {shape.channels} channels"
        )
    return kinds_of_network(shape)


def _read(path: Path, check, most: int) -> dict[str, np.ndarray]:
    arrays = read_arrays(path, check, most)
    try:
        check_numbers(arrays)
    except ValueError as error:
        raise DamagedFile(f"{path}: {error}") from None
    return arrays


def _check_weights(
    kinds: dict[str, ArrayKind], expected: dict[str, ArrayKind], prefix: str = ""
) -> None:
    """All of them, as expected. Networks of older versions have no ranges."""
    for name in sorted(
        {prefix + name for name in expected} | set(kinds), key=lambda name: name.endswith("ranges")
    ):
        wanted, found = expected.get(name.removeprefix(prefix)), kinds.get(name)
        if wanted != found and not (found is None and name.endswith("ranges")):
            raise ValueError(
                f"these are the weights of another network: {name[:100]} is {_told(found)} here, "
                f"{_told(wanted)} there"
            )


def _told(kind: ArrayKind | None) -> str:
    return f"{kind.dtype} {list(kind.shape)}" if kind else "not"


def _check_learner_state(
    kinds: dict[str, ArrayKind], expected: dict[str, ArrayKind], learned: list[str]
) -> None:
    """The network, its steps, and the optimiser's moments of each parameter, or of none that was
    never learned."""
    network = {name: kind for name, kind in kinds.items() if name.startswith("network.")}
    _check_weights(network, expected, "network.")
    wanted = {"learner.step": ArrayKind(np.dtype(np.int64), ONE)}
    for name in learned:
        if f"exp_avg.{name}" in kinds:
            wanted |= {f"{moment}.{name}": expected[name] for moment in MOMENTS}
            wanted[f"step.{name}"] = ArrayKind(np.dtype(np.float32), ONE)
    for name in sorted(wanted.keys() | (kinds.keys() - network.keys())):
        if wanted.get(name) != kinds.get(name):
            raise ValueError(
                f"this is the state of another learner: {name[:100]} is {_told(kinds.get(name))} "
                f"here, {_told(wanted.get(name))} there"
            )


def check_numbers(arrays: dict[str, np.ndarray]) -> None:
    """ValueError that names an array whose numbers no learning that goes well can have reached."""
    if name := first_not_finite(
        {name: a for name, a in arrays.items() if not _is_unmeasured(name, a)}
    ):
        raise ValueError(f"{name} is not finite: learning had diverged")
    for name, array in arrays.items():
        is_square = name.endswith("running_var") or name.startswith("exp_avg_sq.")
        is_count = name.startswith("step.") or name == "learner.step"
        if (is_square or is_count) and array.size and array.min() < 0:
            raise ValueError(f"{name} is negative")
        if is_count and array.max() > MOST_COUNTED:
            raise ValueError(f"{name} is {array.max():g}, more than can be counted")


def _is_unmeasured(name: str, array: np.ndarray) -> bool:
    """A network that is older than 8-bit inference has never measured its ranges."""
    return name in ("ranges", "network.ranges") and np.isnan(array).all()
