"""Arithmetic on eight numbers at a time, written down for LLVM as vectors.

A loop over eight numbers LLVM turns into vectors as it sees fit; for a Cascade Lake it did half of them one by one, and took
three times as long.
"""

import struct

from llvmlite import ir
from numba.np.arrayobj import make_array

LANES = 8  # doubles that a processor takes at once, or a multiple of it
DOUBLE, I64, I32 = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
VECTOR, BITS = ir.VectorType(DOUBLE, LANES), ir.VectorType(I64, LANES)
ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it leaves an integer in the low bits of the sum


class Lanes:
    """LANES doubles while a kernel is compiled."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def _other(self, other):
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(VECTOR, [ir.Constant(DOUBLE, other)] * LANES)

    def __add__(self, other):
        return Lanes(self.builder, self.builder.fadd(self.value, self._other(other)))

    def __sub__(self, other):
        return Lanes(self.builder, self.builder.fsub(self.value, self._other(other)))

    def __mul__(self, other):
        return Lanes(self.builder, self.builder.fmul(self.value, self._other(other)))

    def __truediv__(self, other):
        return Lanes(self.builder, self.builder.fdiv(self.value, self._other(other)))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1.0

    def at_least(self, least):
        least = self._other(least)
        is_below = self.builder.fcmp_ordered("<", self.value, least)
        return Lanes(self.builder, self.builder.select(is_below, least, self.value))

    def times_power_of_two(self, shifted):
        """Times 2^k, where k lies in the low bits of `shifted`, a number to which ROUND was added."""
        builder = self.builder
        number, power = (builder.bitcast(v.value, BITS) for v in (self, shifted))
        return self._of_bits(builder.add(number, builder.shl(power, all_bits(52))))

    def parts(self):
        """(k, m): m 2^k with whole k and m from sqrt(1/2) to sqrt(2), of normal numbers above 0."""
        builder, bits = self.builder, self.builder.bitcast(self.value, BITS)
        power = builder.ashr(builder.sub(bits, all_bits(bits_of_double(0.5**0.5))), all_bits(52))
        mantissa = self._of_bits(builder.sub(bits, builder.shl(power, all_bits(52))))
        return self._of_bits(builder.add(power, all_bits(bits_of_double(ROUND)))) - ROUND, mantissa

    def _of_bits(self, bits):
        return Lanes(self.builder, self.builder.bitcast(bits, VECTOR))


def all_bits(number: int):
    return ir.Constant(BITS, [ir.Constant(I64, number)] * LANES)


def bits_of_double(number: float) -> int:
    return struct.unpack("<q", struct.pack("<d", number))[0]


def splat(builder, number) -> Lanes:
    """The same number in every lane."""
    undefined, zero = ir.Constant(VECTOR, ir.Undefined), ir.Constant(I32, 0)
    everywhere = ir.Constant(ir.VectorType(I32, LANES), [zero] * LANES)
    return Lanes(
        builder, builder.shuffle_vector(builder.insert_element(undefined, number, zero), undefined, everywhere)
    )


def change_lanes(context, builder, array_type, array, first, change) -> None:
    """array f64[first .. first + LANES - 1] = change(what is there)."""
    data = make_array(array_type)(context, builder, array).data
    place = builder.bitcast(builder.gep(data, [first]), VECTOR.as_pointer())
    builder.store(change(Lanes(builder, builder.load(place, align=8))).value, place, align=8)
