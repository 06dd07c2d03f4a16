"""People against players in a terminal, or two players against each other.

At the prompt: a move in the game's notation, or one of COMMANDS. Values are shown for the player
who was to move, in words. A game that ended by passes is not over for people: they are asked once
more, and may take back, save or play on. Clocks count engines' thinking and the time that the
prompt waits; a flag that falls is announced, and no more.
"""

import math
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from games.game import LONGEST_WORD, Game, Position, for_side
from selfplay.faces import game_record, sgf
from selfplay.faces.game_record import Move, Record, pass_of
from selfplay.faces.terminal_game import TerminalGame
from selfplay.matches.gtp_engine import RESIGN
from selfplay.matches.players import Player
from selfplay.searching.clock import Clock
from selfplay.searching.result import SearchResult
from selfplay.searching.time_control import NO_LIMIT, TimeControl
from selfplay.storage.files import DamagedFile, read_json, write_json

SAVE_FORMAT = "selfplay-game-1"
SGF = ".sgf"
STYLES = {1: "bold red", -1: "bold yellow", 0: "dim"}
COMMANDS = {
    "undo": "take back your last move and the answer to it",
    "hint": "what the engine would play, and why",
    "board": "draw the board again, and the clocks",
    "save FILE": "write the game to a file; FILE.sgf: for other programs",
    "load FILE": "go on with a saved game, or an .sgf",
    "help": "this list",
    "quit": "leave (Ctrl-C and Ctrl-D do too)",
}


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
    stand in place of the moves. Engines that `ponders` lets think on do so while a person is
    asked."""
    console = console or Console(highlight=False)
    record = record or game_record.plain(game, moves or [])
    game_at_board = TerminalGame(game, [first, second], hint, record, Clock(control), ponders, now)
    try:
        greet(game_at_board, console)
        if not play_on(game_at_board, console, read):
            console.print(farewell(game_at_board, command), soft_wrap=True, markup=False)
    except (EOFError, KeyboardInterrupt):
        console.print("\n" + farewell(game_at_board, command), soft_wrap=True, markup=False)
    except ValueError:  # a player that cannot go on, such as a solver before too hard a position
        console.print(farewell(game_at_board, command), soft_wrap=True, markup=False)
        raise


def farewell(game_at_board: TerminalGame, command: str) -> str:
    if not game_at_board.record.is_plain:
        return (
            "Left. A game of another kind goes on from a file: `save FILE.sgf`, then --load "
            "FILE.sgf"
        )
    moves = " ".join(game_at_board.game.format(move) for move in game_at_board.record.moves)
    return f"Left. To go on: {command}" + (f" --moves '{moves}'" if moves else "")


def play_on(game_at_board: TerminalGame, console: Console, read) -> bool:
    """Play to the end; False if the person leaves before."""
    draw(game_at_board, console)
    while True:
        position = game_at_board.position
        if position.outcome is not None or game_at_board.resigned is not None:
            console.print(result(game_at_board, position), style="bold", markup=False)
            if not asked_again(game_at_board, position, console, read):
                return True
        elif (player := game_at_board.player_to_move(position)) is not None:
            answer(game_at_board, position, player, console)
            draw(game_at_board, console)
        elif not ask(
            game_at_board, position.mover, listen(game_at_board, position, console, read), console
        ):
            return False


def asked_again(game_at_board: TerminalGame, position: Position, console: Console, read) -> bool:
    """Behind an end by passes: may a person go on, and do they? An empty line or the end of the
    input is no."""
    people = [
        side for side in (position.mover, 1 - position.mover) if game_at_board.seats[side] is None
    ]
    if position.outcome is None or pass_of(game_at_board.game) is None or not people:
        return False
    while game_at_board.position.outcome is not None:
        try:
            line = read("The game is over: Enter leaves; undo, save FILE, or a move to play on: ")
        except EOFError:
            return False
        if not line.strip() or not ask(game_at_board, people[0], line, console):
            return False
    return True


def ask(game_at_board: TerminalGame, side: int, line: str, console: Console) -> bool:
    """Do what a person's line says, a move of their side or a command; False to leave."""
    word, _, argument = line.strip().partition(" ")
    if (command := word.lower()) in ("quit", "exit", "q"):
        return False
    try:
        if command in ACTIONS:
            ACTIONS[command](game_at_board, side, argument.strip(), console)
        elif word:
            move(game_at_board, side, word, console)
    except (OSError, ValueError) as error:
        console.print(str(error), style="yellow", markup=False)
    return True


