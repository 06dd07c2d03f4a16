"""The position cache: the network's answers by position key, shared by all games of one actor.

Direct-mapped: a new answer replaces whatever stands at its index. Stale only when the weights
change, and then the owner clears it. Keys are 64 bits of the game's own hash; EMPTY marks an entry
without an answer, and a position that happens to have that key is never remembered.
"""

from typing import NamedTuple

import numpy as np

from native.machine.compile import copy, inline
from native.machine.prefetch import prefetch_at
from native.machine.random import mix
from native.machine.struct_argument import by_address

MISS = -1
EMPTY = np.uint64(0)


@by_address
class Cache(NamedTuple):
    key: np.ndarray  # u64[C], C a power of two
    value: np.ndarray  # f32[C], for the mover, as the network said it
    logits: np.ndarray  # f32[C, A]
    counts: np.ndarray  # i64[2]: look-ups, hits


def new_cache(entries: int, max_actions: int) -> Cache:
    """Room for about `entries` answers (rounded down to a power of two); 0 turns the cache off."""
    size = 1 << max(0, int(entries).bit_length() - 1) if entries else 0
    return Cache(
        np.zeros(size, np.uint64),
        np.zeros(size, np.float32),
        np.zeros((size, max_actions), np.float32),
        np.zeros(2, np.int64),
    )


def clear(cache: Cache) -> None:
    """Forget every answer; call it whenever the weights change."""
    cache.key[:] = EMPTY


@inline
def index_of(cache, key):
    return np.int64(mix(key) & np.uint64(len(cache.key) - 1))


@inline
def prefetch_entry(cache, key):
    """Begin to load all that may be wanted of it; returns its index. Entries lie all over
    memory."""
    index = index_of(cache, key)
    prefetch_at(cache.key, index)
    prefetch_at(cache.value, index)
    prefetch_at(cache.logits[index], 0)
    return index


@inline
def find(cache, key):
    """Index of the entry of `key`, or MISS."""
    if len(cache.key) == 0 or key == EMPTY:
        return MISS
    index = prefetch_entry(cache, key)
    cache.counts[0] += 1
    if cache.key[index] != key:
        return MISS
    cache.counts[1] += 1
    return index


@inline
def store(cache, key, value, logits):
    if len(cache.key) == 0 or key == EMPTY:
        return
    index = index_of(cache, key)
    cache.key[index] = key
    cache.value[index] = value
    copy(cache.logits[index], logits)
