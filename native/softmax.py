"""exp and softmax, eight numbers at a time.

A search takes the exponential of every legal move's logit, and of every tried move's value. The C library's `exp` is a call for
each number; this one is a dozen multiplications, and is off by at most 4e-16 of the result (tests/test_softmax.py).
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from native.compile import OPTIONS, inline
from native.lanes import LANES, ROUND, change_lanes, splat

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # ln 2 in two parts: k * LN2_HIGH is exact
LOWEST = -700.0  # e^-700 = 1e-304; below it would not be a normal number

# Sums and maxima of floats may be taken in any order, or they would be taken one by one: 121 additions of 4 cycles each
# on a Hex board. Results then depend on the processor's width in their last bit, never on a row's neighbours.
any_order = njit(forceinline=True, fastmath={"reassoc", "nnan", "nsz"}, **OPTIONS)


@intrinsic
def exp_lanes(typingctx, values, first, shift, scale):
    """values f64[first .. first + LANES - 1] = e^((value - shift) * scale) for what is <= 0 then, and a little above: 2^k e^r with
    |r| <= ln 2 / 2, and e^r by its series to r^12, summed in pairs."""

    def codegen(context, builder, signature, arguments):
        shift, scale = (splat(builder, number) for number in arguments[2:])
        change_lanes(context, builder, values, *arguments[:2], lambda x: exponential((x - shift) * scale))
        return context.get_dummy_value()

    return types.void(values, types.int64, types.float64, types.float64), codegen


def exponential(x):
    shifted, r = reduce.py_func(x.at_least(LOWEST))
    r2 = r * r
    r4 = r2 * r2
    high = (1 / 40320 + r * (1 / 362880)) + r2 * (1 / 3628800 + r * (1 / 39916800)) + r4 * (1 / 479001600)
    return series.py_func(r, r2, r4, r4 * high).times_power_of_two(shifted)


@intrinsic
def bits_of(typingctx, number):
    """The 64 bits of a double, as int64."""
    return types.int64(types.float64), lambda c, builder, s, arguments: builder.bitcast(arguments[0], ir.IntType(64))


@intrinsic
def double_of(typingctx, bits):
    return types.float64(types.int64), lambda c, builder, s, arguments: builder.bitcast(arguments[0], ir.DoubleType())


def flip(builder, bits):
    """The bits of a float as an integer that grows with it, and back: for negative numbers, all bits but the sign."""
    i32 = ir.IntType(32)
    is_negative = builder.ashr(bits, ir.Constant(i32, 31))
    return builder.xor(bits, builder.and_(is_negative, ir.Constant(i32, 0x7FFFFFFF)))


@intrinsic
def rank(typingctx, number):
    """i32: the greater, the greater the f32."""
    return types.int32(types.float32), lambda c, builder, s, a: flip(builder, builder.bitcast(a[0], ir.IntType(32)))


@intrinsic
def of_rank(typingctx, number):
    return types.float32(types.int32), lambda c, builder, s, a: builder.bitcast(flip(builder, a[0]), ir.FloatType())


LOWEST_RANK = np.int32(-(1 << 31))


@inline
def exp_to_single(x):
    """e^x in the same way, but the series to r^7: off by 6e-9 of the result at most, a tenth of what a f32 can tell."""
    shifted, r = reduce(max(x, LOWEST))
    r2 = r * r
    return times_power_of_two(series(r, r2, r2 * r2, 0.0), shifted)


@inline
def reduce(x):
    """(k, as the low bits of a double; r) with x = k ln 2 + r, for x >= LOWEST."""
    shifted = x * LOG2_E + ROUND
    k = shifted - ROUND
    return shifted, (x - k * LN2_HIGH) - k * LN2_LOW


@inline
def series(r, r2, r4, rest):
    """The first eight terms of e^r and r^4 times the rest."""
    low = (1.0 + r) + r2 * (1 / 2 + r * (1 / 6))
    middle = (1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040))
    return low + r4 * (middle + rest)


@inline
def times_power_of_two(number, shifted):
    return double_of(bits_of(number) + (bits_of(shifted) << 52))


@inline
def exp_in_place(values, count, shift, scale):
    """values f64[0 .. count - 1] = e^((value - shift) * scale), LANES at a time: what stands behind them, up to a multiple of LANES, is
    overwritten."""
    for block in range((count + LANES - 1) // LANES):
        exp_lanes(values, block * LANES, shift, scale)


@inline
def places(first, count):
    """first .. first + count - 1, unsigned: an index that might be negative would count from the end, and a loop that looks
    at the sign of each index is not vectorised."""
    return range(np.uint64(first), np.uint64(first) + np.uint64(count))


@inline
def highest_of(values, first, count):
    """Of f32. Taken as integers, because LLVM does not take the maximum of floats sixteen at a time."""
    highest = LOWEST_RANK
    for i in places(first, count):
        highest = max(highest, rank(values[i]))
    return of_rank(highest)


@any_order
def sum_of(values, first, count):
    total = 0.0
    for i in places(first, count):
        total += np.float64(values[i])
    return total


@inline
def softmax(values, first, count):
    """values f32[first .. first + count - 1] = their softmax, in place."""
    highest = np.float64(highest_of(values, first, count))
    for i in places(first, count):
        values[i] = exp_to_single(np.float64(values[i]) - highest)
    share = 1.0 / sum_of(values, first, count)
    for i in places(first, count):
        values[i] = values[i] * share