def move(game_at_board: TerminalGame, side: int, word: str, console: Console) -> None:
    try:
        game_at_board.play(side, game_at_board.game.parse(word))
    except ValueError:
        raise CommandError(refusal(game_at_board, side, word)) from None
    game_at_board.clock.move(side)
    draw(game_at_board, console)


def listen(game_at_board: TerminalGame, position: Position, console: Console, read) -> str:
    """A person's next line, on their clock; the engine opposite may think meanwhile."""
    side = position.mover
    left = f", {game_at_board.clock.sides[side]}" if game_at_board.clock.is_limited else ""
    with game_at_board.pondering(position):
        begun = game_at_board.now()
        line = read(f"{game_at_board.game.owner_symbols[side]} to move{left} (help for commands): ")
        seconds = game_at_board.now() - begun
    wait(game_at_board, side, seconds, console)
    return line


def wait(game_at_board: TerminalGame, side: int, seconds: float, console: Console) -> None:
    """Take the time off a side's clock."""
    if game_at_board.clock.wait(side, seconds):
        says = (
            f"{game_at_board.game.owner_symbols[side]} ({game_at_board.name(side)}): time is up. "
            "The game goes on."
        )
        console.print(says, style="bold", markup=False)


def refusal(game_at_board: TerminalGame, side: int, word: str) -> str:
    return (
        f"{word[:LONGEST_WORD]!r} cannot be played here. Legal: {legal(game_at_board, side)} (or "
        "help, undo, hint, ...)"
    )


def legal(game_at_board: TerminalGame, side: int) -> str:
    """The moves of a side whose turn it is, or who may have it behind the end."""
    try:
        actions = game_record.turned(game_at_board.position, side).legal
    except ValueError:
        actions = []
    return " ".join(game_at_board.game.format(action) for action in actions)


class CommandError(ValueError):
    """A command that cannot be done; its text is the whole answer."""


def answer(
    game_at_board: TerminalGame, position: Position, player: Player, console: Console
) -> None:
    """An engine's move, with what it saw."""
    side, symbol = position.mover, game_at_board.game.owner_symbols[position.mover]
    begun = game_at_board.now()
    with console.status(f"{escape(player.name)} is thinking"):
        analysis = game_at_board.analyse(position)
        action = analysis.choice if analysis else game_at_board.choose(position)
    wait(game_at_board, side, game_at_board.now() - begun, console)
    if action == RESIGN:
        game_at_board.resigned = side
        return
    game_at_board.clock.move(side)
    console.print(
        f"{symbol} ({escape(player.name)}) plays [bold]{game_at_board.game.format(action)}[/bold]"
    )
    if analysis is not None:
        console.print(opinion(game_at_board.game, position, analysis))
    game_at_board.play(side, action)


