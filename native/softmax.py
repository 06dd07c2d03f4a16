"""exp and softmax that the compiler can vectorise.

A search takes the exponential of every legal move's logit. The C library's `exp` is a call for each number; this one is
a dozen multiplications that LLVM does eight at a time, and is off by at most 4e-16 of the result (tests/test_softmax.py).
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from native.compile import OPTIONS, inline

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # ln 2 in two parts: k * LN2_HIGH is exact
ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves an integer in the low bits of the sum
LOWEST = -700.0  # e^-700 = 1e-304; below it would not be a normal number

# Sums and maxima of floats may be taken in any order, or they would be taken one by one: 121 additions of 4 cycles each
# on a Hex board. Results then depend on the processor's width in their last bit, never on a row's neighbours.
any_order = njit(forceinline=True, fastmath={"reassoc", "nnan", "nsz"}, **OPTIONS)


@intrinsic
def bits_of(typingctx, number):
    """The 64 bits of a double, as int64."""
    return types.int64(types.float64), lambda c, builder, s, arguments: builder.bitcast(arguments[0], ir.IntType(64))


@intrinsic
def double_of(typingctx, bits):
    return types.float64(types.int64), lambda c, builder, s, arguments: builder.bitcast(arguments[0], ir.DoubleType())


@inline
def exp(x):
    """e^x for x <= 0 (and a little above): 2^k e^r with |r| <= ln 2 / 2, and e^r by its series to r^12, summed in pairs."""
    shifted = max(x, LOWEST) * LOG2_E + ROUND
    k = shifted - ROUND
    r = (max(x, LOWEST) - k * LN2_HIGH) - k * LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (1 / 2 + r * (1 / 6))
    middle = (1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040))
    high = (1 / 40320 + r * (1 / 362880)) + r2 * (1 / 3628800 + r * (1 / 39916800)) + r4 * (1 / 479001600)
    return double_of(bits_of(low + r4 * (middle + r4 * high)) + (bits_of(shifted) << 52))


LANES = 8  # doubles that a processor takes at once, or a multiple of it


@inline
def exp_in_place(values, count, shift, scale):
    """values f64[0 .. count - 1] = e^((value - shift) * scale), LANES at a time: what stands behind them, up to a multiple of LANES, is
    overwritten. (The inner loop's fixed length is what lets LLVM do it as one.)"""
    for block in range((count + LANES - 1) // LANES):
        for lane in range(LANES):
            i = block * LANES + lane
            values[i] = exp((values[i] - shift) * scale)


@any_order
def highest_of(values, first, count):
    highest = np.float32(-np.inf)
    for i in range(first, first + count):
        highest = max(highest, values[i])
    return highest


@any_order
def sum_of(values, first, count):
    total = 0.0
    for i in range(first, first + count):
        total += np.float64(values[i])
    return total


@inline
def softmax(values, first, count):
    """values f32[first .. first + count - 1] = their softmax, in place."""
    highest = np.float64(highest_of(values, first, count))
    for i in range(first, first + count):
        values[i] = exp(np.float64(values[i]) - highest)
    share = 1.0 / sum_of(values, first, count)
    for i in range(first, first + count):
        values[i] = values[i] * share
