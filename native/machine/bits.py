"""Bits of a word, for games on bitboards."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


@intrinsic
def trailing_zeros(typingctx, bits):
    """i64: the index of the lowest set bit of a u64, 64 if none is set.

    One machine instruction, which Numba offers under a private name only.
    """

    def codegen(context, builder, signature, arguments):
        is_zero_undefined = ir.Constant(ir.IntType(1), 0)
        return builder.cttz(arguments[0], is_zero_undefined)

    return types.int64(types.uint64), codegen


@intrinsic
def word_of(typingctx, state, index):
    """u64: bytes 8 * index to 8 * index + 7 of a u8[S], wherever it begins in memory."""

    def codegen(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        words = builder.bitcast(data, ir.IntType(64).as_pointer())
        return builder.load(builder.gep(words, [arguments[1]]), align=1)

    return types.uint64(state, types.int64), codegen
