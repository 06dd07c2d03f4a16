"""Make the Connect Four exams of `selfplay/exams`:
`python benchmarks/strength/make_connect4_exam.py` (some ten minutes on one core).

Positions with 8 to 20 discs, as many of each count, by uniformly random play from the start; kept
are unfinished ones, distinct under mirroring, in which not every move keeps the value. Every move's
exact value comes from the PyPI package bitbully (AGPL; a tool of this script alone,
`pip install bitbully`). Where our own solver reaches, from 16 discs on, it solves a sample too; a
single disagreement stops the script.
"""

import random
import sys
import time
from pathlib import Path

import bitbully

import games
from games.game import for_side
from native.solver import Solver

FOLDER = Path(__file__).parents[2] / "selfplay" / "exams"
STONES = range(8, 21)
EXAMS = {"connect4.txt": (3000, 20260101), "connect4_validation.txt": (520, 20260102)}
CROSS_CHECKED_FROM, CROSS_CHECKED = 16, 300
HEADER = """\
# Connect Four: {count} positions with 8 to 20 discs in which not every move keeps the value, each
# distinct under mirroring, reached by uniformly random play (seed {seed}). A line is `moves
# values`: the columns played from the start, then the value of each column for the player who
# moves: 1 wins, 0 draws, -1 loses, . is full.
# Values by bitbully {version}; {checked} positions with {reach} or more discs solved again by
# native/solver.py: {wrong} disagreements. Made by make_connect4_exam.py.
"""


def random_position(generator: random.Random, stones: int) -> str | None:
    """Moves of a random unfinished game with so many discs, or None if it ended before."""
    board = bitbully.Board()
    moves = ""
    for _ in range(stones):
        column = generator.choice(board.legal_moves())
        board.play(column)
        moves += str(column + 1)
        if board.is_game_over():
            return None
    return moves


def values(solver: bitbully.BitBully, moves: str) -> list[int | None]:
    """The sign of every column's score, for the player who moves; None where the column is full."""
    scores = solver.score_all_moves(bitbully.Board([int(move) - 1 for move in moves]))
    return [None if c not in scores else (scores[c] > 0) - (scores[c] < 0) for c in range(7)]


def identity(moves: str) -> tuple:
    """The same for a position and its mirror image."""
    board = bitbully.Board([int(move) - 1 for move in moves])
    return min(board.uid(), board.mirror().uid())


def collect(count: int, seed: int, seen: set, solver: bitbully.BitBully) -> list[tuple[str, list]]:
    generator, found = random.Random(seed), []
    while len(found) < count:
        moves = random_position(generator, STONES[len(found) % len(STONES)])
        if moves is None or identity(moves) in seen:
            continue
        seen.add(identity(moves))
        scores = values(solver, moves)
        if len(set(scores) - {None}) > 1:
            found.append((moves, scores))
    return found


def cross_check(found: list[tuple[str, list]]) -> tuple[int, int]:
    """(positions solved again, disagreements)."""
    game = games.load("connect4")
    solver = Solver(game.rules, game.state_bytes, game.actions, game.max_plies)
    late = [item for item in found if len(item[0]) >= CROSS_CHECKED_FROM][:CROSS_CHECKED]
    wrong = 0
    for moves, scores in late:
        position = game.start()
        for move in moves:
            position.play(move)
        actions, ours = solver.action_values(position.state)
        wrong += any(
            scores[action] != value
            for action, value in zip(actions, for_side(ours, position.mover))
        )
    return len(late), wrong


def main() -> None:
    solver, seen = bitbully.BitBully(), set()
    for name, (count, seed) in EXAMS.items():
        begin = time.time()
        found = collect(count, seed, seen, solver)
        print(f"{name}: {count} positions in {time.time() - begin:.0f} s", flush=True)
        checked, wrong = cross_check(found)
        print(f"{checked} checked, {wrong} wrong, {time.time() - begin:.0f} s", flush=True)
        if wrong:
            sys.exit("the two solvers disagree")
        header = HEADER.format(
            count=count,
            seed=seed,
            version=bitbully_version(),
            checked=checked,
            reach=CROSS_CHECKED_FROM,
            wrong=wrong,
        )
        lines = [
            f"{moves} {','.join('.' if v is None else str(v) for v in scores)}"
            for moves, scores in found
        ]
        (FOLDER / name).write_text(header + "\n".join(lines) + "\n")


def bitbully_version() -> str:
    from importlib.metadata import version

    return version("bitbully")


if __name__ == "__main__":
    main()
