"""Ladders in Go, for one size: chains that can be captured by atari after atari.

A chain with one liberty is caught if it is captured although its owner moves first, a chain with
two if it is when the other player, the hunter, moves first. The hunter plays one of its two
liberties. The owner plays the last liberty, or captures a chain in atari that lies beside. With
three liberties after the owner's move the chain has escaped, with one it is captured.

Suicide is forbidden, and so is a move that recreates an arrangement of stones from earlier in the
line that is read. What stood on the board before it is not looked at: so the answers depend on the
stones alone, and moves that superko forbids in the game may be among those found.

Lines longer than a game and readings of more than MOST moves count as escapes.
"""

import numpy as np
from numba import njit

from games.game import board_size, part
from games.scratch import scratch
from native.machine.compile import copy

board = part("go_board", board_size(__name__, 9))
DEPTH = board.CAP
# a millisecond or two; all chains of a position of random play together took 2,000 at most
MOST = 10000
NOTHING = -1  # in place of a number of moves: the working board has to be set up again

LINE = np.dtype(
    [
        ("hashes", np.uint64, DEPTH + 1),  # the stones' hash after so many moves of the line
        ("untried", np.uint64, (DEPTH + 1, board.WORDS)),  # moves still to be tried there
        ("moves", np.int16, DEPTH),
    ],
    align=True,
)


@njit
def mark_ladders(s, planes_out, plane):
    """Write the stones of caught chains of both players into `planes_out[plane]`, and the mover's
    moves that catch a chain of two liberties into the next; both hold zeros before."""
    line, work = scratch(LINE), scratch(board.DTYPE)
    for cell in range(board.AREA):
        stone = np.int64(board.POINT[cell])
        if s.colour[stone] == board.EMPTY or s.head[stone] != stone:
            continue
        if mark_if_caught(s, stone, planes_out[plane + 1], line, work):
            mark_chain(s, stone, planes_out[plane])


@njit
def mark_if_caught(s, head, moves_out, line, work):
    """Is the chain caught? If it is the other player's, all moves that catch it are marked."""
    number, first, second = board.liberties(s, head)
    if number == 1:
        return not is_open(s, first, board.NOWHERE) and is_caught(
            s, head, board.NOWHERE, line, work
        )
    if number > 2:
        return False
    caught, is_prey = False, s.colour[head] != s.mover
    for attack, other in ((first, second), (second, first)):
        if caught and not is_prey:
            break
        if not is_open(s, other, attack) and is_caught(s, head, attack, line, work):
            caught = True
            if is_prey:
                moves_out[board.CELL[attack]] = 1.0
    return caught


@njit
def mark_chain(s, head, plane_out):
    stone = head
    while True:
        plane_out[board.CELL[stone]] = 1.0
        stone = np.int64(s.next[stone])
        if stone == head:
            return


@njit
def is_open(s, point, besides):
    """Does a stone on the empty point have three liberties of its own, `besides` not counted? A
    chain that gets there has escaped, which saves most of the reading."""
    free = 0
    for step in board.STEPS:
        if s.colour[point + step] == board.EMPTY and point + step != besides:
            free += 1
    return free > 2


@njit
def is_caught(s, stone, attack, line, work):
    """Is the stone's chain caught after the hunter's move `attack`, or with its owner to move if
    that is NOWHERE?

    Depth first through the moves of both: `depth` moves of the line are made, and whoever is to
    move has won if one of the `untried` wins. `work` is the board after `stands` moves; going back
    sets it up anew and makes the moves again.
    """
    owner = np.int64(s.colour[stone])
    hunts_first = attack != board.NOWHERE
    list_first(s, stone, attack, line)
    depth, stands, tried, caught = 0, NOTHING, 0, False
    while depth >= 0:
        hunts = (depth % 2 == 0) == hunts_first
        point = take(line.untried[depth])
        if point == board.NOWHERE:  # whoever was to move has lost, so the move before has won
            caught = not hunts
            depth -= 2
            continue
        tried += 1
        if tried > MOST:
            return False
        if stands != depth:
            set_up(s, owner, hunts_first, line, depth, work)
        stands = depth
        mover = 1 - owner if hunts else owner
        if is_suicide(work, point, mover):
            continue
        move(work, point, mover)
        stands = NOTHING
        line.moves[depth], line.hashes[depth + 1] = point, work.hash
        if repeats(line, depth + 1):
            continue
        is_done, caught = list_answers(work, stone, hunts, line, depth + 1)
        if not is_done:
            depth += 1
            stands = depth
        elif caught == hunts:
            depth -= 1
    return caught


