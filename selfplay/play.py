"""People against players in a terminal, or two players against each other.

At the prompt: a move in the game's notation, or one of COMMANDS. Values are shown for the player who was to move, in words.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

import games
from games.game import Game, Position
from selfplay.files import DamagedFile, read_json, write_json
from selfplay.players import Analysis, Player

SAVE_FORMAT = "selfplay-game-1"
STYLES = {1: "bold red", -1: "bold yellow", 0: "dim"}
COMMANDS = {
    "undo": "take back your last move and the answer to it",
    "hint": "what the engine would play, and why",
    "board": "draw the board again",
    "save FILE": "write the game to a file",
    "load FILE": "go on with a saved game",
    "help": "this list",
    "quit": "leave (Ctrl-C and Ctrl-D do too)",
}


@dataclass
class Table4Two:
    """A game in progress: who sits where (None is a person) and what has been played."""

    game: Game
    seats: list[Player | None]
    hint: Player | None
    moves: list[int] = field(default_factory=list)

    @property
    def position(self) -> Position:
        position = self.game.start()
        for move in self.moves:
            position.play(move)
        return position

    def seat(self, position: Position) -> Player | None:
        return self.seats[position.mover]

    def name(self, side: int) -> str:
        return self.seats[side].name if self.seats[side] else "you"


def run(
    game: Game,
    first: Player | None,
    second: Player | None,
    hint: Player | None = None,
    load: str | None = None,
    console: Console | None = None,
    read: Callable[[str], str] = input,
) -> int:
    """Play one game; returns the exit code. `read(prompt)` gives a person's next line (EOFError at the end)."""
    console = console or Console(highlight=False)
    table = Table4Two(game, [first, second], hint)
    try:
        if load:
            table.moves = load_game(load, game)
        greet(table, console)
        play_on(table, console, read)
    except (EOFError, KeyboardInterrupt):
        console.print("\nLeft. `save FILE` before leaving keeps a game; `--load FILE` goes on with it.")
    return 0


def play_on(table: Table4Two, console: Console, read) -> None:
    draw(table, console)
    while (position := table.position).outcome is None:
        player = table.seat(position)
        if player is None:
            if not ask(table, position, console, read):
                return
        else:
            answer(table, position, player, console)
            draw(table, console)
    console.print(result(table, position), style="bold")


def ask(table: Table4Two, position: Position, console: Console, read) -> bool:
    """Let the person move or command; False to leave."""
    symbol = table.game.owner_symbols[position.mover]
    word, _, argument = read(f"{symbol} to move (help for commands): ").strip().partition(" ")
    try:
        if word in ("quit", "exit", "q"):
            return False
        if not word:
            return True
        if word.lower() in ACTIONS:
            ACTIONS[word.lower()](table, position, argument.strip(), console)
            return True
        position.play(word)
    except ValueError as error:
        console.print(refusal(table, position, word, error), style="yellow")
        return True
    table.moves.append(table.game.parse(word))
    draw(table, console)
    return True


def refusal(table: Table4Two, position: Position, word: str, error: ValueError) -> str:
    """Why not, and what is possible."""
    if isinstance(error, DamagedFile | CommandError):
        return str(error)
    legal = " ".join(table.game.format(action) for action in position.legal)
    return f"{word!r} cannot be played here. Legal: {legal} (or help, undo, hint, ...)"


class CommandError(ValueError):
    """A command that cannot be done; its text is the whole answer."""


def answer(table: Table4Two, position: Position, player: Player, console: Console) -> None:
    """An engine's move, with what it saw."""
    side = table.game.owner_symbols[position.mover]
    with console.status(f"{player.name} is thinking"):
        analysis = player.analyse(position.state)
        action = analysis.choice if analysis else int(player.choose(position.state[None])[0])
    console.print(f"{side} ({player.name}) plays [bold]{table.game.format(action)}[/bold]")
    if analysis is not None:
        console.print(opinion(table.game, position, analysis))
    table.moves.append(action)


def opinion(game: Game, position: Position, analysis: Analysis, most: int = 4) -> Table:
    """The search's moves by visits beside the network's own: prior, visits, value for the mover."""
    sign = 1.0 - 2.0 * position.mover
    lines = Table(box=None, padding=(0, 1), title_justify="left", title_style="dim")
    lines.title = f"value for {game.owner_symbols[position.mover]}: {sign * analysis.value:+.2f}"
    if analysis.network_value is not None:
        lines.title += f" (network alone {sign * analysis.network_value:+.2f})"
    for heading in ("move", "net", "visits", "value", ""):
        lines.add_column(heading, justify="left" if heading in ("", "move") else "right")
    order = sorted(range(len(analysis.actions)), key=lambda i: (-analysis.visits[i], -analysis.priors[i]))
    shown = [i for rank, i in enumerate(order) if rank < most or analysis.actions[i] in marks(analysis)]
    for i in shown:
        value = "" if np.isnan(analysis.values[i]) else f"{sign * analysis.values[i]:+.2f}"
        prior = f"{analysis.priors[i]:.0%}" if analysis.network_value is not None else ""
        mark = marks(analysis).get(int(analysis.actions[i]), "")
        lines.add_row(game.format(int(analysis.actions[i])), prior, str(analysis.visits[i]), value, mark)
    return lines


