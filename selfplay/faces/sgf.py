"""Game records in the Smart Game Format, in and out: Go, Gomoku, Hex and Othello.

Only the main line is played; variations are read over. What a property means follows

* FF[4] (red-bean.com/sgf): Go's points are two letters, column and row from the top left; `[]` or
  `[tt]` is a pass. A move is executed even if it is illegal, and stones may be set up in any node.
  Gomoku and Othello have no section of their own and are written in the same way (Kierulf, "Smart
  Game Board", 1990).
* Hex (red-bean.com/sgf/hex.html): letter and number, a1 at the top left; Black moves first and
  connects top and bottom; `swap-pieces`, and `swap-sides`, which leaves the board as it is.

What is found in real files is taken as well: letter and number in any of the games, letters in Hex
(Little Golem), White first in games that know no colours, komi in hundredths (Fox), and any
encoding, whatever CA says of it. Where a move has no meaning the record is read up to there, and
its `note` says so.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import games
from games.game import Game, Position, for_side
from native.perspective import FIRST, SECOND
from selfplay import __version__
from selfplay.faces.game_record import (
    Change,
    Move,
    Record,
    Setup,
    Step,
    after,
    is_idle,
    pass_of,
    stones,
)
from selfplay.faces.sgf_text import Node, escape, main_line, text, write_nodes
from selfplay.faces.sgf_values import (
    GAME_KINDS,
    LONGEST_POINT,
    MOVE_PROPERTIES,
    SIDES,
    STONES,
    GameKind,
    action_of,
    cells_of,
    komi_text,
    point_of,
    read_komi,
)
from selfplay.storage.files import DamagedFile, write_bytes

NO_SWAP = "swap-sides"  # the players change places, and the board stays
ENDINGS = ("resign", "forfeit")  # Hex: the game ended so, no move
LARGEST_FILE = 1 << 24  # bytes of a file
MOST_STEPS = 2000  # that are played out: no game has so many moves
Load = Callable[[str], Game]  # finds a game by its name


# In


def read(
    path: str | Path, game: Game | None = None, family: str = "", load: Load = games.load
) -> Record:
    """A record, of `game` or of some board of a `family` if one is given; `load` finds the board
    that the file names. DamagedFile with one line for anything that is none, or of which nothing
    can be played."""
    name = str(path)[-200:]
    try:
        with open(path, "rb", opener=at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DamagedFile(f"{name} is no regular file")
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise DamagedFile(f"{name}: larger than any game")
    except OSError as error:
        raise DamagedFile(f"{name} cannot be read: {error.strerror}") from None
    try:
        return parse(data, game, family, load)
    except ValueError as error:
        raise DamagedFile(f"{name}: {error}") from None


def at_once(path: str, flags: int) -> int:
    """Open a file without waiting for anybody, as a pipe would."""
    return os.open(path, flags | os.O_NONBLOCK)


def parse(
    data: bytes, expected: Game | None = None, family: str = "", load: Load = games.load
) -> Record:
    """The first game of an SGF file, as far as it can be played. ValueError with one line."""
    nodes, cut = main_line(data)
    name = game_named(nodes[0], family)
    if expected is not None and expected.name != name:
        raise ValueError(f"a game of {name}, not {expected.name}")
    game = expected or load(name)
    first = next((place for place, node in enumerate(nodes) if moves_of(node)), len(nodes))
    setup = read_setup(game, nodes, nodes[: first + 1])
    sides = sides_of(game, setup, nodes[first:])
    steps, why = play_out(game, setup, sides, nodes[first:])
    if (note := why or cut) and not steps and not setup.has_stones:
        raise ValueError(note)
    names, result = (text(nodes[0], "PB"), text(nodes[0], "PW")), text(nodes[0], "RE")
    if sides != SIDES:
        names, result = (
            names[::-1],
            re.sub(r"^[BW](?=\+)", lambda winner: "WB"[SIDES[winner[0]]], result),
        )
    return begun(Record(game, setup, steps, names, result, note))


def begun(record: Record) -> Record:
    """With what its moves tell of its beginning: a swap, and who begins where colours might mean
    only that."""
    game, setup = record.game, record.setup
    moves = [step for step in record.steps if isinstance(step, Move)]
    if "swap" in game.options and any(game.format(move.action) == "swap" for move in moves):
        setup = replace(setup, options=setup.options | {"swap": 1.0})
    if moves and moves[0].side == SECOND and pass_of(game) is None and not setup.has_stones:
        setup = replace(setup, mover=SECOND)
    return replace(record, setup=setup)


def game_named(root: Node, wanted: str) -> str:
    """The game that a file is of, by its name here. ValueError for one that is not played here, or
    not of the wanted family."""
    number, families = (
        text(root, "GM") or "1",
        {str(kind.number): name for name, kind in GAME_KINDS.items()},
    )
    if number not in families:
        raise ValueError(
            f"a record of game GM[{number[:20]}]; known are Go (1), Othello (2), Gomoku (4) and "
            "Hex (11)"
        )
    family = families[number]
    columns, _, rows = (text(root, "SZ") or str(GAME_KINDS[family].size)).partition(":")
    name, sizes = f"{family}{columns}", games.FAMILIES[family].sizes
    if wanted not in ("", family):
        raise ValueError(f"a game of {family}, not {wanted}")
    if name not in games.GAMES or rows not in ("", columns):
        raise ValueError(
            f"SZ[{text(root, 'SZ')[:20]}]: {family} is played on {sizes[0]} to {sizes[-1]} here"
        )
    return name


def moves_of(node: Node) -> list[tuple[str, str]]:
    """(colour, point) of a node's moves; old files hold two to a node."""
    return [(name, text(node, name)) for name in node if name in MOVE_PROPERTIES]


