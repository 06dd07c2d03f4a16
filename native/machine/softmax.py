"""exp and softmax, many numbers at a time.

A search takes the exponential of every legal move's logit, and of every visited move's value. The C
library's `exp` is a call for each number; these are a dozen multiplications for four or eight of
them.
"""

from functools import partial

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from native.machine.compile import inline
from native.machine.simd import BLOCK, LN2_HIGH, LN2_LOW, SINGLE_BLOCK, SINGLES, Lanes, Place, splat

LOG2_E = 1.4426950408889634
LOWEST = -700.0  # e^-700 = 1e-304; below it would not be a normal number
SINGLE_LN2_HIGH, SINGLE_LN2_LOW, SINGLE_LOWEST = (
    0.693359375,
    -2.12194440e-4,
    -87.0,
)  # for single precision


# e^x = 2^k e^r with |r| <= ln 2 / 2, and e^r by its series. `x` is `Lanes`.


def exponential(x):
    """e^x of doubles, <= 0 or a little above, off by at most 4e-16 of the result."""
    shifted, r = reduce(x.at_least(LOWEST), LN2_HIGH, LN2_LOW)
    r2 = r * r
    r4 = r2 * r2
    low = (1.0 + r) + r2 * (1 / 2 + r * (1 / 6))
    middle = (1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040))
    high = (
        (1 / 40320 + r * (1 / 362880))
        + r2 * (1 / 3628800 + r * (1 / 39916800))
        + r4 * (1 / 479001600)
    )
    return (low + r4 * (middle + r4 * high)).times_power_of_two(shifted)


def exponential_of_singles(x):
    """e^x of singles, <= 0 or a little above, off by at most 2e-7 of the result."""
    shifted, r = reduce(x.at_least(SINGLE_LOWEST), SINGLE_LN2_HIGH, SINGLE_LN2_LOW)
    r2 = r * r
    low = r + r2 * (1 / 2 + r * (1 / 6))
    high = (1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040))
    return (1.0 + (low + r2 * r2 * high)).times_power_of_two(shifted)


def reduce(x, ln2_high, ln2_low):
    """(k, as the low bits of a number; r) with x = k ln 2 + r."""
    shifted = x * LOG2_E + x.kind.round
    k = shifted - x.kind.round
    return shifted, (x - k * ln2_high) - k * ln2_low


@intrinsic
def exp_lanes(typingctx, values, first, shift, scale):
    """values f64[first .. first + BLOCK - 1] = e^((value - shift) * scale) for what is <= 0 then,
    and a little above."""

    def codegen(context, builder, signature, arguments):
        array, first, shift, scale = arguments
        place = Place(context, builder, values, array, first)
        place.write(exponential((place.read() - splat(builder, shift)) * splat(builder, scale)))
        return context.get_dummy_value()

    return types.void(values, types.int64, types.float64, types.float64), codegen


@inline
def exp_in_place(values, count, shift, scale):
    """values f64[0 .. count - 1] = e^((value - shift) * scale), a block at a time: what stands
    behind them, up to a multiple of BLOCK, is overwritten."""
    for block in range((count + BLOCK - 1) // BLOCK):
        exp_lanes(values, block * BLOCK, shift, scale)


@intrinsic
def softmax_of(typingctx, logits, chosen, count, chosen_out, softmax_out, first):
    """softmax_out f32[first ..] = the softmax of logits f32[A] at the indices chosen i32[0 .. count
    - 1], chosen_out i16[first ..] = those indices. What stands behind them, up to a multiple of
    SINGLE_BLOCK, is overwritten.

    Vectors are built in registers: a vector load after scalar stores defeats store forwarding and
    stalls.
    """

    def codegen(context, builder, signature, arguments):
        source, indices, size, kept, out, begin = arguments
        source = make_array(logits)(context, builder, source).data
        indices = make_array(chosen)(context, builder, indices).data
        kept = builder.gep(make_array(chosen_out)(context, builder, kept).data, [begin])
        place = Place(context, builder, softmax_out, out, begin, SINGLES)
        i64 = partial(context.get_constant, types.int64)
        blocks = builder.sdiv(builder.add(size, i64(SINGLE_BLOCK - 1)), i64(SINGLE_BLOCK))

        def gathered(block) -> Lanes:
            vector = ir.Constant(SINGLES.vector, ir.Undefined)
            for lane in range(SINGLE_BLOCK):
                i = builder.add(builder.mul(block, i64(SINGLE_BLOCK)), i64(lane))
                is_inside = builder.icmp_signed("<", i, size)
                index = builder.load(builder.gep(indices, [builder.select(is_inside, i, i64(0))]))
                builder.store(builder.trunc(index, ir.IntType(16)), builder.gep(kept, [i]))
                number = builder.load(builder.gep(source, [builder.zext(index, ir.IntType(64))]))
                number = builder.select(is_inside, number, ir.Constant(SINGLES.element, -np.inf))
                vector = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), lane))
            return Lanes(builder, vector, SINGLES)

        def over_blocks(start: float, join, change) -> Lanes:
            """Every block changed and written, and all of them joined: the same in each lane."""
            joined = cgutils.alloca_once_value(builder, SINGLES.all(start))
            with cgutils.for_range(builder, blocks) as loop:
                changed = change(loop.index)
                place.write(changed, loop.index)
                builder.store(
                    join(Lanes(builder, builder.load(joined), SINGLES), changed).value, joined
                )
            return Lanes(builder, builder.load(joined), SINGLES).over_all(join)

        highest = over_blocks(-np.inf, Lanes.at_least, gathered)
        total = over_blocks(
            0.0, Lanes.__add__, lambda block: exponential_of_singles(place.read(block) - highest)
        )
        share = 1.0 / total
        with cgutils.for_range(builder, blocks) as loop:
            place.write(place.read(loop.index) * share, loop.index)
        return context.get_dummy_value()

    return types.void(logits, chosen, types.int64, chosen_out, softmax_out, types.int64), codegen


@inline
def index_range(first, count):
    """first .. first + count - 1, unsigned: an index that might be negative would count from the
    end, and a loop that looks at the sign of each index is not vectorised."""
    return range(np.uint64(first), np.uint64(first) + np.uint64(count))


# The highest of many floats. LLVM does not take their maximum sixteen at a time, that of integers
# it does.


def flip(builder, bits):
    """The bits of a float as an integer that grows with it, and back: for negative numbers, all
    bits but the sign."""
    i32 = ir.IntType(32)
    is_negative = builder.ashr(bits, ir.Constant(i32, 31))
    return builder.xor(bits, builder.and_(is_negative, ir.Constant(i32, 0x7FFFFFFF)))


@intrinsic
def rank(typingctx, number):
    """i32: the greater, the greater the f32."""
    return types.int32(types.float32), lambda c, builder, s, a: flip(
        builder, builder.bitcast(a[0], ir.IntType(32))
    )


@intrinsic
def of_rank(typingctx, number):
    return types.float32(types.int32), lambda c, builder, s, a: builder.bitcast(
        flip(builder, a[0]), ir.FloatType()
    )


LOWEST_RANK = np.int32(-(1 << 31))


@inline
def highest_of(values, first, count):
    highest = LOWEST_RANK
    for i in index_range(first, count):
        highest = max(highest, rank(values[i]))
    return of_rank(highest)
