"""Game records in the Smart Game Format, in and out: Go, Gomoku, Hex and Othello. Grammar and escapes are sgfmill's.

Only the main line is played; variations are read over. sgfmill gives points a meaning for Go alone, so they are mapped
here:

* FF[4] (red-bean.com/sgf): Go's points are two letters, column and row from the top left, and `[]` or `[tt]` is a pass.
  Gomoku and Othello have no section of their own and are written in the same way (Kierulf, "Smart Game Board", 1990).
* Hex (red-bean.com/sgf/hex.html): letter and number, a1 at the top left; Black moves first and connects top and bottom;
  `swap-pieces`.

What is found in real files is taken as well: letter and number in any of the games, letters in Hex (Little Golem),
White first in games that know no colours, several moves of one player in a row (passes between them), stones set up in
later nodes before the first move, komi in hundredths (Fox), and any encoding, whatever CA says of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sgfmill import sgf_grammar as grammar

import games
from games.game import FIRST, SECOND, Game, Position
from selfplay import __version__
from selfplay.files import DamagedFile, write_bytes


class Kind(NamedTuple):
    """How SGF knows a family of games."""

    number: int  # GM
    size: int  # where SZ is missing
    has_score: bool  # is a win told by its margin?


KINDS = {
    "go": Kind(1, 19, True),
    "othello": Kind(2, 8, True),
    "gomoku": Kind(4, 15, False),
    "hex": Kind(11, 11, False),
}
COLOURS = ("B", "W")  # the first player's, the second player's
STONES = ("AB", "AW", "AE")
PASSES = ("", "pass")
SWAPS = ("swap", "swap-pieces")
ENDINGS = ("resign", "forfeit")  # Hex: the game ended so, no move
LARGEST = 1 << 24  # bytes of a file
LONGEST_POINT = 20  # characters of what might be a move
HUNDREDTHS = 100  # a komi beyond it is one in hundredths
WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "big5": "cp950",
}  # what files that say so may hold
CHINESE = (3.75, 3.25, 2.75)  # a komi in stones, as China counts: half of one in points


@dataclass(frozen=True)
class Setup:
    """How a game begins: its options, and stones (cells) that stand beforehand, with who moves then."""

    options: dict[str, float] = field(default_factory=dict)
    black: tuple[int, ...] = ()
    white: tuple[int, ...] = ()
    mover: int = FIRST

    @property
    def has_stones(self) -> bool:
        return bool(self.black or self.white) or self.mover != FIRST

    def start(self, game: Game) -> Position:
        """The position. ValueError where the game allows no stones beforehand, or not these."""
        if not self.has_stones:
            return game.start(**self.options)
        if game.setup is None:
            raise ValueError(f"{game.title} cannot begin with stones set up")
        options = {name: value for name, value in (game.options | self.options).items() if name != "handicap"}
        return game.setup(list(self.black), list(self.white), self.mover, **options)


@dataclass(frozen=True)
class Record:
    """A game as it was played. A turn is one player's move, behind the other's pass where two moves came in a row."""

    game: Game
    setup: Setup = Setup()
    turns: tuple[tuple[int, ...], ...] = ()
    names: tuple[str, str] = ("", "")
    result: str = ""  # RE; "" lets the position speak

    @property
    def moves(self) -> list[int]:
        return [action for turn in self.turns for action in turn]

    def position(self) -> Position:
        """The last one. ValueError if a turn is not legal."""
        position = self.setup.start(self.game)
        for action in self.moves:
            position.play(action)
        return position


def passes_before(position: Position, side: int) -> tuple[int, ...]:
    """The pass that brings `side` to move where the other should: none, or one. ValueError if it cannot be."""
    if position.outcome is not None:
        raise ValueError("the game is over")
    if position.mover == side:
        return ()
    skip = pass_of(position.game)
    if skip is None or skip not in position.legal:
        raise ValueError("it is the other player's turn")
    if position.copy().play(skip).outcome is not None:
        raise ValueError("the other player's pass would end the game")
    return (skip,)


def turn(position: Position, side: int, action: int) -> tuple[int, ...]:
    """The actions by which `side` plays `action` now. ValueError that says why it cannot."""
    before = passes_before(position, side)
    after = position.copy()
    for skip in before:
        after.play(skip)
    if action not in after.legal:
        raise ValueError("there is a stone already" if is_taken(after, action) else "the rules forbid it here")
    return (*before, action)


def is_taken(position: Position, action: int) -> bool:
    """Would the action put a stone where one stands?"""
    layout, found = position.game.layout, stones(position)
    return (layout.kind, layout.planes) == ("cells", 1) and action < len(found) and found[action] != 0


def pass_of(game: Game) -> int | None:
    """The action that is a pass, in games that have one."""
    try:
        return game.parse("pass")
    except ValueError:
        return None


def stones(position: Position) -> list[int]:
    """What stands on each cell, +1 the first player's stone, -1 the second's, 0 none: read off the board's text.

    (`final` tells owners, which in Go are more than stones.) Empty for a game that draws its board otherwise.
    """
    meaning = {position.game.owner_symbols[0]: 1, position.game.owner_symbols[1]: -1, ".": 0}
    board = str(position).partition("\n")[2]
    found = [meaning[symbol] for symbol in board if symbol in meaning]
    return found if len(found) == position.game.cells else []


# In


def read(path: str | Path, game: Game | None = None) -> Record:
    """A record, of `game` if one is given. DamagedFile with one line for anything that is none or breaks the rules."""
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror}") from None
    try:
        if len(data) > LARGEST:
            raise ValueError("larger than any game")
        return parse(data, game)
    except ValueError as error:
        raise DamagedFile(f"{path}: {error}") from None


def parse(data: bytes, expected: Game | None = None) -> Record:
    """The first game of an SGF file. ValueError with one line."""
    nodes = list(grammar.main_sequence_iter(grammar.parse_sgf_game(as_utf8(data))))
    game = game_of(nodes[0], expected)
    setup = read_setup(game, nodes)
    turns = play_out(game, setup, list(moves_in(nodes)))
    names = (text(nodes[0], "PB"), text(nodes[0], "PW"))
    return Record(game, setup, tuple(turns), names, text(nodes[0], "RE"))


def as_utf8(data: bytes) -> bytes:
    """The file in UTF-8, whatever it was in.

    Decoded as a whole, before any bracket is looked for: in GBK, Big5 and Shift-JIS the second byte of a character may be that
    of `]` or of a backslash.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").encode()
    named = re.search(rb"CA\s*\[([^]]*)\]", data)
    said = named[1].decode("latin-1").strip().lower() if named else "utf-8"
    for encoding in (said, WIDER.get(said, "utf-8"), "utf-8"):
        try:
            return data.decode(encoding).encode()
        except (LookupError, UnicodeError):  # nothing that Python knows, or not what the file is in
            continue
    return data.decode("latin-1").encode()