def sides_of(game: Game, setup: Setup, nodes: list[Node]) -> dict[str, int]:
    """The side that each colour is. In games whose colours mean only who begins, White may be the
    first player."""
    white_begins = bool(nodes) and moves_of(nodes[0])[0][0] == "W"
    has_colours = pass_of(game) is not None or setup.has_stones
    return {"W": FIRST, "B": SECOND} if white_begins and not has_colours else SIDES


# How it begins


def read_setup(game: Game, nodes: list[Node], beginning: list[Node]) -> Setup:
    """Options, and the stones of the nodes up to the first move, with who moves then: who is named;
    else who does; else White behind Black's stones."""
    board, named = {}, ""
    for node in beginning:
        board |= stones_in(game, node)
        named = text(node, "PL")[:1].upper() or named
    options = read_options(game, nodes)
    whole = [board.get(cell, 0) for cell in range(game.cells)]
    # nothing, or Othello's first four discs
    if not board or whole == stones(game.start(**options)):
        return Setup(options, mover=SIDES.get(named, FIRST))
    black, white = (
        tuple(cell for cell, owner in enumerate(whole) if owner == side) for side in (1, -1)
    )
    named = named or next((colour for node in beginning for colour, _ in moves_of(node)), "")
    return Setup(options, black, white, SIDES.get(named, SECOND if black and not white else FIRST))


def read_options(game: Game, nodes: list[Node]) -> dict[str, float]:
    # its stones stand in the file
    options = {"handicap": 0.0} if "handicap" in game.options else {}
    if "komi" in game.options and text(nodes[0], "KM"):
        options["komi"] = read_komi(text(nodes[0], "KM"))
    return {name: value for name, value in options.items() if value != game.options[name]}


def stones_in(game: Game, node: Node) -> dict[int, int]:
    """What a node puts on cells: +1 Black's stones, -1 White's, 0 nothing."""
    return {
        cell: owner for name, owner in STONES.items() for cell in cells_of(game, node.get(name, []))
    }


# What is played


def play_out(
    game: Game, setup: Setup, sides: dict[str, int], nodes: list[Node]
) -> tuple[tuple[Step, ...], str]:
    """The steps of the nodes from the first move on, and why they end before the file does."""
    position, steps, num_meant = setup.start(game), [], 0
    for where, entry in entries_of(nodes):
        try:
            if len(steps) == MOST_STEPS:
                raise ValueError(f"more than {MOST_STEPS} moves")
            if (step := step_of(game, sides, entry)) is None:
                continue
            counts = not (isinstance(step, Move) and is_idle(position, step.action))
            position = after(position, step, setup.options)
        except ValueError as error:
            return tuple(steps), f"{where}: {error}"
        steps.append(step)
        num_meant = len(steps) if counts else num_meant
    return tuple(steps[:num_meant]), ""  # without passes behind the end: some rules want a third


