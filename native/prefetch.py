"""Asking for memory before it is needed. Games are searched in turn, so the next one's trees are on their way from the
cache's far levels while this one's are read."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from native.compile import inline

READ, KEEP, DATA = 0, 3, 1  # for reading, in all levels, data: the arguments of LLVM's prefetch


@intrinsic
def prefetch(typingctx, record):
    """Begin to load the cache line at which a record lies."""

    def codegen(context, builder, signature, arguments):
        pointer, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        address = builder.bitcast(arguments[0], pointer)
        builder.call(function, [address, i32(READ), i32(KEEP), i32(DATA)])
        return context.get_dummy_value()

    return types.void(record), codegen


@inline
def prefetch_last_path(forest, game):
    """The nodes and edges of a game's last simulation: the next one begins, most often, in the same way."""
    if game < len(forest.goal):
        for depth in range(forest.path_length[game, 0]):
            prefetch(forest.nodes[game, forest.path_node[game, 0, depth]])
            prefetch(forest.tried[game, forest.path_edge[game, 0, depth]])