def text(node: dict, name: str) -> str:
    """A property's first value as text, "" if it is missing."""
    return grammar.simpletext_value(node[name][0]).decode("utf-8", "replace").strip() if name in node else ""


def game_of(root: dict, expected: Game | None) -> Game:
    number, families = text(root, "GM") or "1", {str(kind.number): name for name, kind in KINDS.items()}
    if number not in families:
        raise ValueError(f"a record of game GM[{number[:20]}]; known are Go (1), Othello (2), Gomoku (4) and Hex (11)")
    family = families[number]
    columns, _, rows = (text(root, "SZ") or str(KINDS[family].size)).partition(":")
    name, sizes = f"{family}{columns}", games.FAMILIES[family].sizes
    if name not in games.GAMES or rows not in ("", columns):
        raise ValueError(f"SZ[{text(root, 'SZ')[:20]}]: {family} is played on {sizes[0]} to {sizes[-1]} here")
    if expected is not None and expected.name != name:
        raise ValueError(f"a game of {name}, not {expected.name}")
    return expected or games.load(name)


def moves_in(nodes: list[dict]) -> Iterator[tuple[str, str]]:
    """(colour, point) of every move, in order; old files hold two to a node."""
    for node in nodes:
        for name in node:
            if name in COLOURS:
                yield name, text(node, name)


