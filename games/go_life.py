"""Unconditional life in Go, for one size: what a player keeps even if they pass for ever.

D. B. Benson, "Life in the game of Go", Information Sciences 10 (1976). With a player's stones for
walls the rest of the board falls into regions. A region is vital to a chain if every empty point of
it is a liberty of that chain. Chains with fewer than two vital regions are struck out, and then
regions that lie beside a chain struck out, until nothing changes: the chains left live. Here their
eyes count as the player's too: the regions left in which every empty point lies beside one of them,
so that the other player can make no eye there.

Most regions need no look at their chains: all points that can be reached from an empty point with
no stone of the player beside it are vital to nobody, and one spreading of bits finds them all.
"""

import numpy as np
from numba import njit

from games.game import board_size, part
from games.scratch import scratch
from native.machine.bits import trailing_zeros

board = part("go_board", board_size(__name__, 9))
MEMORY = np.dtype(
    [
        ("alive", np.uint64, board.WORDS),  # stones of chains not struck out
        ("eyes", np.uint64, board.WORDS),  # points of regions not struck out
        ("left", np.uint64, board.WORDS),  # those of them still to be looked at in this round
        ("region", np.uint64, board.WORDS),
        ("vital", np.int16, board.POINTS),  # regions vital to a chain, at its head
    ],
    align=True,
)


@njit
def mark_alive(s, planes_out, plane):
    """Write what the mover keeps into `planes_out[plane]`, what the other keeps into the next; both
    hold zeros before."""
    memory = scratch(MEMORY)
    for side in range(2):
        find_alive(s, np.int64(s.mover) ^ side, memory)
        for word in range(board.WORDS):
            bits = memory.alive[word] | memory.eyes[word]
            while bits:
                planes_out[plane + side, board.CELL[64 * word + trailing_zeros(bits)]] = 1.0
                bits &= bits - board.ONE


@njit
def find_alive(s, colour, memory):
    """Leaves in `memory` the colour's `alive` stones and the `eyes` that they enclose."""
    own = s.stones[colour]
    find_small_regions(s, own, memory)
    strikes = True
    while strikes:
        count_vital_regions(s, colour, own, memory)
        strikes = strike_chains(s, memory)


@njit
def find_small_regions(s, own, memory):
    """`eyes`: the regions in which every empty point has a stone of `own` beside it."""
    for word in range(board.WORDS):
        memory.region[word] = s.empty[word] & ~board.beside(own, word)
    spread(memory.region, own)
    for word in range(board.WORDS):
        memory.eyes[word] = board.BOARD[word] & ~own[word] & ~memory.region[word]
        memory.alive[word] = own[word]


@njit
def spread(bits, walls):
    """Add to `bits` all points of the board that can be reached from them without crossing
    `walls`."""
    grows = True
    while grows:
        grows = False
        for word in range(board.WORDS):
            more = (bits[word] | board.beside(bits, word)) & board.BOARD[word] & ~walls[word]
            grows |= more != bits[word]
            bits[word] = more


@njit
def count_vital_regions(s, colour, own, memory):
    """`vital` of every chain; regions beside a chain struck out are struck out themselves."""
    for point in range(board.POINTS):
        memory.vital[point] = 0
    for word in range(board.WORDS):
        memory.left[word] = memory.eyes[word]
    while take_region(own, memory):
        if lies_beside_the_dead(own, memory):
            for word in range(board.WORDS):
                memory.eyes[word] &= ~memory.region[word]
        else:
            count_chains(s, colour, memory)


@njit
def take_region(own, memory):
    """Move one region from `left` to `region`; was there one?"""
    point = board.lowest(memory.left)
    for word in range(board.WORDS):
        memory.region[word] = 0
    if point == board.NOWHERE:
        return False
    board.put(memory.region, point)
    spread(memory.region, own)
    for word in range(board.WORDS):
        memory.left[word] &= ~memory.region[word]
    return True


@njit
def lies_beside_the_dead(own, memory):
    for word in range(board.WORDS):
        if board.beside(memory.region, word) & own[word] & ~memory.alive[word]:
            return True
    return False


@njit
def count_chains(s, colour, memory):
    """Count the region for each chain that it is vital to: they all lie beside its first empty
    point."""
    point = first_empty(s, memory)
    for i in range(4):
        near = point + board.STEPS[i]
        head = s.head[near]
        if (
            s.colour[near] == colour
            and board.is_new_chain(s, point, i)
            and is_vital(s, colour, head, memory)
        ):
            memory.vital[head] += 1


@njit
def first_empty(s, memory):
    """The first empty point of the region; there is one, for stones in it have liberties."""
    for word in range(board.WORDS):
        bits = memory.region[word] & s.empty[word]
        if bits:
            return 64 * word + trailing_zeros(bits)
    return np.int64(board.NOWHERE)


@njit
def is_vital(s, colour, head, memory):
    for word in range(board.WORDS):
        bits = memory.region[word] & s.empty[word]
        while bits:
            if not touches(s, colour, head, 64 * word + trailing_zeros(bits)):
                return False
            bits &= bits - board.ONE
    return True


@njit
def touches(s, colour, head, point):
    """Is the point a liberty of the chain?"""
    for step in board.STEPS:
        if s.colour[point + step] == colour and s.head[point + step] == head:
            return True
    return False


@njit
def strike_chains(s, memory):
    """Strike out the chains that have fewer than two vital regions; was there one?"""
    strikes = False
    for word in range(board.WORDS):
        bits = memory.alive[word]
        while bits:
            head = 64 * word + trailing_zeros(bits)
            bits &= bits - board.ONE
            if s.head[head] == head and memory.vital[head] < 2:
                strike(s, head, memory)
                strikes = True
    return strikes


@njit
def strike(s, head, memory):
    stone = head
    while True:
        board.drop(memory.alive, stone)
        stone = np.int64(s.next[stone])
        if stone == head:
            return
