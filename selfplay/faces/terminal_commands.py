"""What a person may type at the prompt: a move in the game's notation, or a command of HELP_LINES.
Whatever cannot be done is a ValueError or an OSError whose text is the whole answer."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.console import Console
from rich.markup import escape

from games.game import LONGEST_WORD
from selfplay.faces.game_record import Move, turned
from selfplay.faces.game_session import GameSession
from selfplay.faces.saved_game import load_record, save_record
from selfplay.faces.terminal_view import draw, name_of, opinion, show_note
from selfplay.matches.players import Player

HELP_LINES = {
    "undo": "take back your last move and the answer to it",
    "hint": "what the engine would play, and why",
    "board": "draw the board again, and the clocks",
    "save FILE": "write the game to a file; FILE.sgf: for other programs",
    "load FILE": "go on with a saved game, or an .sgf",
    "help": "this list",
    "quit": "leave (Ctrl-C and Ctrl-D do too)",
}
LEAVE = ("quit", "exit", "q")


@dataclass
class Terminal:
    """Where people sit: the game, the screen, the keyboard, and whom they may ask."""

    session: GameSession
    console: Console
    read: Callable[[str], str]  # a prompt in, a line out; EOFError at the end
    adviser: Player | None = None  # who answers `hint`


def obey_person(terminal: Terminal, side: int, line: str) -> bool:
    """Do what a person's line says, a move of their side or a command; False to leave."""
    word, _, argument = line.strip().partition(" ")
    if (command := word.lower()) in LEAVE:
        return False
    try:
        if command in TYPED_COMMANDS:
            TYPED_COMMANDS[command](terminal, side, argument.strip())
        elif word:
            play_word(terminal, side, word)
    except (OSError, ValueError) as error:
        terminal.console.print(str(error), style="yellow", markup=False)
    return True


def play_word(terminal: Terminal, side: int, word: str) -> None:
    session = terminal.session
    try:
        session.play(side, session.game.parse(word))
    except ValueError:
        raise ValueError(
            f"{word[:LONGEST_WORD]!r} cannot be played here. Legal: {legal_words(session, side)} "
            "(or help, undo, hint, ...)"
        ) from None
    session.clock.move(side)
    draw(session, terminal.console)


def legal_words(session: GameSession, side: int) -> str:
    """The moves of a side whose turn it is, or who may have it behind the end."""
    try:
        actions = turned(session.position, side).legal
    except ValueError:
        actions = []
    return " ".join(session.game.format(action) for action in actions)


def take_back(terminal: Terminal, side: int, argument: str) -> None:
    session = terminal.session
    mine = [
        number
        for number, step in enumerate(session.record.steps)
        if isinstance(step, Move) and step.side == side
    ]
    if not mine:
        raise ValueError("nothing to take back yet")
    session.undo(len(session.record.steps) - mine[-1])
    draw(session, terminal.console)


def show_hint(terminal: Terminal, side: int, argument: str) -> None:
    adviser, position = terminal.adviser, turned(terminal.session.position, side)
    found = adviser.analyse(position.state) if adviser else None
    if found is None:
        raise ValueError("no engine to ask; start with --hint PLAYER")
    word = position.game.format(found.choice)
    terminal.console.print(f"{escape(adviser.name)} would play [bold]{word}[/bold]")
    terminal.console.print(opinion(position.game, found, most=7))


def show_board(terminal: Terminal, side: int, argument: str) -> None:
    draw(terminal.session, terminal.console)


def save_game(terminal: Terminal, side: int, argument: str) -> None:
    if not argument:
        raise ValueError("save needs a file name")
    session = terminal.session
    try:
        names = name_of(session, 0), name_of(session, 1)
        save_record(argument, replace(session.record, names=names))
    except OSError as error:
        raise ValueError(f"cannot write {argument}: {error.strerror}") from None
    terminal.console.print(
        f"saved to {argument}; go on with: selfplay play ... --load {shlex.quote(argument)}"
    )


def load_game(terminal: Terminal, side: int, argument: str) -> None:
    if not argument:
        raise ValueError("load needs a file name")
    session = terminal.session
    session.lay(load_record(argument, session.game))
    show_note(session, terminal.console)
    draw(session, terminal.console)


def show_help(terminal: Terminal, side: int, argument: str) -> None:
    terminal.console.print(f"moves: {legal_words(terminal.session, side)}")
    for command, meaning in HELP_LINES.items():
        terminal.console.print(f"{command:<10} {meaning}")


TYPED_COMMANDS = {
    "undo": take_back,
    "hint": show_hint,
    "board": show_board,
    "save": save_game,
    "load": load_game,
    "help": show_help,
}
