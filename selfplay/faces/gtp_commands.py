"""The commands of the Go Text Protocol, version 2, for every game: words in, words out; the game
itself is in an `EngineSession`. (What the words mean is in `selfplay.faces.gtp_arguments`, time and
settings in `selfplay.faces.gtp_time`, analysis in `selfplay.faces.gtp_analysis`.)

Black is the first player. In games with passes either colour may move at any time, several times in
a row and behind the end of the rules; in games without one it is an error. A command returns its
answer, or raises ValueError and has changed nothing.
"""

from collections.abc import Callable, Iterator

import games
from games.game import Game
from selfplay import __version__
from selfplay.faces import gogui, gtp_analysis, gtp_time, sgf
from selfplay.faces.engine_session import EngineSession
from selfplay.faces.game_record import stones
from selfplay.faces.gtp_arguments import argument, colour, move_word, moves, number, vertex

# Lizzie and LizzieYzy read the first word as Leela Zero's version, and warn of one before 0.15;
# 0.17 is the one whose lz-analyze is spoken here, with priors and lower bounds.
VERSION = f"0.17 (selfplay {__version__})"
MOST_HANDICAP = 9  # stones that have fixed points
Answer = str | Iterator[str]  # text, or lines while they come


# Administration


def list_commands(session: EngineSession, arguments: list[str]) -> str:
    return "\n".join(COMMANDS)


def known_command(session: EngineSession, arguments: list[str]) -> str:
    return "true" if argument(arguments, 0, "the command") in COMMANDS else "false"


# The game


def boardsize(session: EngineSession, arguments: list[str]) -> str:
    """Another board of the same family, where the player plays on it; the table is cleared either
    way."""
    size, game = number(arguments, 0, "the size"), session.game
    # Lizzie's way to say a rectangle
    if len(arguments) > 1 and number(arguments, 1, "the height") != size:
        raise ValueError("unacceptable size")
    if (game.rows, game.columns) == (size, size):
        session.clear()
        return ""
    family, _ = games.GAMES.get(game.name, ("", None))
    if f"{family}{size}" not in games.GAMES:
        raise ValueError("unacceptable size")
    take_game(session, session.load(f"{family}{size}"))
    return ""


def take_game(session: EngineSession, game: Game) -> None:
    try:
        session.take(game)
    except ValueError as error:
        raise ValueError(f"unacceptable size: {error}") from None


def clear_board(session: EngineSession, arguments: list[str]) -> str:
    session.clear()
    return ""


def komi(session: EngineSession, arguments: list[str]) -> str:
    """Any number, "even if it should be ridiculous" (section 6.3.2), and by games that have none
    too, because programs send it to every engine."""
    value = number(arguments, 0, "komi", float)
    if "komi" in session.game.options:
        session.set_option("komi", value)
    return ""


def play(session: EngineSession, arguments: list[str]) -> str:
    side = colour(arguments)
    action = vertex(session.game, argument(arguments, 1, "the vertex"))
    try:
        session.play(side, action)
    except ValueError as error:
        raise ValueError(f"illegal move: {error}") from None
    return ""


def genmove(session: EngineSession, arguments: list[str]) -> str:
    return move_word(session.game, session.move(colour(arguments)))


def reg_genmove(session: EngineSession, arguments: list[str]) -> str:
    return move_word(session.game, session.choose(colour(arguments)))


def undo(session: EngineSession, arguments: list[str]) -> str:
    session.undo()
    return ""


def undo_moves(session: EngineSession, arguments: list[str]) -> str:
    """GoGui's: so many moves, one if it names no number, or none if there are fewer."""
    session.undo(number([*arguments, "1"], 0, "the number of moves"))
    return ""


def showboard(session: EngineSession, arguments: list[str]) -> str:
    return f"\n{session.position}"


def loadsgf(session: EngineSession, arguments: list[str]) -> str:
    """A file, up to the position before the given move, or to the end; the answer says where a file
    cannot be read so far.

    A game of another kind is refused: an engine that changed its game could not be told to change
    it back.
    """
    has_number = len(arguments) > 1 and arguments[-1].isascii() and arguments[-1].isdigit()
    path = " ".join(arguments[:-1] if has_number else arguments)
    try:
        family, _ = games.GAMES.get(session.game.name, (session.game.name, None))
        record = sgf.read(
            argument([path] if path else [], 0, "the file"), family=family, load=session.load
        )
    except ValueError as error:
        raise ValueError(f"cannot load file: {error}") from None
    if has_number:
        record = record.before_move(max(1, number(arguments, -1, "the move")))
    if record.game.name != session.game.name:
        take_game(session, record.game)
    session.lay(record)
    return f"read up to {record.note}" if record.note else ""


# Handicap


