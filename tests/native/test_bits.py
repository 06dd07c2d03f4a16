"""Bits of a word."""

import numpy as np
from numba import njit

from native.machine.bits import trailing_zeros


@njit
def lowest(bits):
    return trailing_zeros(bits)


def test_the_lowest_set_bit_is_found_whatever_lies_above_it():
    for bit in range(64):
        above = 0xF0F0F0F0F0F0F0F0 >> bit << bit
        assert lowest(np.uint64(1 << bit)) == lowest(np.uint64(above | 1 << bit)) == bit
    assert lowest(np.uint64(0)) == 64
