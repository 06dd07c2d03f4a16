"""Bits of a word, for games on bitboards."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def trailing_zeros(typingctx, bits):
    """i64: the index of the lowest set bit of a u64, 64 if none is set.

    One machine instruction, which Numba offers under a private name only.
    """

    def codegen(context, builder, signature, arguments):
        is_zero_undefined = ir.Constant(ir.IntType(1), 0)
        return builder.cttz(arguments[0], is_zero_undefined)

    return types.int64(types.uint64), codegen