def fixed_handicap(session: EngineSession, arguments: list[str]) -> str:
    count = number(arguments, 0, "the number of stones")
    points = handicap_points(session, count)
    if count < 2 or len(points) != count:
        raise ValueError("invalid number of stones")
    return lay_stones(session, points)


def place_free_handicap(session: EngineSession, arguments: list[str]) -> str:
    """The fixed points serve for it: as many as asked for, or fewer where there are no more."""
    for count in range(min(number(arguments, 0, "the number of stones"), MOST_HANDICAP), 1, -1):
        if len(points := handicap_points(session, count)) == count:
            return lay_stones(session, points)
    raise ValueError("invalid number of stones")


def set_free_handicap(session: EngineSession, arguments: list[str]) -> str:
    refuse_without_handicap(session)
    points = [vertex(session.game, word) for word in arguments]
    if len(points) < 2 or len(set(points)) < len(points) or max(points) >= session.game.cells:
        raise ValueError("bad vertex list")
    lay_stones(session, points)
    return ""


def refuse_without_handicap(session: EngineSession) -> None:
    if "handicap" not in session.game.options:
        raise ValueError("this game has no handicap")


def handicap_points(session: EngineSession, count: int) -> list[int]:
    """The cells of so many stones, as the game places them; fewer if it cannot place so many."""
    refuse_without_handicap(session)
    start = session.game.start(handicap=min(max(count, 0), MOST_HANDICAP))
    return [cell for cell, owner in enumerate(stones(start)) if owner]


def lay_stones(session: EngineSession, points: list[int]) -> str:
    if session.record.steps or session.record.setup.has_stones:
        raise ValueError("board not empty")
    session.clear(black=tuple(points))
    return " ".join(session.game.format(point) for point in points)


# The end


def final_score(session: EngineSession, arguments: list[str]) -> str:
    """The score: Go's at any time, as the stones stand, other games' when they are over."""
    if session.position.outcome is None and "komi" not in session.game.options:
        raise ValueError("cannot score: the game is not over")
    score = session.position.final()[1]
    return "0" if score == 0 else f"{'B' if score > 0 else 'W'}+{abs(score):g}"


def final_status_list(session: EngineSession, arguments: list[str]) -> str:
    """Games are played out here: every stone on the board is alive."""
    status, layout = argument(arguments, 0, "the status"), session.game.layout
    if status not in ("alive", "dead", "seki"):
        raise ValueError(f"syntax error: unknown status {status[:20]!r}")
    if layout.kind != "cells" or layout.planes != 1:
        raise ValueError("the stones of this game have no vertices")
    cells = [
        cell for cell, owner in enumerate(stones(session.position)) if owner and status == "alive"
    ]
    return "\n".join(session.game.format(cell) for cell in cells)


COMMANDS: dict[str, Callable[[EngineSession, list[str]], Answer]] = {
    "protocol_version": lambda session, arguments: "2",
    "name": lambda session, arguments: "selfplay",
    "version": lambda session, arguments: VERSION,
    "list_commands": list_commands,
    "known_command": known_command,
    "quit": lambda session, arguments: "",
    "boardsize": boardsize,
    "clear_board": clear_board,
    "komi": komi,
    "play": play,
    "genmove": genmove,
    "reg_genmove": reg_genmove,
    "undo": undo,
    "showboard": showboard,
    "loadsgf": loadsgf,
    "fixed_handicap": fixed_handicap,
    "place_free_handicap": place_free_handicap,
    "set_free_handicap": set_free_handicap,
    "time_settings": gtp_time.time_settings,
    "kgs-time_settings": gtp_time.kgs_time_settings,
    "kata-time_settings": gtp_time.kata_time_settings,
    "kata-list_time_settings": lambda session, arguments: " ".join(gtp_time.KATA_SYSTEMS),
    "time_left": gtp_time.time_left,
    "kata-get-param": gtp_time.get_parameter,
    "kata-set-param": gtp_time.set_parameter,
    "kata-list-params": lambda session, arguments: " ".join(gtp_time.PARAMETERS),
    "stop": gtp_time.stop,
    "final_score": final_score,
    "final_status_list": final_status_list,
    **gtp_analysis.ANALYSIS_COMMANDS,
    "cputime": lambda session, arguments: gogui.cputime(),
    "gg-undo": undo_moves,
    "gogui-analyze_commands": lambda session, arguments: "\n".join(gogui.MENU),
    # says that `# interrupt` is understood: see gtp.Inbox
    "gogui-interrupt": lambda session, arguments: "",
    "gogui-play_sequence": lambda session, arguments: gogui.play_sequence(
        session, moves(session, arguments)
    ),
    "gogui-setup": lambda session, arguments: gogui.setup(session, moves(session, arguments)),
    "gogui-setup_player": lambda session, arguments: gogui.setup_player(session, colour(arguments)),
    "selfplay-owners": lambda session, arguments: gogui.owners(session),
    "selfplay-search": lambda session, arguments: gogui.show_search(session),
}
