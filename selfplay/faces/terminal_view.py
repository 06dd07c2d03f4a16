"""What a terminal shows of a session: the board, clocks, an engine's opinion, the result. Values
are shown for the player who is to move."""

import math
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from games.game import Game, for_side
from selfplay.faces.game_session import GameSession
from selfplay.searching.result import SearchResult

STYLES = {1: "bold red", -1: "bold yellow", 0: "dim"}


def name_of(session: GameSession, side: int) -> str:
    return session.seats[side].name if session.seats[side] else "you"


def greet(session: GameSession, console: Console) -> None:
    sides = [
        f"{symbol}: {name_of(session, side)}"
        for side, symbol in enumerate(session.game.owner_symbols)
    ]
    console.print(f"{session.game.title}. {sides[0]} (starts), {sides[1]}.", markup=False)
    show_note(session, console)


def show_note(session: GameSession, console: Console) -> None:
    """Where the file was not read to its end."""
    if session.record.note:
        console.print(f"read up to {session.record.note}", style="yellow", markup=False)


def draw(session: GameSession, console: Console) -> None:
    """The board, discs in colour on a terminal; the last move is named below."""
    text = Text(str(session.position))
    if console.is_terminal:
        paint(text, session.game)
    console.print(text)
    if moves := session.record.moves:
        console.print(f"move {len(moves)}: {session.game.format(moves[-1])}", style="dim")
    if session.clock.is_limited and session.position.outcome is None:
        console.print(clocks(session, console.width), style="dim", markup=False)


def paint(text: Text, game: Game) -> None:
    """Colour the stones below the heading and replace them by discs where the terminal can show
    them."""
    disc = "●" if (sys.stdout.encoding or "").lower().startswith("utf") else None
    plain = text.plain
    body = plain.index("\n")
    for index, character in enumerate(plain):
        owner = {game.owner_symbols[0]: 1, game.owner_symbols[1]: -1, ".": 0}.get(character)
        if index > body and owner is not None:
            text.stylize(STYLES[owner], index, index + 1)
    if disc:
        head, rest = plain[:body], plain[body:]
        for symbol in game.owner_symbols:
            rest = rest.replace(symbol, disc)
        text.plain = head + rest


def clocks(session: GameSession, width: int) -> str:
    """What is left to both sides, such as "time: X 4:32, O 0:30 (5 periods)"; in two lines where it
    is too wide."""
    first, second = (
        f"{symbol} {left}" for symbol, left in zip(session.game.owner_symbols, session.clock.sides)
    )
    line = f"time: {first}, {second}"
    return line if len(line) <= width else f"time: {first}\n      {second}"


def opinion(game: Game, found: SearchResult, most: int = 4) -> Table:
    """The search's moves by visits beside the network's own: prior, visits, value for the mover."""
    has_network = found.network_value is not None
    lines = Table(box=None, padding=(0, 1), title_justify="left", title_style="dim")
    lines.title = (
        f"value for {game.owner_symbols[found.mover]}: {for_side(found.value, found.mover):+.2f}"
    )
    if has_network:
        lines.title += f" (network alone {for_side(found.network_value, found.mover):+.2f})"
    for heading in ("move", "net", "visits", "value", ""):
        lines.add_column(heading, justify="left" if heading in ("", "move") else "right")
    marked = marks(found)
    moves = sorted(found.moves, key=lambda move: (-move.visits, -move.prior))
    for rank, move in enumerate(moves):
        if rank >= most and move.action not in marked:
            continue
        prior = f"{move.prior:.0%}" if has_network else ""
        value = "" if math.isnan(move.value) else f"{for_side(move.value, found.mover):+.2f}"
        mark = marked.get(move.action, "")
        lines.add_row(game.format(move.action), prior, str(move.visits), value, mark)
    return lines


def marks(found: SearchResult) -> dict[int, str]:
    """Which actions are whose choice."""
    if found.network_choice is None:
        return {found.choice: "plays"}
    if found.network_choice == found.choice:
        return {found.choice: "search and network"}
    return {found.choice: "search", found.network_choice: "network"}


def result(session: GameSession) -> str:
    """Who has won a game that is over, and whose time was up."""
    symbols, resigned = session.game.owner_symbols, session.resigned
    late = [symbol for symbol, left in zip(symbols, session.clock.sides) if left.has_fallen]
    flags = f" (Time was up for {' and '.join(late)}.)" if late else ""
    outcome = session.position.outcome if resigned is None else for_side(-1.0, resigned)
    if outcome == 0:
        return f"Draw.{flags}"
    winner = 0 if outcome > 0 else 1
    verb = "win" if session.seats[winner] is None else "wins"
    gave_up = "" if resigned is None else ": the other side resigns"
    return f"{symbols[winner]} ({name_of(session, winner)}) {verb}{gave_up}.{flags}"


def farewell(session: GameSession, command: str) -> str:
    """How a person who leaves goes on later: by `command` with the moves so far."""
    if not session.record.is_plain:
        return (
            "Left. A game of another kind goes on from a file: `save FILE.sgf`, then --load "
            "FILE.sgf"
        )
    moves = " ".join(session.game.format(move) for move in session.record.moves)
    return f"Left. To go on: {command}" + (f" --moves '{moves}'" if moves else "")
