"""The games: one file each, rules only. `load` compiles (or finds compiled) just the game asked
for.

A game of many boards is one file too: `games/go.py` is run once a size, as the module `games.go9`
for "go9", and reads its size from that name (`games.game.board_size`), so that the size is a
constant wherever it is compiled. Where one file would be too long, as Go's, it takes its other
parts for its size in the same way (`games.game.part`).
"""

from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

from games import own
from games.game import Game, Position, run_file
from games.own import is_own
from games.quoting import shown

__all__ = [
    "FAMILIES",
    "Family",
    "Game",
    "Position",
    "is_own",
    "load",
    "names",
    "recall",
    "remember",
]

FOLDER = Path(__file__).parent
# the group under which an installed package may offer games of its own
ENTRY_POINTS = "selfplay.games"


class Family(NamedTuple):
    """Games that share one file: a size a game, or no sizes and one game."""

    title: str
    sizes: tuple[int, ...] = ()
    usual: int | None = None  # the size that the family's bare name means: "go" is go19


FAMILIES = {
    "tictactoe": Family("Tic-tac-toe"),
    "connect4": Family("Connect Four"),
    "go": Family("Go", tuple(range(5, 20)), usual=19),
    "othello": Family("Othello", tuple(range(4, 17, 2)), usual=8),
    "gomoku": Family("Gomoku", tuple(range(9, 20)), usual=15),
    "hex": Family("Hex", tuple(range(3, 20)), usual=11),
    "breakthrough": Family("Breakthrough", tuple(range(5, 9)), usual=8),
}
# name -> (family, size)
GAMES = {
    f"{family}{size or ''}": (family, size)
    for family, (_, sizes, _) in FAMILIES.items()
    for size in sizes or (None,)
}
# bare name -> name
USUAL = {family: f"{family}{usual}" for family, (_, _, usual) in FAMILIES.items() if usual}


def names() -> list[str]:
    """Names that `load` takes: every board, then families' bare names, then the games of installed
    packages."""
    ours = [*GAMES, *USUAL]
    return [
        *ours,
        *(point.name for point in entry_points(group=ENTRY_POINTS) if point.name not in ours),
    ]


def full_name(name: str) -> str:
    """The name with its size where it is a family's bare name: "go" -> "go19". Other names stay as
    they are."""
    return USUAL.get(name, name)


def load(name: str) -> Game:
    """The game of that name, or the `GAME` of a Python file given by its path, which is run.
    ValueError if there is none.

    A family's bare name is the game of its usual board: one object, compiled once. This is for
    names that the user gives; for a name that was read from somewhere there is `recall`.
    """
    return own.load(name) if is_own(name) else _installed(full_name(name))


def recall(name: str, digest: str = "") -> Game:
    """The game that a run, a checkpoint or a record names. A user's own file runs only if the user
    has named it in this process or trusted it before, by its digest (`games.own`); ValueError with
    one line that says how, else."""
    return own.recall(name, digest) if is_own(name) else _installed(full_name(name))


def remember(game: Game) -> Game:
    """Put a user's own game on their list, so that later commands may run it too; returns the
    game."""
    if game.source is not None:
        own.remember(game.source)
    return game


@cache
def _installed(name: str) -> Game:
    if name in GAMES:
        family, _ = GAMES[name]
        return _checked(
            getattr(run_file(f"games.{name}", FOLDER / f"{family}.py"), "GAME", None), name
        )
    for point in entry_points(group=ENTRY_POINTS, name=name):
        return _offered(point)
    raise ValueError(f"unknown game {shown(name)!r}; {_hint(name)}")


def _offered(point: EntryPoint) -> Game:
    """The game that an installed package offers."""
    try:
        offered = point.load()
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"the entry point {point.name!r} cannot be loaded: {own.failure(error)}"
        ) from None
    return _checked(offered, f"the entry point {point.name!r}")


def _hint(name: str) -> str:
    family = name.rstrip("0123456789").lower()
    if family in FAMILIES and (sizes := FAMILIES[family].sizes):
        return f"{family} is played on {', '.join(f'{family}{size}' for size in sizes)}"
    near = get_close_matches(name[:100].lower(), names(), 1, 0.4)
    return (
        f"did you mean {near[0]!r}?"
        if near
        else f"games: {', '.join(FAMILIES)}; see `selfplay games`"
    )


def _checked(game: object, source: str) -> Game:
    if not isinstance(game, Game):
        raise ValueError(f"{source} defines no GAME of type games.Game")
    return game
