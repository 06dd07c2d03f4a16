"""The README's pictures, from a real run of Connect Four: `python benchmarks/pictures.py RUN`.

`curve.svg` shows the run's exam by minutes: the share of solved positions whose exact value the
network keeps alone, and with the search that self-play uses. `board.svg` shows a position with the
visits that the run's search gives each column.
"""

import argparse
from itertools import accumulate
from pathlib import Path

import games
from selfplay.matches.players import create
from selfplay.storage.run import read_ledger

WIDTH, HEIGHT, MARGIN = 640, 320, 60
CURVES = {  # key of the ledger -> (colour, words)
    "exam_search": ("#1f6feb", "with search"),
    "exam_net": ("#d1662a", "network alone"),
}
MOVES = "4 4 4 4 3"  # of the position that is drawn
SIMULATIONS = 64
CELL = 44
BLUE = "#2d5fa8"
STONES = {1: "#d64541", -1: "#e8b62c", 0: "#ffffff"}


def element(name: str, content: str | None = None, **attributes) -> str:
    """An SVG element; `stroke_width=2` becomes stroke-width="2"."""
    pairs = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f"<{name}{pairs}/>" if content is None else f"<{name}{pairs}>{content}</{name}>"


def text(x: float, y: float, words: str, **attributes) -> str:
    style = {"font_family": "sans-serif", "font_size": 13} | attributes
    return element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", **style)


def svg(width: float, height: float, parts: list[str]) -> str:
    white = element("rect", width=width, height=height, fill="#ffffff")
    content = "\n".join(["", white, *parts, ""])
    size = {"width": width, "height": height, "viewBox": f"0 0 {width} {height}"}
    return element("svg", content, xmlns="http://www.w3.org/2000/svg", **size) + "\n"


def curve(entries: list[dict]) -> str:
    """The exam by minutes of the run."""
    minutes = [seconds / 60 for seconds in accumulate(entry["seconds"] for entry in entries)]
    measured = [pair for pair in zip(minutes, entries) if "exam_net" in pair[1]]
    longest = measured[-1][0]
    low = int(10 * min(entry[name] for _, entry in measured for name in CURVES)) / 10

    def place(minute: float, share: float) -> tuple[float, float]:
        across = MARGIN + (WIDTH - 2 * MARGIN) * minute / longest
        return across, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (share - low) / (1.0 - low)

    title = "Connect Four: solved positions whose value is kept"
    parts = [text(MARGIN, 24, title, font_weight="bold")]
    for tenth in range(round(low * 10), 11):
        x, y = place(0, tenth / 10)
        ends = {"x1": x, "y1": f"{y:.1f}", "x2": WIDTH - MARGIN, "y2": f"{y:.1f}"}
        parts.append(element("line", stroke="#dddddd", **ends))
        parts.append(text(x - 8, y + 4, f"{10 * tenth} %", text_anchor="end"))
    for minute in range(0, int(longest) + 1, max(1, int(longest) // 8)):
        x, y = place(minute, low)
        parts.append(text(x, y + 20, f"{minute}", text_anchor="middle"))
    parts.append(text(WIDTH / 2, HEIGHT - 8, "minutes on two cores", text_anchor="middle"))
    for number, (name, (colour, words)) in enumerate(CURVES.items()):
        places = [place(minute, entry[name]) for minute, entry in measured]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(element("polyline", points=points, fill="none", stroke=colour, stroke_width=2))
        y = HEIGHT - MARGIN - 34 + 18 * number
        parts.append(text(WIDTH - MARGIN - 4, y, words, fill=colour, text_anchor="end"))
    return svg(WIDTH, HEIGHT, parts)


def board(run: str) -> str:
    """A position of Connect Four, with the visits that the run's search gives each column."""
    game = games.load("connect4")
    position = game.start()
    for move in MOVES.split():
        position.play(move)
    found = create(f"{run}@{SIMULATIONS}", game).analyse(position.state)
    stones = game.stones(position).reshape(game.rows, game.columns)
    width, height = game.columns * CELL, game.rows * CELL
    parts = [element("rect", x=10, y=10, width=width, height=height, rx=8, fill=BLUE)]
    for row in range(game.rows):
        for column in range(game.columns):
            x, y = 10 + CELL * (column + 0.5), 10 + CELL * (row + 0.5)
            fill = STONES[int(stones[row, column])]
            parts.append(element("circle", cx=x, cy=y, r=f"{CELL * 0.4:.1f}", fill=fill))
    for move in found.moves:
        x = 10 + CELL * (move.action + 0.5)
        weight = "bold" if move.action == found.choice else "normal"
        visits = f"{move.visits}"
        parts.append(text(x, 30 + height, visits, text_anchor="middle", font_weight=weight))
    parts.append(text(10, 52 + height, f"visits of {SIMULATIONS} simulations"))
    return svg(20 + width, 64 + height, parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", help="of Connect Four")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    (options.out / "curve.svg").write_text(curve(read_ledger(Path(options.run))))
    (options.out / "board.svg").write_text(board(options.run))


if __name__ == "__main__":
    main()
