"""The README's pictures, drawn from a real run: `python benchmarks/pictures.py RUN [--out FOLDER]`.

`curve.svg` is the run's exam, by generation: the share of solved positions whose value
the network keeps alone, and with the search that self-play uses. `board.svg` is a position of
Connect Four with the visits of the run's search.
"""

import argparse
from pathlib import Path

import games
from selfplay.matches.players import create
from selfplay.storage.run import read_ledger

WIDTH, HEIGHT, MARGIN = 640, 320, 48
COLOURS = {"exam_search": "#1f6feb", "exam_net": "#d1662a"}
NAMES = {"exam_search": "with search", "exam_net": "network alone"}
MOVES = "4 4 4 4 3"
CELL = 44
STONES = {1: "#d64541", -1: "#e8b62c", 0: "#ffffff"}


def text(x: float, y: float, words: str, **attributes) -> str:
    more = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" font-family="sans-serif" font-size="13" {more}>{words}</text>'  # fmt: skip


def svg(width: float, height: float, parts: list[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    background = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n' + "\n".join([background, *parts]) + "\n</svg>\n"  # fmt: skip


def curve(entries: list[dict], game: str) -> str:
    """The exam by generation, from the lines of a ledger."""
    measured = [entry for entry in entries if "exam_net" in entry]
    generations = [entry["generation"] for entry in measured]
    low = min(entry[name] for entry in measured for name in COLOURS)
    low = max(0.0, int(low * 10) / 10)

    def place(x: float, y: float) -> tuple[float, float]:
        across = MARGIN + (WIDTH - 2 * MARGIN) * x / max(generations)
        return across, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (y - low) / (1.0 - low)

    parts = [text(MARGIN, 24, f"{game}: solved positions whose value is kept", font_weight="bold")]
    for tenth in range(round(low * 10), 11):
        x, y = place(0, tenth / 10)
        end = WIDTH - MARGIN
        parts.append(f'<line x1="{x}" y1="{y:.1f}" x2="{end}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(text(x - 8, y + 4, f"{10 * tenth} %", text_anchor="end"))
    for generation in range(0, max(generations) + 1, max(1, max(generations) // 9)):
        x, y = place(generation, low)
        parts.append(text(x, y + 20, f"{generation}", text_anchor="middle"))
    parts.append(text(WIDTH / 2, HEIGHT - 8, "generation", text_anchor="middle"))
    for number, (name, colour) in enumerate(COLOURS.items()):
        points = " ".join(
            f"{x:.1f},{y:.1f}"
            for x, y in (place(at, entry[name]) for at, entry in zip(generations, measured))
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')  # fmt: skip
        parts.append(text(WIDTH - MARGIN - 4, HEIGHT - MARGIN - 34 + 18 * number, NAMES[name], fill=colour, text_anchor="end"))  # fmt: skip
    return svg(WIDTH, HEIGHT, parts)


def board(run: str) -> str:
    """A position of Connect Four, with the visits that the run's search gives each column."""
    game = games.load("connect4")
    position = game.start()
    for move in MOVES.split():
        position.play(move)
    found = create(f"{run}@64", game).analyse(position.state)
    stones = game.stones(position)
    parts = [f'<rect x="10" y="10" width="{game.columns * CELL}" height="{game.rows * CELL}" rx="8" fill="#2d5fa8"/>']  # fmt: skip
    for row in range(game.rows):
        for column in range(game.columns):
            x, y = 10 + CELL * (column + 0.5), 10 + CELL * (row + 0.5)
            parts.append(f'<circle cx="{x}" cy="{y}" r="{CELL * 0.4:.1f}" fill="{STONES[int(stones[row, column])]}"/>')  # fmt: skip
    for action, visits in zip(found.actions, found.visits):
        x, y = 10 + CELL * (int(action) + 0.5), 30 + CELL * game.rows
        weight = "bold" if action == found.choice else "normal"
        parts.append(text(x, y, str(visits), text_anchor="middle", font_weight=weight))
    parts.append(text(10, 52 + CELL * game.rows, f"visits of 64 simulations; value {found.value:+.2f} for the first player"))  # fmt: skip
    return svg(20 + CELL * game.columns, 64 + CELL * game.rows, parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", help="of Connect Four")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "pictures")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    (options.out / "curve.svg").write_text(curve(read_ledger(Path(options.run)), "Connect Four"))
    (options.out / "board.svg").write_text(board(options.run))


if __name__ == "__main__":
    main()