@njit
def list_first(s, stone, attack, line):
    line.hashes[0] = s.hash
    clear(line.untried[0])
    if attack == board.NOWHERE:
        list_defences(s, stone, line.untried[0])
    else:
        board.put(line.untried[0], attack)


@njit
def list_answers(s, stone, hunted, line, depth):
    """After a move, of the hunter if `hunted`: (is the chain's fate decided, is it caught). If not,
    `untried` is filled."""
    clear(line.untried[depth])
    number, first, second = board.liberties(s, s.head[stone])
    if number > 2 or depth == DEPTH:
        return True, False
    if hunted:
        list_defences(s, stone, line.untried[depth])
        return is_open(s, first, board.NOWHERE), False
    for attack, other in ((first, second), (second, first)):
        if number == 2 and not is_open(s, other, attack):
            board.put(line.untried[depth], attack)
    return number < 2, True


@njit
def list_defences(s, stone, moves_out):
    """The chain's liberty, and those of chains in atari beside it. Of one liberty, counted `number`
    times, `sum` is the multiple."""
    hunter, head = 1 - s.colour[stone], stone
    while True:
        for step in board.STEPS:
            near = stone + step
            if s.colour[near] == board.EMPTY:
                board.put(moves_out, near)
            elif s.colour[near] == hunter and board.has(s.atari[hunter], near):
                board.put(moves_out, np.int64(s.sum[s.head[near]] // s.number[s.head[near]]))
        stone = np.int64(s.next[stone])
        if stone == head:
            return


@njit
def is_suicide(s, point, mover):
    for step in board.STEPS:
        colour = s.colour[point + step]
        if colour == board.EMPTY:
            return False
        if colour != board.WALL and (colour == mover) != (
            board.has(s.atari[colour], point + step) != 0
        ):
            return (
                False  # a chain of the mover's with another liberty, or one of the other's without
            )
    return True


@njit
def move(s, point, mover):
    s.mover = mover
    board.place(s, point)


@njit
def repeats(line, depth):
    for earlier in range(depth):
        if line.hashes[earlier] == line.hashes[depth]:
            return True
    return False


@njit
def set_up(s, owner, hunts_first, line, depth, work):
    """Make `work` the board after the first `depth` moves of the line."""
    copy_board(s, work)
    for i in range(depth):
        hunts = (i % 2 == 0) == hunts_first
        move(work, np.int64(line.moves[i]), 1 - owner if hunts else owner)


@njit
def copy_board(s, work):
    """What `place` reads."""
    work.hash = s.hash
    for word in range(board.WORDS):
        work.empty[word] = s.empty[word]
        for colour in range(2):
            work.stones[colour, word] = s.stones[colour, word]
            work.atari[colour, word] = s.atari[colour, word]
    copy(work.sum, s.sum)
    copy(work.squares, s.squares)
    copy(work.number, s.number)
    copy(work.length, s.length)
    copy(work.head, s.head)
    copy(work.next, s.next)
    copy(work.colour, s.colour)


@njit
def clear(bits):
    for word in range(board.WORDS):
        bits[word] = 0


@njit
def take(bits):
    """Remove the lowest bit and return it, NOWHERE if there is none."""
    point = board.lowest(bits)
    if point != board.NOWHERE:
        board.drop(bits, point)
    return point
