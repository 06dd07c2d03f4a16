"""Our rules against open_spiel's, move by move:
`python tests/conformance/agreement.py [--games 10000] [GAME ...]`.

Random games are played on both at once. After every move the legal sets, the mover, the end and the
outcome must be the same. In every second game the move is drawn from their legal moves instead of
ours, so that what only their rules allow is seen too. One line a game; exit code 1 if there was a
disagreement that is not one of DIFFERENCES.

Moves are translated by their text, one small function a family; numbers are never assumed to mean
the same. In Go the score is compared as well, to the point: the finished game is played again there
with our area difference for komi, and must be a draw.

Needs open_spiel (`pip install open_spiel`), written against 2.0.2. Its Go knows no superko of our
kind:

* ours: positional superko (Tromp-Taylor): a move that recreates an earlier arrangement of stones is
  illegal.
* theirs: simple ko and suicide are illegal; any other move that recreates an earlier arrangement,
  whoever was to move then, may be played, and ends the game as a draw.

So their legal moves less ours must be exactly such moves: each of them is tried there and has to
end in a draw (komi is never whole here, so nothing else does). The other way round, a few of our
moves a ply are tried there and must not end so. Both end after two passes and after twice as many
plies as points, and both count area.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from random import Random

import numpy as np
import pyspiel

import games
from games.game import Game, Position
from native import abi

REPEATS = "moves that recreate an earlier board, illegal with us and a drawn end there"
ENDED_BY_REPEATING = "games that such a move ended there"
DIFFERENCES = (REPEATS, ENDED_BY_REPEATING)
PROBES = 3  # of our moves a ply that are tried there
NO_ACTION = -1  # what an action of theirs that is no move on the board is translated into
PORTION = 50  # games a process plays before it takes more work


# Their text for a move -> ours. A leading colour ("B a1") and a mark for a capture ("a2b3*") are
# gone already.


def same(text: str) -> str:
    return text


def row_and_column(text: str) -> str:
    """x(0,2) or 0,2, counted from the top left -> c1."""
    row, column = (int("".join(filter(str.isdigit, part))) for part in text.split(","))
    return f"{chr(ord('a') + column)}{row + 1}"


def row_and_column_as_vertex(text: str) -> str:
    """14,0 -> A15: their row 0 becomes our row 1, the lowest; lines of five do not care."""
    row, column = map(int, text.split(","))
    return f"{'ABCDEFGHJKLMNOPQRST'[column]}{row + 1}"


def column_from_zero(text: str) -> str:
    """x0 -> 1."""
    return str(int(text[1:]) + 1)


def ranks_upside_down(size: int) -> Callable[[str], str]:
    """a7a6 -> a2a3 on 8 ranks: their first player stands on the highest ranks, ours on the
    lowest."""

    def turn(text: str) -> str:
        (column, rank), (to_column, to_rank) = text[:2], text[2:]
        return f"{column}{size + 1 - int(rank)}{to_column}{size + 1 - int(to_rank)}"

    return turn


@dataclass(frozen=True, eq=False)
class Pair:
    """One comparison."""

    ours: str
    theirs: str
    translate: Callable[[str], str] = same
    options: dict[str, float] = field(default_factory=dict)


PAIRS = {
    "tictactoe": Pair("tictactoe", "tic_tac_toe", row_and_column),
    "connect4": Pair("connect4", "connect_four", column_from_zero),
    "othello8": Pair("othello8", "othello"),
    "hex5": Pair("hex5", "hex(board_size=5)"),
    "hex11": Pair("hex11", "hex(board_size=11)"),
    "hex11-swap": Pair("hex11", "hex(board_size=11,swap=True)", options={"swap": 1.0}),
    "breakthrough6": Pair("breakthrough6", "breakthrough(rows=6,columns=6)", ranks_upside_down(6)),
    "breakthrough8": Pair("breakthrough8", "breakthrough", ranks_upside_down(8)),
    "gomoku9": Pair("gomoku9", "gomoku(size=9)", row_and_column_as_vertex),
    "gomoku15": Pair("gomoku15", "gomoku(size=15)", row_and_column_as_vertex),
    "go5": Pair("go5", "go(board_size=5,komi=0.5)", options={"komi": 0.5}),
    "go9": Pair("go9", "go(board_size=9,komi=7.5)", options={"komi": 7.5}),
    "go19": Pair("go19", "go(board_size=19,komi=7.5)", options={"komi": 7.5}),
}


@dataclass
class Findings:
    """What comparing some games brought to light."""

    games: int = 0
    plies: int = 0
    classes: Counter = field(default_factory=Counter)  # of disagreement -> how often
    # the first of each class, with the moves that lead there
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Findings") -> None:
        self.games += other.games
        self.plies += other.plies
        self.classes.update(other.classes)
        self.examples = other.examples | self.examples

    @property
    def unexplained(self) -> list[str]:
        return [name for name in self.classes if name not in DIFFERENCES]


@cache
def actions_of(pair: Pair) -> list[int]:
    """Our action for each of their action numbers, NO_ACTION for numbers that are no move on the
    board."""
    game, root = games.load(pair.ours), pyspiel.load_game(pair.theirs).new_initial_state()
    return [
        our_action(game, pair, root.action_to_string(0, a))
        for a in range(root.num_distinct_actions())
    ]


def our_action(game: Game, pair: Pair, text: str) -> int:
    try:
        return game.parse(pair.translate(text.split()[-1].rstrip("*").lower()))
    except ValueError:
        return NO_ACTION


class Table:
    """One game, played on both sides at once."""

    def __init__(self, pair: Pair, random: Random, findings: Findings):
        self.pair, self.random, self.findings = pair, random, findings
        self.game, self.ours_of = games.load(pair.ours), actions_of(pair)
        self.ours = self.game.start(**pair.options)
        self.theirs = pyspiel.load_game(pair.theirs).new_initial_state()
        self.is_go = pair.theirs.startswith("go(")

    def note(self, what: str, explanation: str) -> None:
        self.findings.classes[what] += 1
        if what not in self.findings.examples:
            moves = " ".join(self.game.format(self.ours_of[a]) for a in self.theirs.history())
            self.findings.examples[what] = (
                f"{explanation}; after {moves or 'no moves'}\n{self.ours}"
            )

    def play(self, by_them: bool) -> None:
        """One random game, to its end or to the first disagreement."""
        while self.agreed():
            ours, theirs = (
                self.ours.legal.tolist(),
                {self.ours_of[a]: a for a in self.theirs.legal_actions()},
            )
            action = self.random.choice(list(theirs) if by_them else ours)
            if action not in ours:
                return self.note(ENDED_BY_REPEATING, f"last {self.game.format(action)}")
            self.theirs.apply_action(theirs[action])
            play(self.ours, action)
            self.findings.plies += 1

    def agreed(self) -> bool:
        """Compare the two sides: True if they agree and the game goes on."""
        over = self.theirs.is_terminal()
        if over != (self.ours.outcome is not None):
            self.note("end", f"over there: {over}; our outcome: {self.ours.outcome}")
        elif over:
            self.compare_ends()
        elif self.theirs.current_player() != self.ours.mover:
            self.note(
                "mover",
                f"player {self.theirs.current_player()} moves there, player {self.ours.mover} with "
                "us",
            )
        else:
            return self.legal_moves_agree()
        return False

    def compare_ends(self) -> None:
        outcome, legal = self.theirs.returns()[0], self.ours.legal.tolist()
        if outcome != self.ours.outcome:
            self.note("outcome", f"{outcome} there, {self.ours.outcome} with us")
        if legal:
            self.note("legal moves", f"the game is over, and we have {self.names(legal)}")
        if self.is_go and not self.score_is_theirs():
            self.note("score", f"{self.ours.final()[1]} with us, another one there")

    def legal_moves_agree(self) -> bool:
        ours, theirs = self.ours.legal.tolist(), self.theirs.legal_actions()
        translated = sorted(self.ours_of[a] for a in theirs)
        if translated != ours and not self.differ_by_repeats(ours, theirs):
            self.note("legal moves", f"{self.names(translated)} there, {self.names(ours)} with us")
            return False
        return not self.is_go or self.probes_agree(set(ours), theirs)

    def differ_by_repeats(self, ours: list[int], theirs: list[int]) -> bool:
        """Whether their moves are ours and some that end Go there as a draw; these are noted."""
        shared = [a for a in theirs if self.ours_of[a] in ours]
        extra = [a for a in theirs if self.ours_of[a] not in ours]
        if sorted(self.ours_of[a] for a in shared) != ours or not all(
            self.recreates(a) for a in extra
        ):
            return False
        for action in extra:
            self.note(REPEATS, self.names([self.ours_of[action]]))
        return True

    def probes_agree(self, ours: set[int], theirs: list[int]) -> bool:
        """Some of our legal moves, tried there: none may recreate an earlier board."""
        for action in self.random.sample(theirs, min(PROBES, len(theirs))):
            if self.ours_of[action] in ours and self.recreates(action):
                self.note(
                    "legal moves",
                    f"{self.names([self.ours_of[action]])} recreates an earlier board",
                )
                return False
        return True

    def recreates(self, action: int) -> bool:
        """Whether this move of theirs is one that ends Go there as a draw."""
        child = self.theirs.child(action)
        return self.is_go and child.is_terminal() and child.returns()[0] == 0.0

    def score_is_theirs(self) -> bool:
        """Play the game there once more, with our area difference for komi: it has to be a draw."""
        area = self.ours.final()[1] + self.pair.options["komi"]
        state = komi_game(self.game.rows, area).new_initial_state()
        for action in self.theirs.history():
            state.apply_action(action)
        return state.is_terminal() and state.returns()[0] == 0.0

    def names(self, actions: list[int]) -> str:
        return (
            " ".join("?" if a == NO_ACTION else self.game.format(a) for a in actions) or "nothing"
        )


@cache
def komi_game(size: int, komi: float):
    return pyspiel.load_game("go", {"board_size": size, "komi": komi})


def play(position: Position, action: int) -> None:
    """Apply an action that is known to be legal, without asking for that again."""
    outcome = float(abi.call_play(position.game.rules, position.state, action))
    position.outcome = None if np.isnan(outcome) else outcome
    position.plies += 1


def compare(pair: Pair, indices: range, seed: int = 0) -> Findings:
    """The games of these indices; even ones are drawn from our legal moves, odd ones from
    theirs."""
    findings = Findings()
    for index in indices:
        Table(pair, Random(f"{pair.theirs} {seed} {index}"), findings).play(by_them=index % 2 == 1)
        findings.games += 1
    return findings


def portion(name: str, indices: range, seed: int) -> Findings:
    """`compare` for another process: names travel, functions inside a pair do not."""
    return compare(PAIRS[name], indices, seed)


def compare_all(name: str, count: int, seed: int, pool: ProcessPoolExecutor) -> Findings:
    """All games of a pair, a portion at a time."""
    total = Findings()
    portions = [range(first, min(first + PORTION, count)) for first in range(0, count, PORTION)]
    for findings in pool.map(portion, [name] * len(portions), portions, [seed] * len(portions)):
        total.add(findings)
    return total


def line(name: str, found: Findings) -> str:
    disagreements = sum(found.classes[what] for what in found.unexplained)
    counts = [f"{what}: {count:,}" for what, count in found.classes.items()]
    return "; ".join(
        [
            f"{name}: {found.games:,} games, {found.plies:,} plies, {disagreements:,} "
            "disagreements",
            *counts,
        ]
    )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Our rules against open_spiel's, move by move.")
    parser.add_argument(
        "names", nargs="*", metavar="GAME", help=f"default: all of {' '.join(PAIRS)}"
    )
    parser.add_argument("--games", type=int, default=10_000, help="random games of each")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in PAIRS]:
        parser.error(f"{unknown[0]!r} is not compared; compared are {' '.join(PAIRS)}")
    return asked


def main() -> int:
    asked, unexplained = options(), False
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool:
        for name in asked.names or PAIRS:
            found = compare_all(name, asked.games, asked.seed, pool)
            print(line(name, found), flush=True)
            for what in found.unexplained:
                print(f"  {what}: {found.examples[what]}", flush=True)
            unexplained |= bool(found.unexplained)
    return int(unexplained)


if __name__ == "__main__":
    sys.exit(main())
