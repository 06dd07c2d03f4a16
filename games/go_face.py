"""Go for people, for one size: notation, the board as text, stones set up, and what records hold
beyond our rules: moves out of turn, after the end, and forbidden ones."""

import numpy as np

from games.game import Position, board_size, draw_cells, part, vertices
from native import abi

SIZE = board_size(__name__, 9)
board = part("go_board", SIZE)
_format_point, _parse_point = vertices(SIZE)


def format_action(action: int) -> str:
    return "pass" if action == board.PASS else _format_point(action)


def parse(text: str) -> int:
    return board.PASS if text.strip().lower() == "pass" else _parse_point(text)


def stones(position: Position) -> np.ndarray:
    """int8[SIZE, SIZE]: +1 Black's stones, -1 White's, 0 empty points."""
    colours = position.state.view(board.DTYPE)[0]["colour"][board.POINT]
    return np.array([1, -1, 0], np.int8)[colours].reshape(SIZE, SIZE)


def draw(position: Position) -> str:
    width = len(str(SIZE))
    heading = " " * (width + 1) + " ".join(_format_point(column)[0] for column in range(SIZE))
    return draw_cells(position, heading, [f"{SIZE - row:>{width}} " for row in range(SIZE)])


def setup(position: Position, black: list[int], white: list[int], mover: int) -> Position:
    """Put these cells' stones on the empty board, in place, and forget how. ValueError if a chain
    would have no liberty.

    The stones are played one by one. On the way no chain can be without a liberty: what is missing
    of it is one.
    """
    record = position.state.view(board.DTYPE)[0]
    refuse_impossible(black, white)
    for colour, cells in ((board.BLACK, black), (board.WHITE, white)):
        for cell in cells:
            record["mover"] = colour
            abi.call_play(position.game.rules, position.state, int(cell))
            record["ply"] = 0
    begin_anew(record)
    resume(position, mover)
    return position


def refuse_impossible(black: list[int], white: list[int]) -> None:
    """ValueError for stones that cannot stand so, with one that shows it."""
    stones = dict.fromkeys(range(board.AREA), board.EMPTY)
    for colour, cells in ((board.BLACK, black), (board.WHITE, white)):
        for cell in cells:
            if stones.get(cell) != board.EMPTY:
                raise ValueError(
                    f"a stone on {format_action(cell)} cannot be set up: it has no point of its own"
                )
            stones[cell] = colour
    if dead := suffocated(stones, board.BLACK) or suffocated(stones, board.WHITE):
        raise ValueError(
            f"a stone on {format_action(dead[0])} cannot be set up: it would have no liberty"
        )


def begin_anew(record: np.void) -> None:
    """Forget what was played: no earlier arrangement, no plies."""
    record["history"], record["filter"], record["taken"], record["arrangements"] = 0, 0, 0, 1
    record["history"][0] = record["hash"]
    index = int(record["hash"]) & (board.FILTER - 1)
    record["filter"][index >> 6] = np.uint64(1 << (index & 63))
    record["ply"] = 0


def resume(position: Position, mover: int) -> None:
    """Make a side the mover, in place, though nobody has passed: an end by passes is taken back,
    and so is one by the ply cap, behind which plies and superko's history begin anew. The network
    sees no last moves then: its planes take turns."""
    record = position.state.view(board.DTYPE)[0]
    if record["ply"] >= board.CAP:
        begin_anew(record)
    record["recent"] = board.NOWHERE
    record["mover"], record["passes"], record["over"], record["outcome"], record["found"] = (
        mover,
        0,
        0,
        0.0,
        0,
    )
    position.outcome, position.plies = None, int(record["ply"])


def force(position: Position, cell: int) -> None:
    """Execute a move that the rules forbid, in place, as the Smart Game Format says for B and W:
    the stone is placed, whatever is there, and takes the other's chains without liberties, then its
    own.

    What superko alone forbids is played like any move; behind all else the history begins anew.
    """
    record, point = position.state.view(board.DTYPE)[0], int(board.POINT[cell])
    _ = position.legal  # finds `forbidden`
    mover = int(record["mover"])
    if record["forbidden"][point >> 6] >> np.uint64(point & 63) & board.ONE:
        outcome = float(abi.call_play(position.game.rules, position.state, cell))
        position.outcome = None if np.isnan(outcome) else outcome
        position.plies += 1
        return
    stones = dict(enumerate(record["colour"][board.POINT].tolist()))
    stones[cell] = mover
    for colour in (1 - mover, mover):
        for chain in suffocated(stones, colour):
            stones[chain] = board.EMPTY
    black, white = (
        [c for c, stone in stones.items() if stone == colour]
        for colour in (board.BLACK, board.WHITE)
    )
    empty = position.game.start(komi=float(record["komi"]), handicap=0.0)
    after = setup(empty, black, white, 1 - mover)
    position.state[:], position.outcome, position.plies = after.state, None, 0


def suffocated(stones: dict[int, int], colour: int) -> list[int]:
    """The cells of a colour's stones whose chain has no liberty; stones by cell."""
    alive = [cell for cell, stone in stones.items() if stone == board.EMPTY]
    breathing = set(alive)
    while alive:
        for near in neighbours(alive.pop()):
            if stones[near] == colour and near not in breathing:
                breathing.add(near)
                alive.append(near)
    return [cell for cell, stone in stones.items() if stone == colour and cell not in breathing]


def neighbours(cell: int) -> list[int]:
    row, column = divmod(cell, SIZE)
    sides = ((row - 1, column), (row, column - 1), (row, column + 1), (row + 1, column))
    return [r * SIZE + c for r, c in sides if 0 <= r < SIZE and 0 <= c < SIZE]
