"""open_spiel's random play and tree search, as benchmarks/peers/peers.py asks for them (see
benchmarks/peers/peer.py); runs in its own virtual environment and imports nothing of ours.

Random play: its Python package offers random games inside C++ in one place, the evaluator of its
tree search. A search of one simulation evaluates nothing but the root, by as many random games from
there as one likes: whole games without a step of Python. They are not counted there, so plies are
games times a mean length that is measured beforehand, by games played move by move in Python. The
speed of those is told too, because many people use the package that way.

Tree search: its `MCTSBot` in C++, one tree at a time (its only way), with PUCT and an evaluator
that costs nothing. Python cannot give it one: `pyspiel.Evaluator` cannot be derived from, and the
one that there is plays random games. But the wheel carries its headers and exports its C++, so
peer_open_spiel.cc adds such an evaluator; that takes a C++ compiler, `c++`. Its search asks a node
for its legal moves only when the node is visited a second time, and never writes a network's input;
with "input" the evaluator has every leaf's observation written, as any network's would. It asks
about one leaf at a time, so its trees stay in the processor's cache; a network would get batches of
one.
"""

import ctypes
import json
import random
import shutil
import subprocess
import sys
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

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
        self.setting = (
            f"games of {self.mean:.1f} +- {error:.1f} plies in C++; from Python {rate:,.0f} "
            "positions/s"
        )
        self.games = max(10, int(CALL_SECONDS * rate / self.mean))
        self.bot, self.root = self.searcher(), self.game.new_initial_state()

    def searcher(self):
        """A tree search of one simulation: `games` random games from the root (no memory limit, no
        solver, quiet)."""
        evaluator = pyspiel.RandomRolloutEvaluator(self.games, 1)
        return pyspiel.MCTSBot(self.game, evaluator, 1.0, 1, 0, False, 1, False)

    def run(self, seconds: float) -> tuple[float, float]:
        """(plies, seconds): at least one call."""
        begin, games = time.perf_counter(), 0
        while True:
            self.bot.step(self.root)
            games += self.games
            if (spent := time.perf_counter() - begin) >= seconds:
                return games * self.mean, spent


class Search:
    """Searches of a game's first position, one tree after the other."""

    def __init__(self, name: str, simulations: int, input: bool):
        self.simulations, self.library = simulations, library()
        # the root's evaluation is not one of ours
        self.arguments = (
            GAMES[name].encode(),
            simulations + 1,
            input,
        )
        self.setting = f"PUCT in C++, one tree at a time{', observations written' if input else ''}"
        self.searches = max(1, round(CALL_SECONDS / max(self.time(1), 1e-6)))  # a call

    def time(self, searches: int) -> float:
        begin = time.perf_counter()
        self.library.search(*self.arguments, searches)
        return time.perf_counter() - begin

    def run(self, seconds: float) -> tuple[int, float]:
        """(simulations, seconds): at least one call."""
        spent, searches = 0.0, 0
        while searches == 0 or spent < seconds:
            spent, searches = spent + self.time(self.searches), searches + self.searches
        return searches * self.simulations, spent


@cache
def library() -> ctypes.CDLL:
    """peer_open_spiel.cc, compiled and loaded beside the wheel's own library."""
    compiler = shutil.which("c++") or sys.exit("open_spiel's tree search needs a C++ compiler, c++")
    wheel = Path(pyspiel.__file__).parent
    includes = [
        wheel,
        wheel / "open_spiel" / "abseil-cpp",
        wheel / "open_spiel" / "json" / "include",
    ]
    with TemporaryDirectory() as folder:
        path = f"{folder}/search.so"
        command = [
            compiler,
            "-O3",
            "-std=c++17",
            "-shared",
            "-fPIC",
            *(f"-I{include}" for include in includes),
        ]
        subprocess.run([*command, "-o", path, str(Path(__file__).with_suffix(".cc"))], check=True)
        ctypes.CDLL(pyspiel.__file__, ctypes.RTLD_GLOBAL)
        loaded = ctypes.CDLL(path)
    loaded.search.restype = ctypes.c_long
    loaded.search.argtypes = ctypes.c_char_p, ctypes.c_int, ctypes.c_bool, ctypes.c_int
    return loaded


def prepared(request: dict, seconds: float):
    if request["what"] == "play":
        return Play(request["game"], max(2.0 * seconds, 0.2))
    return Search(request["game"], request["simulations"], request["input"])


def main() -> None:
    ready = {}
    hello = {
        "games": list(GAMES),
        "does": ["play", "search"],
        "version": f"open_spiel {version('open_spiel')}",
    }
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        seconds = request.pop("seconds")
        key = json.dumps(request)
        if key not in ready:
            ready[key] = prepared(request, seconds)
        count, spent = ready[key].run(seconds)
        print(
            json.dumps({"count": count, "seconds": spent, "setting": ready[key].setting}),
            flush=True,
        )


if __name__ == "__main__":
    main()