def entries_of(nodes: list[Node]) -> Iterator[tuple[str, Node | tuple[str, str]]]:
    """(what it is called, a node that sets up or a move's colour and point), in order. (What the
    first node sets up belongs to the beginning.)"""
    number = 0
    for place, node in enumerate(nodes):
        if place and any(name in node for name in (*STONES, "PL")):
            yield f"what is set up behind move {number}", node
        for colour, point in moves_of(node):
            if point.lower() in ENDINGS:
                return
            number += 1
            yield f"move {number}, {colour}[{point[:LONGEST_POINT]}]", (colour, point)


def step_of(game: Game, sides: dict[str, int], entry: Node | tuple[str, str]) -> Step | None:
    """The step of an entry, None if it changes nothing. ValueError for what is no point."""
    if isinstance(entry, tuple):
        colour, point = entry
        return (
            None
            if point.lower() == NO_SWAP and "swap" in game.options
            else Move(sides[colour], action_of(game, point))
        )
    mover = sides.get(text(entry, "PL")[:1].upper())
    changed = tuple(
        sorted(
            (cell, int(for_side(owner, sides["B"])))
            for cell, owner in stones_in(game, entry).items()
        )
    )
    return Change(changed, mover) if changed or mover is not None else None


# Out


def write(path: str | Path, record: Record) -> None:
    """Write a record. ValueError if SGF does not know the game, OSError if the file cannot be
    written."""
    write_bytes(Path(path), serialise(record))


def serialise(record: Record) -> bytes:
    record = begun(record)
    game, setup = record.game, record.setup
    family, size = games.GAMES.get(game.name, ("", None))
    if family not in GAME_KINDS:
        raise ValueError(
            f"SGF is for {', '.join(games.FAMILIES[name].title for name in GAME_KINDS)}, not "
            f"{game.title}"
        )
    root = {
        "FF": "4",
        "GM": str(GAME_KINDS[family].number),
        "CA": "UTF-8",
        "AP": f"selfplay:{__version__}",
        "SZ": str(size),
    }
    root |= {name: value for name, value in zip(("PB", "PW"), record.names) if value}
    if "komi" in game.options:
        root["KM"] = komi_text(setup.options.get("komi", game.options["komi"]))
    if result := record.result or result_of(record.position(), GAME_KINDS[family]):
        root["RE"] = result
    nodes = [{name: [escape(value)] for name, value in root.items()} | beginning_of(record)]
    return write_nodes(nodes + [node_of(game, family, step) for step in record.steps])


def beginning_of(record: Record) -> Node:
    """AB, AW, PL and HA of a game that does not begin as all do."""
    setup, position = record.setup, record.setup.start(record.game)
    has_stones = setup.black or setup.white or "handicap" in record.game.options
    board = (
        [(cell, owner) for cell, owner in enumerate(stones(position)) if owner]
        if has_stones
        else []
    )
    found = stones_node(
        record.game, board, position.mover if board or position.mover != FIRST else None
    )
    if position.mover == SECOND and "AW" not in found and len(found.get("AB", [])) > 1:
        found["HA"] = [str(len(found["AB"])).encode()]
    return found


def node_of(game: Game, family: str, step: Step) -> Node:
    if isinstance(step, Change):
        return stones_node(game, step.stones, step.mover)
    return {MOVE_PROPERTIES[step.side]: [point_of(game, family, step.action).encode()]}


def stones_node(game: Game, board: Iterable[tuple[int, int]], mover: int | None) -> Node:
    """AB, AW, AE and PL of stones (+1, -1, 0 none) by cell."""
    family, found = games.GAMES[game.name][0], {}
    for name, owner in STONES.items():
        if points := [
            point_of(game, family, cell).encode() for cell, stone in board if stone == owner
        ]:
            found[name] = points
    return found if mover is None else found | {"PL": [MOVE_PROPERTIES[mover].encode()]}


def result_of(position: Position, kind: GameKind) -> str:
    """RE of a finished game: B+3.5, W+ (a win without a score), 0 for a draw; "" while it goes
    on."""
    if position.outcome is None:
        return ""
    if position.outcome == 0:
        return "0"
    winner = MOVE_PROPERTIES[FIRST if position.outcome > 0 else SECOND]
    return f"{winner}+{abs(position.final()[1]):g}" if kind.has_score else f"{winner}+"
