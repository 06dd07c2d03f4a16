"""Working memory for rules, which may not allocate: a record on the stack of the function that asks
for it.

Bytes of a position are copied for every simulation; what is needed only within one call has no
place there.
"""

from llvmlite import ir
from numba.extending import intrinsic


@intrinsic
def scratch(typingctx, dtype):
    """A record of the structured dtype, a module-level constant. It holds rubbish at first and ends
    with the caller: hand it on to functions, never return it."""
    record = dtype.dtype

    def codegen(context, builder, signature, arguments):
        # Not by Numba's alloca_once, which also fills with zeros, byte by byte: slow to run, and
        # minutes to compile.
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(ir.IntType(8), record.size))
        memory.align = 16
        return builder.bitcast(memory, context.get_value_type(record))

    return record(dtype), codegen