def read_setup(game: Game, nodes: list[dict]) -> Setup:
    """Options and stones from the nodes before the first move; stones set up later cannot be played around."""
    board = dict.fromkeys(range(game.cells), 0)
    mover, colour, has_stones = "", "", False
    for node in nodes:
        if any(name in node for name in STONES):
            if colour:
                raise ValueError("stones are set up after the first move")
            has_stones = True
            for name, owner in zip(STONES, (1, -1, 0)):
                board.update(dict.fromkeys(cells_of(game, node.get(name, [])), owner))
        if not colour:
            mover = text(node, "PL")[:1].upper() or mover
        colour = colour or next((name for name in node if name in COLOURS), "")
    options = read_options(game, nodes)
    black, white = (tuple(cell for cell, owner in board.items() if owner == side) for side in (1, -1))
    is_usual = game.setup is None and list(board.values()) == stones(game.start())  # Othello's first four discs
    if not has_stones or is_usual:
        return Setup(options, mover=SECOND if game.setup and mover == "W" else FIRST)
    white_moves = (mover or colour) == "W" if mover or colour else bool(black) and not white
    return Setup(options, black, white, SECOND if white_moves else FIRST)


def read_options(game: Game, nodes: list[dict]) -> dict[str, float]:
    options = {"handicap": 0.0} if "handicap" in game.options else {}  # its stones stand in the file
    if "komi" in game.options and text(nodes[0], "KM"):
        options["komi"] = read_komi(game, text(nodes[0], "KM"))
    if "swap" in game.options and any(point.lower() in SWAPS for _, point in moves_in(nodes)):
        options["swap"] = 1.0
    return {name: value for name, value in options.items() if value != game.options[name]}


def read_komi(game: Game, value: str) -> float:
    try:
        komi = float(value.replace(",", "."))
    except ValueError:
        komi = float("nan")
    if abs(komi) > HUNDREDTHS:
        komi /= HUNDREDTHS
        komi *= 2 if komi in CHINESE else 1
    if not abs(komi) <= game.cells:
        raise ValueError(f"KM[{value[:20]}] is no komi")
    return komi


def play_out(game: Game, setup: Setup, moves: list[tuple[str, str]]) -> Iterator[tuple[int, ...]]:
    """The turns of a file's moves, each legal."""
    position = setup.start(game)
    sides = {"B": FIRST, "W": SECOND}
    if game.setup is None and pass_of(game) is None and moves and moves[0][0] == "W":
        sides = {"W": FIRST, "B": SECOND}
    for number, (colour, point) in enumerate(moves, 1):
        if point.lower() in ENDINGS:
            return
        try:
            action = action_of(game, point)
            if position.outcome is not None and action == pass_of(game):
                return  # some rules want a third pass
            actions = turn(position, sides[colour], action)
        except ValueError as error:
            raise ValueError(f"move {number}, {colour}[{point[:20]}]: {error}") from None
        for action in actions:
            position.play(action)
        yield actions


def cells_of(game: Game, values: list[bytes]) -> Iterator[int]:
    """The cells of a list of points, which may hold rectangles such as aa:cc."""
    for value in values:
        corner, _, opposite = grammar.simpletext_value(value).decode("utf-8", "replace").strip().partition(":")
        ends = [divmod(cell_of(game, end), game.columns) for end in (corner, opposite or corner)]
        for row in range(ends[0][0], ends[1][0] + 1):
            yield from (row * game.columns + column for column in range(ends[0][1], ends[1][1] + 1))


