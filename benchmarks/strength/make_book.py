"""Makes a game's book of balanced openings: `python benchmarks/strength/make_book.py GAME
[--player mcts:4000] [--within 0.2] [--plies 3 8] [--count 200]`.

Random openings, distinct by position and under the board's symmetries, of which those are kept that
the player's search finds balanced: a value within so much of 0. Connect Four's are exactly drawn,
by bitbully (`pip install bitbully`).
"""

import argparse
import itertools
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial

import numpy as np

import games
from games.game import Game, Position, for_side
from selfplay.matches.openings import FOLDER, Opening, random_opening
from selfplay.matches.players import Player, create

TRIES = 100_000
HEADER = """\
# {game}: {count} openings of {low} to {high} plies, {found}.
# The moves, and the value for the first player. Made by make_book.py, seed {seed}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("game")
    parser.add_argument("--player", default="mcts:4000")
    parser.add_argument("--within", type=float, default=0.2)
    parser.add_argument("--plies", nargs=2, type=int, default=(3, 8), metavar=("LOW", "HIGH"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    game = games.load(options.game)
    if game.name == "connect4":
        value_of, within, found = exact_connect4, 0.0, "each of them drawn (by bitbully)"
    else:
        player, within = create(options.player, game, options.seed), options.within
        value_of = partial(searched, player)
        found = f"within {within:g} of even by {player.name}"
    low, high = options.plies
    random, lines = np.random.default_rng(options.seed), []
    for moves, position in itertools.islice(candidates(game, low, high, random), TRIES):
        if abs(value := value_of(moves, position)) <= within:
            lines.append(f"{','.join(map(game.format, moves))} {value + 0.0:+.2f}")
        if len(lines) == options.count:
            break
    header = HEADER.format(
        game=game.name, count=len(lines), low=low, high=high, found=found, seed=options.seed
    )
    path = FOLDER / f"{game.name}.txt"
    path.write_text(header + "\n".join(sorted(lines)) + "\n")
    print(f"{path}: {len(lines)} openings")


def candidates(
    game: Game, low: int, high: int, random: np.random.Generator
) -> Iterator[tuple[Opening, Position]]:
    """Unfinished random openings, no two alike."""
    seen = set()
    while True:
        moves, position = random_opening(game, low, high, random)
        if position.outcome is None and (key := least_key(game, moves)) not in seen:
            seen.add(key)
            yield moves, position


def least_key(game: Game, moves: Opening) -> int:
    """The same for openings that a symmetry of the board makes alike."""
    keys = []
    for actions in game.action_maps:
        position = game.start()
        with suppress(ValueError):  # a start that is less symmetric than the board, as Othello's
            for move in moves:
                position.play(int(actions[move]))
            keys.append(position.key)
    return min(keys)


def searched(player: Player, moves: Opening, position: Position) -> float:
    """The search's value for the first player."""
    return player.analyse(position.state).value


def exact_connect4(moves: Opening, position: Position) -> float:
    """The exact value for the first player."""
    from bitbully import Board

    best = max(bitbully().score_all_moves(Board(list(moves))).values())
    return float(for_side((best > 0) - (best < 0), position.mover))


@cache
def bitbully():
    from bitbully import BitBully

    return BitBully()


if __name__ == "__main__":
    main()
