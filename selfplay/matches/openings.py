"""The openings of matches: random ones, and books of balanced ones.

A random opening may be lost at once, and then both games of its pair say nothing. A book's are
those that a search found balanced, or that are known to be drawn (benchmarks/strength/make_book.py
makes them).
"""

import itertools
from pathlib import Path

import numpy as np

import games
from games.game import Game, Position

FOLDER = Path(__file__).parent.parent / "books"

Opening = tuple[int, ...]  # the actions from the start


def random_openings(game: Game, count: int, plies: int, seed: int) -> list[Opening]:
    """`count` openings of 0..`plies` uniformly random moves, distinct by position; once a game has
    no more that differ, the ones found are repeated in turn."""
    random = np.random.default_rng(seed)
    found: dict[int, Opening] = {}
    for _ in range(50 * count):
        if len(found) == count:
            break
        moves, position = random_opening(game, 0, plies, random)
        if position.outcome is None:
            found.setdefault(position.key, moves)
    return list(itertools.islice(itertools.cycle(found.values()), count))


def random_opening(
    game: Game, low: int, high: int, random: np.random.Generator
) -> tuple[Opening, Position]:
    """`low`..`high` uniformly random moves and where they lead; fewer if the game ends before."""
    position, moves = game.start(), []
    for _ in range(random.integers(low, high + 1)):
        moves.append(int(random.choice(position.legal)))
        if position.play(moves[-1]).outcome is not None:
            break
    return tuple(moves), position


def book_openings(game: Game, count: int, seed: int) -> list[Opening]:
    """`count` openings of the game's book in the seed's order, repeated in turn once it has no
    more. ValueError if the game has none."""
    book = read_book(game)
    order = np.random.default_rng(seed).permutation(len(book))
    return [book[order[index % len(book)]] for index in range(count)]


def read_book(game: Game) -> list[Opening]:
    """Lines `moves value`: the moves from the start in the game's notation, with commas between
    them, and the value found for the first player. ValueError if the game has no book."""
    path = FOLDER / f"{game.name}.txt"
    if game.name not in games.GAMES or not path.exists():
        names = ", ".join(sorted(found.stem for found in FOLDER.glob("*.txt")))
        raise ValueError(f"{game.name} has no opening book; games that have one: {names}")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [tuple(map(game.parse, line.split()[0].split(","))) for line in lines]
