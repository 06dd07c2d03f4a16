"""Go for people, for one size: notation, the board as text, and stones set up."""

import numpy as np

from games.game import Position, board_size, part, vertices

SIZE = board_size(__name__, 9)
board = part("go_board", SIZE)
_format_point, _parse_point = vertices(SIZE)


def format_action(action: int) -> str:
    return "pass" if action == board.PASS else _format_point(action)


def parse(text: str) -> int:
    return board.PASS if text.strip().lower() == "pass" else _parse_point(text)


def draw(position: Position) -> str:
    colours = position.state.view(board.DTYPE)[0]["colour"][board.POINT].reshape(SIZE, SIZE)
    width = len(str(SIZE))
    heading = " " * (width + 1) + " ".join(_format_point(column)[0] for column in range(SIZE))
    rows = [f"{SIZE - row:>{width}} " + " ".join("XO."[colour] for colour in colours[row]) for row in range(SIZE)]
    return "\n".join([heading, *rows])


def setup(position: Position, black: list[int], white: list[int], mover: int) -> Position:
    """Put these cells' stones on the empty board, in place, and forget how. ValueError if a chain would have no liberty.

    The stones are played one by one. On the way no chain can be without a liberty: what is missing of it is one.
    """
    record = position.state.view(board.DTYPE)[0]
    for colour, cells in ((board.BLACK, black), (board.WHITE, white)):
        for cell in cells:
            record["mover"] = colour
            record["found"] = 0
            if cell not in position.legal or cell == board.PASS:
                raise ValueError(f"a stone on {format_action(cell)} cannot be set up: it would have no liberty")
            position.play(cell)
            record["ply"] = 0
    if np.count_nonzero(record["colour"][board.POINT] != board.EMPTY) < len(black) + len(white):
        raise ValueError("these stones cannot be set up: some of them would have no liberty")
    record["recent"] = board.NOWHERE
    record["mover"], record["found"] = mover, 0
    record["history"], record["filter"], record["taken"], record["arrangements"] = 0, 0, 0, 1
    record["history"][0] = record["hash"]
    index = int(record["hash"]) & (board.FILTER - 1)
    record["filter"][index >> 6] = np.uint64(1 << (index & 63))
    position.plies = 0
    return position
