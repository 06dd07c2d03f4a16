"""People against players in a terminal, or two players against each other.

At the prompt stands a move or a command (`selfplay.faces.terminal_commands`). A game that ended by
passes is not over for people: they are asked once more, and may take back, save or play on. Clocks
count engines' thinking and the time that the prompt waits; a flag that falls is announced, and no
more.
"""

import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape

from games.game import Game
from selfplay.faces.game_record import Record, pass_of, plain
from selfplay.faces.game_session import GameSession
from selfplay.faces.terminal_commands import Terminal, obey_person
from selfplay.faces.terminal_view import draw, farewell, greet, name_of, opinion, result
from selfplay.matches.gtp_engine import RESIGN
from selfplay.matches.players import Player
from selfplay.searching.clock import Clock
from selfplay.searching.time_control import NO_LIMIT, TimeControl


def sit_down(
    game: Game,
    first: Player | None,
    second: Player | None,
    hint: Player | None = None,
    moves: list[int] | None = None,
    command: str = "selfplay play",
    console: Console | None = None,
    read: Callable[[str], str] = input,
    record: Record | None = None,
    control: TimeControl = NO_LIMIT,
    ponders: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Play one game from after `moves`. `read(prompt)` gives a person's next line (EOFError at the
    end); whoever leaves is told how to go on, by `command` with the moves so far. A `record` may
    stand in place of the moves. If it `ponders`, an engine thinks on while a person is asked."""
    console = console or Console(highlight=False)
    record = record or plain(game, moves or [])
    session = GameSession(record, [first, second], Clock(control), ponders, now)
    try:
        greet(session, console)
        if not play_on(Terminal(session, console, read, hint)):
            console.print(farewell(session, command), soft_wrap=True, markup=False)
    except (EOFError, KeyboardInterrupt):
        console.print("\n" + farewell(session, command), soft_wrap=True, markup=False)
    except ValueError:  # a player that cannot go on, such as a solver before too hard a position
        console.print(farewell(session, command), soft_wrap=True, markup=False)
        raise


def play_on(terminal: Terminal) -> bool:
    """Play to the end; False if the person leaves before."""
    session, console = terminal.session, terminal.console
    draw(session, console)
    while True:
        mover = session.position.mover
        if session.position.outcome is not None or session.resigned is not None:
            console.print(result(session), style="bold", markup=False)
            if not is_asked_again(terminal):
                return True
        elif session.seats[mover] is not None:
            let_move(terminal, mover)
            draw(session, console)
        elif not obey_person(terminal, mover, listen(terminal, mover)):
            return False


def is_asked_again(terminal: Terminal) -> bool:
    """Behind an end by passes: may a person go on, and do they? An empty line or the end of the
    input is no."""
    session = terminal.session
    mover = session.position.mover
    people = [side for side in (mover, 1 - mover) if session.seats[side] is None]
    if session.position.outcome is None or pass_of(session.game) is None or not people:
        return False
    while session.position.outcome is not None:
        try:
            line = terminal.read(
                "The game is over: Enter leaves; undo, save FILE, or a move to play on: "
            )
        except EOFError:
            return False
        if not line.strip() or not obey_person(terminal, people[0], line):
            return False
    return True


def listen(terminal: Terminal, side: int) -> str:
    """A person's next line, on their clock; the engine opposite may think meanwhile."""
    session = terminal.session
    left = f", {session.clock.sides[side]}" if session.clock.is_limited else ""
    with session.pondering():
        begun = session.now()
        line = terminal.read(
            f"{session.game.owner_symbols[side]} to move{left} (help for commands): "
        )
        seconds = session.now() - begun
    count_time(terminal, side, seconds)
    return line


def let_move(terminal: Terminal, side: int) -> None:
    """An engine's move, with what it saw."""
    session, console = terminal.session, terminal.console
    name, begun = escape(session.seats[side].name), session.now()
    with console.status(f"{name} is thinking"):
        action, found = session.think(side)
    count_time(terminal, side, session.now() - begun)
    if action == RESIGN:
        return session.resign(side)
    session.clock.move(side)
    symbol, word = session.game.owner_symbols[side], session.game.format(action)
    console.print(f"{symbol} ({name}) plays [bold]{word}[/bold]")
    if found is not None:
        console.print(opinion(session.game, found))
    session.play(side, action)


def count_time(terminal: Terminal, side: int, seconds: float) -> None:
    """Take the time off a side's clock."""
    session = terminal.session
    if session.clock.wait(side, seconds):
        symbol = session.game.owner_symbols[side]
        says = f"{symbol} ({name_of(session, side)}): time is up. The game goes on."
        terminal.console.print(says, style="bold", markup=False)