def opinion(game: Game, position: Position, analysis: SearchResult, most: int = 4) -> Table:
    """The search's moves by visits beside the network's own: prior, visits, value for the mover."""
    mover = position.mover
    lines = Table(box=None, padding=(0, 1), title_justify="left", title_style="dim")
    lines.title = (
        f"value for {game.owner_symbols[position.mover]}: {for_side(analysis.value, mover):+.2f}"
    )
    if analysis.network_value is not None:
        lines.title += f" (network alone {for_side(analysis.network_value, mover):+.2f})"
    for heading in ("move", "net", "visits", "value", ""):
        lines.add_column(heading, justify="left" if heading in ("", "move") else "right")
    marked = marks(analysis)
    for rank, move in enumerate(
        sorted(analysis.moves, key=lambda move: (-move.visits, -move.prior))
    ):
        if rank >= most and move.action not in marked:
            continue
        prior = f"{move.prior:.0%}" if analysis.network_value is not None else ""
        value = "" if math.isnan(move.value) else f"{for_side(move.value, mover):+.2f}"
        mark = marked.get(move.action, "")
        lines.add_row(game.format(move.action), prior, str(move.visits), value, mark)
    return lines


def marks(analysis: SearchResult) -> dict[int, str]:
    """Which actions are whose choice."""
    if analysis.network_choice is None:
        return {analysis.choice: "plays"}
    if analysis.network_choice == analysis.choice:
        return {analysis.choice: "search and network"}
    return {analysis.choice: "search", analysis.network_choice: "network"}


# Commands


def undo(game_at_board: TerminalGame, side: int, argument: str, console: Console) -> None:
    mine = [
        n
        for n, step in enumerate(game_at_board.record.steps)
        if isinstance(step, Move) and step.side == side
    ]
    if not mine:
        raise CommandError("nothing to take back yet")
    game_at_board.record = game_at_board.record.cut(mine[-1])
    draw(game_at_board, console)


def hint(game_at_board: TerminalGame, side: int, argument: str, console: Console) -> None:
    position = game_record.turned(game_at_board.position, side)
    analysis = game_at_board.hint.analyse(position.state) if game_at_board.hint else None
    if analysis is None:
        raise CommandError("no engine to ask; start with --hint PLAYER")
    console.print(
        f"{escape(game_at_board.hint.name)} would play "
        f"[bold]{game_at_board.game.format(analysis.choice)}[/bold]"
    )
    console.print(opinion(game_at_board.game, position, analysis, most=7))


def board(game_at_board: TerminalGame, side: int, argument: str, console: Console) -> None:
    draw(game_at_board, console)


def save(game_at_board: TerminalGame, side: int, argument: str, console: Console) -> None:
    if not argument:
        raise CommandError("save needs a file name")
    try:
        if argument.lower().endswith(SGF):
            sgf.write(
                argument,
                replace(game_at_board.record, names=(game_at_board.name(0), game_at_board.name(1))),
            )
        else:
            write_json(Path(argument), saved(game_at_board))
    except OSError as error:
        raise CommandError(f"cannot write {argument}: {error.strerror}") from None
    console.print(
        f"saved to {argument}; go on with: selfplay play ... --load {shlex.quote(argument)}"
    )


def saved(game_at_board: TerminalGame) -> dict:
    if not game_at_board.record.is_plain:
        raise CommandError("this game has stones, options or turns of its own; save it as FILE.sgf")
    names = [game_at_board.name(side) for side in (0, 1)]
    moves = [game_at_board.game.format(move) for move in game_at_board.record.moves]
    return {
        "format": SAVE_FORMAT,
        "game": game_at_board.game.name,
        "players": names,
        "moves": moves,
    }


def load_command(game_at_board: TerminalGame, side: int, argument: str, console: Console) -> None:
    if not argument:
        raise CommandError("load needs a file name")
    game_at_board.record = load(argument, game_at_board.game)
    tell_note(game_at_board, console)
    draw(game_at_board, console)


def tell_note(game_at_board: TerminalGame, console: Console) -> None:
    """Where the file was not read to its end."""
    if game_at_board.record.note:
        console.print(f"read up to {game_at_board.record.note}", style="yellow", markup=False)


def show_help(game_at_board: TerminalGame, side: int, argument: str, console: Console) -> None:
    console.print(f"moves: {legal(game_at_board, side)}")
    for command, meaning in COMMANDS.items():
        console.print(f"{command:<10} {meaning}")


