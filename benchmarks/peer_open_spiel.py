"""open_spiel's random play, as benchmarks/peers.py asks for it; runs in its own virtual environment and imports nothing of
ours.

One request a line on standard input, one answer a line on standard output, all JSON (see benchmarks/peers.py).

Its Python package offers random games inside C++ in one place, the evaluator of its tree search. A search of one
simulation evaluates nothing but the root, by as many random games from there as one likes: whole games without a step of
Python. They are not counted there, so plies are games times a mean length that is measured beforehand, by games played
move by move in Python. The speed of those is told too, because many people use the package that way.
"""

import json
import random
import sys
import time
from importlib.metadata import version

import pyspiel

GAMES = {
    "connect4": "connect_four",
    "othello8": "othello",
    "hex11": "hex(board_size=11)",
    "gomoku15": "gomoku(size=15)",
    "breakthrough8": "breakthrough(rows=8,columns=8)",
    "go9": "go(board_size=9)",
    "go19": "go(board_size=19)",
}
CALL_SECONDS = 0.1  # of random games inside C++, about


def random_length(game) -> int:
    """Plies of one random game, move by move in Python."""
    state = game.new_initial_state()
    while not state.is_terminal():
        legal = state.legal_actions()
        state.apply_action(legal[int(random.random() * len(legal))])
    return state.move_number()


def lengths(game, seconds: float) -> tuple[list[int], float]:
    """(plies of each of many random games, seconds spent)."""
    begin, found = time.perf_counter(), []
    while len(found) < 20 or time.perf_counter() - begin < seconds:
        found.append(random_length(game))
    return found, time.perf_counter() - begin


class Play:
    """Random games of one kind inside C++, by the hundred or thousand."""

    def __init__(self, name: str, seconds: float):
        self.game = pyspiel.load_game(GAMES[name])
        found, spent = lengths(self.game, seconds)
        self.mean = sum(found) / len(found)
        error = (sum((n - self.mean) ** 2 for n in found) / len(found)) ** 0.5 / len(found) ** 0.5
        rate = sum(found) / spent
        self.setting = f"games of {self.mean:.1f} +- {error:.1f} plies in C++; from Python {rate:,.0f} positions/s"
        self.games = max(10, int(CALL_SECONDS * rate / self.mean))
        self.bot, self.root = self.searcher(), self.game.new_initial_state()

    def searcher(self):
        """A tree search of one simulation: `games` random games from the root (no memory limit, no solver, quiet)."""
        evaluator = pyspiel.RandomRolloutEvaluator(self.games, 1)
        return pyspiel.MCTSBot(self.game, evaluator, 1.0, 1, 0, False, 1, False)

    def run(self, seconds: float) -> tuple[float, float]:
        """(plies, seconds)."""
        begin, games = time.perf_counter(), 0
        while True:
            self.bot.step(self.root)
            games += self.games
            if (spent := time.perf_counter() - begin) >= seconds:
                return games * self.mean, spent


def main() -> None:
    plays: dict[str, Play] = {}
    print(json.dumps({"games": list(GAMES), "version": f"open_spiel {version('open_spiel')}"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        game, seconds = request["game"], request["seconds"]
        if game not in plays:
            plays[game] = Play(game, max(2.0 * seconds, 0.2))
        plies, spent = plays[game].run(seconds)
        print(json.dumps({"plies": plies, "seconds": spent, "setting": plays[game].setting}), flush=True)


if __name__ == "__main__":
    main()
