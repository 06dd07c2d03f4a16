"""Fuzz of names: players, games, moves and options as people and programs type them."""

import os
import random
from pathlib import Path
from types import SimpleNamespace

import games
from selfplay.matches import player_names, players
from selfplay.storage.files import DamagedFile
from tests.fuzz.kind import Kind, splice

GAMES = ("tictactoe", "go5", "hex5", "othello6", "connect4", "breakthrough5")
# harmless
ENGINES = (
    "true",
    "yes ''",
    "yes '= x'",
    "cat",
    "echo =",
    "no-such-program",
    "'",
    "a\0b",
    "",
    "x" * 100_000,
)
PIECES = (
    "random", "solver", "mcts:", "mcts:4", "mcts:0.5s", "@64", "@0", "@0.5s", "@", ":10", ":go7",
    "go", "go5", "hex", "othello6", "tictactoe", ".py", "/", "..", ".", "~", "\0", "\n", "\r", "\t",
    " ", "\ud800", "\u0416", "\u0663", "-1", "1e9", "9" * 5000, "a" * 300, "a" * 100_000,
    "a/" * 5000, "1h", "1h1m1s", "nan", "inf", "http://", "a1", "pass", "a2a3", "Z99", "(1,2)", "=",
)  # fmt: skip
LONGEST = 700  # characters of a message


def prepare(folder: Path):
    """Games that are loaded, and things that are no players: a pipe, folders, an empty file,
    links."""
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.py")
    (folder / "folder.py").mkdir()
    (folder / "run" / "checkpoints" / "0001").mkdir(parents=True)
    (folder / "empty").write_bytes(b"")
    (folder / "loop").symlink_to("loop")
    (folder / "loop.py").symlink_to("loop.py")
    paths = [str(path) for path in folder.iterdir()] + [
        "/dev/null",
        "/dev/stdin",
        "/dev/zero",
        "/proc/self/mem",
        "/",
    ]
    return SimpleNamespace(games={name: games.load(name) for name in GAMES}, paths=paths)


def mutate(context, random: random.Random) -> str:
    """What is named, a space and its name."""
    what = random.choice(("player", "player", "game_of", "game", "move", "option"))
    if what == "player" and random.random() < 0.05:
        return f"engine {random.choice(ENGINES)}"
    if random.random() < 0.2:
        path, ending = random.choice(context.paths), random.choice(("", "", "@5", ".py", "/", ":3"))
        return f"{what} {path}{ending}"
    name = "".join(random.choice(PIECES) for _ in range(random.choice((1, 1, 2, 3))))
    if random.random() < 0.3:
        name = splice(name.encode("utf-8", "surrogatepass"), random).decode("utf-8", "replace")
    return f"{what} {name}"


def attempt(context, text: str) -> bool:
    what, _, name = text.partition(" ")
    try:
        NAMED[what](context, name)
    except ValueError as error:
        message = str(error)
        if what != "move":  # there the board is shown too
            assert "\n" not in message, message
        assert isinstance(error, DamagedFile) or type(error) is ValueError, repr(error)[:200]
        assert len(message) <= LONGEST, f"a message of {len(message)} letters: {message[:100]}"
        return False
    return True


def engine(context, name: str) -> None:
    players.create(f"gtp:{name}", context.games["tictactoe"]).program.close()


def player(context, name: str) -> None:
    if not name.startswith("gtp:"):  # what a mutated command would run nobody knows
        players.create(name, context.games["tictactoe"])


def game_of(context, name: str) -> None:
    player_names.parse_name(name).game()


def game(context, name: str) -> None:
    if name.lower() not in games.names():  # the others are compiled, which takes long
        games.load(name)


def move(context, name: str) -> None:
    for each in context.games.values():
        try:
            each.parse(name)
        except ValueError as error:
            last = error
        else:
            return
    raise last


def option(context, name: str) -> None:
    context.games["go5"].with_options(**{name: 1.0})


NAMED = {
    "engine": engine,
    "player": player,
    "game_of": game_of,
    "game": game,
    "move": move,
    "option": option,
}
KIND = Kind(prepare, mutate, attempt)
