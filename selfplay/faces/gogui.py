"""What GoGui asks of an engine beyond the Go Text Protocol: positions set up at once, several moves
in a line, a menu of analyses drawn on its board (GoGui's manual: Compatibility, Setup Commands,
Analyze Commands).

Like the commands of the protocol these know numbers, not words, and whatever fails changes nothing.
GoGui draws Go's vertices, A1 at the bottom left; games whose cells are named otherwise are for
other programs.
"""

import time
from dataclasses import replace

from games.game import win_rate
from native.perspective import FIRST, SECOND
from selfplay.faces.engine_session import EngineSession
from selfplay.faces.game_record import Record, turned

MENU = ("string/Score/final_score", "dboard/Owners/selfplay-owners", "gfx/Search/selfplay-search")
Stones = list[tuple[int, int]]  # (side, cell or action)


def setup(session: EngineSession, stones: Stones) -> str:
    """Stones on the empty board; captures nothing. Black moves, unless `setup_player` says
    otherwise."""
    if session.record.steps or session.record.setup.has_stones:
        raise ValueError("board not empty")
    if any(cell >= session.game.cells for _, cell in stones):
        raise ValueError("a stone needs a point")
    black, white = (
        tuple(cell for owner, cell in stones if owner == side) for side in (FIRST, SECOND)
    )
    session.lay(Record(session.game, replace(session.record.setup, black=black, white=white)))
    return ""


def setup_player(session: EngineSession, side: int) -> str:
    if session.record.steps:
        raise ValueError("moves have been played")
    session.lay(Record(session.game, replace(session.record.setup, mover=side)))
    return ""


def play_sequence(session: EngineSession, moves: Stones) -> str:
    """All of them, or none."""
    before = session.record
    try:
        for side, action in moves:
            session.play(side, action)
    except ValueError as error:
        session.lay(before)
        raise ValueError(f"illegal move {session.game.format(action)}: {error}") from None
    return ""


def cputime() -> str:
    return f"{time.process_time():.3f}"


def owners(session: EngineSession) -> str:
    """Whose each cell would be if the game ended now: 1 Black's, -1 White's."""
    rows, _ = session.position.final()
    return "\n" + "\n".join(" ".join(str(owner) for owner in row) for row in rows)


def show_search(session: EngineSession) -> str:
    """The player's search of the position, as GoGui draws it: each move's share of the visits
    (LABEL) and value, Black's above 0 (INFLUENCE); in words its choice (TEXT)."""
    game, position = session.game, turned(session.position, session.position.mover)
    if (found := session.player.analyse(position.state)) is None:
        raise ValueError(f"{session.player.name} does not search")
    visits = sum(move.visits for move in found.moves)
    tried = [
        (game.format(move.action), 100 * move.visits / visits, move.value)
        for move in found.moves
        if move.visits and move.action < game.cells
    ]
    labels = " ".join(f"{word} {share:.0f}" for word, share, _ in tried)
    values = " ".join(f"{word} {value:.2f}" for word, _, value in tried)
    rate = 100 * win_rate(found.value, FIRST)
    text = f"TEXT {game.format(found.choice)}, Black wins {rate:.1f} %, {visits} visits"
    return "\n".join(([f"LABEL {labels}", f"INFLUENCE {values}"] if tried else []) + [text])