ACTIONS = {
    "undo": undo,
    "hint": hint,
    "board": board,
    "save": save,
    "load": load_command,
    "help": show_help,
}


def load(path: str, game: Game) -> Record:
    """The record of a saved game or an .sgf. DamagedFile with one line for anything else."""
    if path.lower().endswith(SGF):
        return sgf.read(path, game)
    return game_record.plain(game, load_game(path, game))


def load_game(path: str, game: Game) -> list[int]:
    """The moves of a saved game of this very game. DamagedFile with one line for anything else."""
    saved = read_json(Path(path))
    if saved.get("format") != SAVE_FORMAT or not isinstance(saved.get("moves"), list):
        raise DamagedFile(f"{path} is no saved game")
    if saved.get("game") != game.name:
        raise DamagedFile(f"{path} is a game of {saved.get('game')}, not {game.name}")
    try:
        return parse_moves(" ".join(map(str, saved["moves"])), game)
    except ValueError as error:
        raise DamagedFile(f"{path} is damaged: {error}") from None


def parse_moves(text: str, game: Game) -> list[int]:
    """Moves in the game's notation, separated by spaces, from the start. ValueError names the first
    that is not legal."""
    position, moves = game.start(), []
    for ply, word in enumerate(text.split()):
        try:
            moves.append(game.parse(word))
            position.play(moves[-1])
        except ValueError:
            raise ValueError(f"move {ply + 1}, {word!r}, is not legal") from None
    return moves


# What is shown


def greet(game_at_board: TerminalGame, console: Console) -> None:
    sides = [
        f"{symbol}: {game_at_board.name(side)}"
        for side, symbol in enumerate(game_at_board.game.owner_symbols)
    ]
    console.print(f"{game_at_board.game.title}. {sides[0]} (starts), {sides[1]}.", markup=False)
    tell_note(game_at_board, console)


def draw(game_at_board: TerminalGame, console: Console) -> None:
    """The board, discs in colour on a terminal; the last move is named below."""
    position = game_at_board.position
    text = Text(str(position))
    if console.is_terminal:
        paint(text, game_at_board.game)
    console.print(text)
    if moves := game_at_board.record.moves:
        console.print(f"move {len(moves)}: {game_at_board.game.format(moves[-1])}", style="dim")
    if game_at_board.clock.is_limited and position.outcome is None:
        console.print(clocks(game_at_board, console.width), style="dim", markup=False)


def clocks(game_at_board: TerminalGame, width: int) -> str:
    """What is left to both sides, such as "time: X 4:32, O 0:30 (5 periods)"; in two lines where it
    is too wide."""
    first, second = (
        f"{symbol} {left}"
        for symbol, left in zip(game_at_board.game.owner_symbols, game_at_board.clock.sides)
    )
    line = f"time: {first}, {second}"
    return line if len(line) <= width else f"time: {first}\n      {second}"


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
        text.plain = head + rest.replace(game.owner_symbols[0], disc).replace(
            game.owner_symbols[1], disc
        )


def result(game_at_board: TerminalGame, position: Position) -> str:
    late = [
        symbol
        for symbol, left in zip(game_at_board.game.owner_symbols, game_at_board.clock.sides)
        if left.has_fallen
    ]
    flags = f" (Time was up for {' and '.join(late)}.)" if late else ""
    if position.outcome == 0:
        return f"Draw.{flags}"
    outcome = (
        position.outcome
        if game_at_board.resigned is None
        else for_side(-1.0, game_at_board.resigned)
    )
    side, gave_up = (
        (0 if outcome > 0 else 1),
        "" if game_at_board.resigned is None else ": the other side resigns",
    )
    verb = "win" if game_at_board.seats[side] is None else "wins"
    return (
        f"{game_at_board.game.owner_symbols[side]} ({game_at_board.name(side)}) "
        f"{verb}{gave_up}.{flags}"
    )