def marks(analysis: Analysis) -> dict[int, str]:
    """Which actions are whose choice."""
    if analysis.network_choice is None:
        return {analysis.choice: "plays"}
    if analysis.network_choice == analysis.choice:
        return {analysis.choice: "search and network"}
    return {analysis.choice: "search", analysis.network_choice: "network"}


# Commands


def undo(table: Table4Two, position: Position, argument: str, console: Console) -> None:
    mine = position.mover
    replayed, turns = table.game.start(), []
    for ply, move in enumerate(table.moves):
        if replayed.mover == mine:
            turns.append(ply)
        replayed.play(move)
    if not turns:
        raise CommandError("nothing to take back yet")
    del table.moves[turns[-1] :]
    draw(table, console)


def hint(table: Table4Two, position: Position, argument: str, console: Console) -> None:
    analysis = table.hint.analyse(position.state) if table.hint else None
    if analysis is None:
        raise CommandError("no engine to ask; start with --hint PLAYER")
    console.print(f"{table.hint.name} would play [bold]{table.game.format(analysis.choice)}[/bold]")
    console.print(opinion(table.game, position, analysis, most=7))


def board(table: Table4Two, position: Position, argument: str, console: Console) -> None:
    draw(table, console)


def save(table: Table4Two, position: Position, argument: str, console: Console) -> None:
    if not argument:
        raise CommandError("save needs a file name")
    names = [table.name(side) for side in (0, 1)]
    moves = [table.game.format(move) for move in table.moves]
    try:
        write_json(Path(argument), {"format": SAVE_FORMAT, "game": table.game.name, "players": names, "moves": moves})
    except OSError as error:
        raise CommandError(f"cannot write {argument}: {error.strerror}") from None
    console.print(f"saved to {argument}; go on with: selfplay play ... --load {argument}")


def load_command(table: Table4Two, position: Position, argument: str, console: Console) -> None:
    if not argument:
        raise CommandError("load needs a file name")
    table.moves = load_game(argument, table.game)
    draw(table, console)


def show_help(table: Table4Two, position: Position, argument: str, console: Console) -> None:
    legal = " ".join(table.game.format(action) for action in position.legal)
    console.print(f"moves: {legal}")
    for command, meaning in COMMANDS.items():
        console.print(f"{command:<10} {meaning}")


ACTIONS = {"undo": undo, "hint": hint, "board": board, "save": save, "load": load_command, "help": show_help}


def load_game(path: str, game: Game) -> list[int]:
    """The moves of a saved game of this very game. DamagedFile with one line for anything else."""
    saved = read_json(Path(path))
    if saved.get("format") != SAVE_FORMAT or not isinstance(saved.get("moves"), list):
        raise DamagedFile(f"{path} is no saved game")
    if saved.get("game") != game.name:
        raise DamagedFile(f"{path} is a game of {saved.get('game')}, not {game.name}")
    position, moves = game.start(), []
    for ply, text in enumerate(saved["moves"]):
        try:
            moves.append(game.parse(str(text)))
            position.play(moves[-1])
        except ValueError:
            raise DamagedFile(f"{path} is damaged: move {ply + 1}, {text!r}, is not legal") from None
    return moves


def saved_game_name(path: str) -> str:
    """The game that a saved game is of."""
    name = read_json(Path(path)).get("game")
    if name not in games.names():
        raise DamagedFile(f"{path} is no saved game")
    return name


# What is shown


def greet(table: Table4Two, console: Console) -> None:
    sides = [f"{symbol}: {table.name(side)}" for side, symbol in enumerate(table.game.owner_symbols)]
    console.print(f"{table.game.title}. {sides[0]} (starts), {sides[1]}.")


def draw(table: Table4Two, console: Console) -> None:
    """The board, discs in colour on a terminal; the last move is named below."""
    position = table.position
    text = Text(str(position))
    if console.is_terminal:
        paint(text, table.game)
    console.print(text)
    if table.moves:
        console.print(f"move {len(table.moves)}: {table.game.format(table.moves[-1])}", style="dim")


def paint(text: Text, game: Game) -> None:
    """Colour the stones below the heading and replace them by discs where the terminal can show them."""
    disc = "●" if (sys.stdout.encoding or "").lower().startswith("utf") else None
    plain = text.plain
    body = plain.index("\n")
    for index, character in enumerate(plain):
        owner = {game.owner_symbols[0]: 1, game.owner_symbols[1]: -1, ".": 0}.get(character)
        if index > body and owner is not None:
            text.stylize(STYLES[owner], index, index + 1)
    if disc:
        head, rest = plain[:body], plain[body:]
        text.plain = head + rest.replace(game.owner_symbols[0], disc).replace(game.owner_symbols[1], disc)


def result(table: Table4Two, position: Position) -> str:
    if position.outcome == 0:
        return "Draw."
    side = 0 if position.outcome > 0 else 1
    return f"{table.game.owner_symbols[side]} ({table.name(side)}) {'win' if table.seats[side] is None else 'wins'}."