def cell_of(game: Game, point: str) -> int:
    if (action := action_of(game, point)) >= game.cells:
        raise ValueError(f"[{point[:20]}] is no point")
    return action


def action_of(game: Game, point: str) -> int:
    """The action of a move's value: two letters, letter and number, or a word."""
    point = point.lower()
    if point in PASSES or (point == "tt" and game.rows < 20):
        point = "pass"
    elif point in SWAPS:
        point = "swap"
    elif len(point) == 2 and point.isascii() and point.isalpha():
        column, row = (ord(letter) - ord("a") for letter in point)
        if column >= game.columns or row >= game.rows:
            raise ValueError("outside the board")
        return row * game.columns + column
    elif len(point) > LONGEST_POINT:
        raise ValueError("no point")
    return game.parse(point)


# Out


def write(path: str | Path, record: Record) -> None:
    """Write a record. ValueError if SGF does not know the game, OSError if the file cannot be written."""
    write_bytes(Path(path), serialise(record))


def serialise(record: Record) -> bytes:
    game, setup = record.game, record.setup
    family, size = games.GAMES.get(game.name, ("", None))
    if family not in KINDS:
        raise ValueError(f"SGF is for {', '.join(games.FAMILIES[name].title for name in KINDS)}, not {game.title}")
    position = setup.start(game)
    root = {"FF": "4", "GM": str(KINDS[family].number), "CA": "UTF-8", "AP": f"selfplay:{__version__}", "SZ": str(size)}
    root |= {name: value for name, value in zip(("PB", "PW"), record.names) if value}
    tree = grammar.Coarse_game_tree()
    tree.sequence = [{name: [escape(value)] for name, value in root.items()}]
    if "komi" in game.options:
        tree.sequence[0]["KM"] = [f"{setup.options.get('komi', game.options['komi']):g}".encode()]
    if game.setup is not None:
        tree.sequence[0] |= stones_of(position)
    for action in record.moves:
        tree.sequence.append({COLOURS[position.mover]: [point_of(game, family, action).encode()]})
        position.play(action)
    if result := record.result or result_of(position, KINDS[family]):
        tree.sequence[0]["RE"] = [escape(result)]
    return grammar.serialise_game_tree(tree)


def escape(value: str) -> bytes:
    return grammar.escape_text(" ".join(value.split()).encode())


def stones_of(position: Position) -> dict[str, list[bytes]]:
    """AB, AW, PL and HA of a position that a game begins with."""
    sides, found = {"AB": 1, "AW": -1}, {}
    for name, side in sides.items():
        if cells := [cell for cell, owner in enumerate(stones(position)) if owner == side]:
            found[name] = [letters(position.game, cell).encode() for cell in cells]
    if found or position.mover != FIRST:
        found["PL"] = [COLOURS[position.mover].encode()]
    if position.mover == SECOND and "AW" not in found and len(found.get("AB", [])) > 1:
        found["HA"] = [str(len(found["AB"])).encode()]
    return found


def point_of(game: Game, family: str, action: int) -> str:
    word = game.format(action)
    if word in ("pass", "swap"):
        return {"pass": "", "swap": "swap-pieces"}[word]
    return word if family == "hex" else letters(game, action)


def letters(game: Game, cell: int) -> str:
    return "".join(chr(ord("a") + index) for index in (cell % game.columns, cell // game.columns))


def result_of(position: Position, kind: Kind) -> str:
    """RE of a finished game: B+3.5, W+ (a win without a score), 0 for a draw; "" while it goes on."""
    if position.outcome is None:
        return ""
    if position.outcome == 0:
        return "0"
    winner = COLOURS[FIRST if position.outcome > 0 else SECOND]
    return f"{winner}+{abs(position.final()[1]):g}" if kind.has_score else f"{winner}+"
