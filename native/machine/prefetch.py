"""Asking for memory before it is needed. Games are searched in turn, so the next one's trees are on
their way from the cache's far levels while this one's are read; and while a move is played, what
will be looked at after it."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from native.machine.compile import inline

READ, KEEP, DATA = 0, 3, 1  # for reading, in all levels, data: the arguments of LLVM's prefetch


def call_prefetch(builder, address):
    pointer, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32])
    function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
    builder.call(function, [builder.bitcast(address, pointer), i32(READ), i32(KEEP), i32(DATA)])


@intrinsic
def prefetch(typingctx, record):
    """Begin to load the cache line at which a record lies."""

    def codegen(context, builder, signature, arguments):
        call_prefetch(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(record), codegen


@intrinsic
def prefetch_at(typingctx, array, index):
    """Begin to load the cache line of array[index]; the array has one axis."""

    def codegen(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        call_prefetch(builder, builder.gep(data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@inline
def prefetch_game(forest, game):
    """Prefetch the path of this game's last simulation, as the next one usually starts the same
    way, and the path arrays of the game after it."""
    if game < len(forest.num_simulations):
        prefetch_at(forest.root_state[game], 0)
        for depth in range(forest.path_length[game, 0]):
            prefetch(forest.nodes[game, forest.path_node[game, 0, depth]])
            prefetch(forest.children[game, forest.path_edge[game, 0, depth]])
    if game + 1 < len(forest.num_simulations):
        prefetch_at(forest.path_node[game + 1, 0], 0)
        prefetch_at(forest.path_edge[game + 1, 0], 0)


@inline
def prefetch_behind(forest, game, edge):
    """The node behind a visited edge; or, if this is the first simulation to go on from there, all
    that opening it will read and write. The move is played meanwhile."""
    e = forest.children[game, edge]
    if e.visits == 1 and e.in_flight == 0:
        logits, first = forest.logits[game, np.int64(e.child)], np.int64(forest.num_edges[game])
        for place in range(0, len(logits), 16):  # a line of the cache holds 16 numbers of 4 bytes
            prefetch_at(logits, place)
            prefetch_at(forest.edge_prior[game], first + place)
        for place in range(0, len(logits), 32):
            prefetch_at(forest.edge_action[game], first + place)
    else:
        prefetch(forest.nodes[game, np.int64(e.child)])
