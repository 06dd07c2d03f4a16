"""Arithmetic on many numbers at a time, written down for LLVM as vectors.

A loop over eight numbers LLVM turns into vectors as it sees fit; of exponentials it did half one by
one for a Cascade Lake, and took three times as long.
"""

import struct
from collections.abc import Callable

from llvmlite import ir
from numba.np.arrayobj import make_array


class Kind:
    """`count` numbers of `bits` bits each, `fraction` of them behind the point."""

    def __init__(self, element: ir.Type, bits: int, fraction: int, count: int, letters: str):
        self.element, self.fraction, self.count, self.letters = element, fraction, count, letters
        self.integer = ir.IntType(bits)
        self.vector, self.integers = (
            ir.VectorType(element, count),
            ir.VectorType(self.integer, count),
        )
        self.round = 1.5 * 2.0**fraction  # adding it leaves an integer in the low bits of the sum

    def all(self, number: float) -> ir.Constant:
        return ir.Constant(self.vector, [ir.Constant(self.element, number)] * self.count)

    def all_integers(self, number: int) -> ir.Constant:
        return ir.Constant(self.integers, [ir.Constant(self.integer, number)] * self.count)

    def bits_of(self, number: float) -> int:
        to, of = self.letters
        return struct.unpack(f"<{to}", struct.pack(f"<{of}", number))[0]


# 256 bits. With 512 a Cascade Lake runs at a lower clock, and searches took up to a sixth longer.
DOUBLES = Kind(ir.DoubleType(), 64, 52, 4, "qd")
SINGLES = Kind(ir.FloatType(), 32, 23, 8, "if")
# what is done a vector at a time overwrites whole ones
BLOCK, SINGLE_BLOCK = (
    DOUBLES.count,
    SINGLES.count,
)
I32 = ir.IntType(32)
ZERO = ir.Constant(I32, 0)
# ln 2 in two parts: k * LN2_HIGH is exact
LN2_HIGH, LN2_LOW = (
    0.693147180369123816490,
    1.90821492927058770002e-10,
)


class Lanes:
    """The numbers of one vector while a kernel is compiled."""

    def __init__(self, builder, value, kind: Kind = DOUBLES):
        self.builder, self.value, self.kind = builder, value, kind

    def _other(self, other):
        return other.value if isinstance(other, Lanes) else self.kind.all(other)

    def _lanes(self, value) -> "Lanes":
        return Lanes(self.builder, value, self.kind)

    def __add__(self, other):
        return self._lanes(self.builder.fadd(self.value, self._other(other)))

    def __sub__(self, other):
        return self._lanes(self.builder.fsub(self.value, self._other(other)))

    def __mul__(self, other):
        return self._lanes(self.builder.fmul(self.value, self._other(other)))

    def __truediv__(self, other):
        return self._lanes(self.builder.fdiv(self.value, self._other(other)))

    def __rtruediv__(self, other):
        return self._lanes(self.builder.fdiv(self._other(other), self.value))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1.0

    def at_least(self, least):
        """Whichever is higher; NaN where this is NaN."""
        least = self._other(least)
        is_below = self.builder.fcmp_ordered("<", self.value, least)
        return self._lanes(self.builder.select(is_below, least, self.value))

    def over_all(self, join: Callable[["Lanes", "Lanes"], "Lanes"]) -> "Lanes":
        """Every lane joined with every other, the same in each: halves, quarters, ... change
        places."""
        joined, distance = self, self.kind.count // 2
        while distance:
            index_range = [ir.Constant(I32, lane ^ distance) for lane in range(self.kind.count)]
            mask = ir.Constant(ir.VectorType(I32, self.kind.count), index_range)
            joined = join(
                joined, self._lanes(self.builder.shuffle_vector(joined.value, joined.value, mask))
            )
            distance //= 2
        return joined

    def times_power_of_two(self, shifted):
        """Times 2^k, where k lies in the low bits of `shifted`, a number to which `kind.round` was
        added."""
        kind, builder = self.kind, self.builder
        number, power = (builder.bitcast(v.value, kind.integers) for v in (self, shifted))
        return self._of_bits(
            builder.add(number, builder.shl(power, kind.all_integers(kind.fraction)))
        )

    def parts(self):
        """(k, m): m 2^k with whole k and m from sqrt(1/2) to sqrt(2), of normal numbers above 0."""
        kind, builder = self.kind, self.builder
        bits, fraction = (
            builder.bitcast(self.value, kind.integers),
            kind.all_integers(kind.fraction),
        )
        power = builder.ashr(builder.sub(bits, kind.all_integers(kind.bits_of(0.5**0.5))), fraction)
        mantissa = self._of_bits(builder.sub(bits, builder.shl(power, fraction)))
        return self._of_bits(
            builder.add(power, kind.all_integers(kind.bits_of(kind.round)))
        ) - kind.round, mantissa

    def _of_bits(self, bits):
        return self._lanes(self.builder.bitcast(bits, self.kind.vector))


def splat(builder, number, kind: Kind = DOUBLES) -> Lanes:
    """The same number in every lane."""
    undefined = ir.Constant(kind.vector, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(I32, kind.count), [ZERO] * kind.count)
    first = builder.insert_element(undefined, number, ZERO)
    return Lanes(builder, builder.shuffle_vector(first, undefined, everywhere), kind)


class Place:
    """Where an array's numbers stand from some index on, to be read and written a vector at a time:
    block 0 is the first."""

    def __init__(self, context, builder, array_type, array, first, kind: Kind = DOUBLES):
        self.builder, self.kind = builder, kind
        data = make_array(array_type)(context, builder, array).data
        self.pointer = builder.bitcast(builder.gep(data, [first]), kind.vector.as_pointer())

    def read(self, block=ZERO) -> Lanes:
        return Lanes(self.builder, self.builder.load(self._at(block), align=self._align), self.kind)

    def write(self, lanes: Lanes, block=ZERO) -> None:
        self.builder.store(lanes.value, self._at(block), align=self._align)

    def _at(self, block):
        return self.builder.gep(self.pointer, [block])

    @property
    def _align(self) -> int:
        return self.kind.integer.width // 8
