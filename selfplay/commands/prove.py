"""What `selfplay check` proves of a game: the laws of its rules, and that the compiled search plays
it as the slow one does; and how fast its rules are.

All of it happens in a process of its own (`prove`), because wrong rules can end the process that
they run in.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

import games
from games import own
from games.game import Game, Position
from games.guards import FEW, LOOKING, MANY, MEMORY, RAISES, find_harm
from games.laws import LAWS, Sample, Violation, sample_games, told
from games.laws import check as check_laws
from games.quoting import shown
from native.machine.random import seeds
from native.playout import random_games
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay.searching.reference import FakeNetwork, Search
from selfplay.searching.searcher import Searcher

SEARCH_LAW = "the compiled search visits what the slow reference visits"
POSITIONS, SIMULATIONS = 12, 40
SEARCHES = (SearchParams(GUMBEL, gumbel_scale=0.0), SearchParams(PUCT))
CHILD = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from selfplay.commands.prove import answer_task; answer_task()"
)
LOADING = "loading the game"  # what is noted first


class Proof(NamedTuple):
    """What was found out about a game. `untried` laws rest on broken ones."""

    name: str
    violations: list[Violation]
    untried: list[str]
    speed: tuple[float, float] | None = None  # positions a second of random play, and plies a game


def laws() -> list[str]:
    """Everything that is proved, a sentence each."""
    return [MEMORY, RAISES, LOOKING, *LAWS, SEARCH_LAW]


def prove(name: str, num_games: int, seed: int, source: own.Source | None = None) -> Proof:
    """Prove a game that the user names, in another process; `source` is the file of a game of their
    own. ValueError with one line if there is no such game."""
    asked = {"name": name, "path": source and source.path, "games": num_games, "seed": seed}
    command = [sys.executable, "-c", CHILD, *sys.path]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        said, _ = child.communicate(
            json.dumps(asked).encode() + b"\n" + (source.text if source else b"")
        )
    finally:
        child.kill()
        child.wait()
    *notes, last = said.decode("utf-8", "replace").splitlines() or [LOADING]
    if child.returncode == 0 and last.startswith("{"):
        return understood(json.loads(last))
    return crashed(name, last, child.returncode)


def tried_game(name: str) -> Game:
    """The game that the user names in a command. A file of their own is tried out first, and may
    run in later commands too. ValueError with one line if there is no such game."""
    if games.is_own(name):
        try_out(own.read(name))
    return games.remember(games.load(name))


def try_out(source: own.Source) -> None:
    """Try the rules of a file that the user names in another process, before they are used in this
    one; once for a file. ValueError with one line if they harm the process that they run in."""
    if own.was_tried(source):
        return
    for violation in prove(source.path, 0, 0, source).violations:
        raise ValueError(own.breaks(source, violation))
    own.note_tried(source)


def understood(answer: dict) -> Proof:
    if "error" in answer:
        raise ValueError(answer["error"])
    violations = [Violation(*pair) for pair in answer["violations"]]
    return Proof(
        answer["name"], violations, answer["untried"], answer["speed"] and tuple(answer["speed"])
    )


def crashed(name: str, last: str, code: int) -> Proof:
    """The other process ended before it had answered, while it did what it noted last."""
    end = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    if last == LOADING:
        raise ValueError(f"{shown(name)}: the file ends the program that loads it ({end})")
    law = last if last in laws() else MEMORY
    what = "the process" if last in laws() else last
    return Proof(
        shown(name),
        [Violation(law, f"{what} crashed ({end})")],
        [one for one in laws() if one != law],
    )


def answer_task() -> None:
    """The other process: takes its task from standard input, and writes there what it does, a line
    each, and its answer. What a game prints goes nowhere."""
    # Ctrl-C ends the process that asked, which ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    asked = json.loads(sys.stdin.buffer.readline())
    text = sys.stdin.buffer.read()

    def note(what: str) -> None:
        os.write(out, f"{what}\n".encode())

    note(LOADING)
    try:
        found = found_out(asked, text, note)
    except ValueError as error:
        found = {"error": str(error)}
    with open(out, "w", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")


def found_out(asked: dict, text: bytes, note: Callable[[str], None]) -> dict:
    if asked["path"] is None:
        game = games.load(asked["name"])
    else:
        game = own.run(own.Source(asked["path"], text), is_proved=True)
    if not asked["games"]:  # to be tried out, not proved
        harm = find_harm(game, FEW, asked["seed"], note)
        return {
            "name": game.name,
            "violations": [[harm.law, harm.explanation]] if harm else [],
            "untried": [],
            "speed": None,
        }
    found = violations(game, asked["games"], asked["seed"], note)
    broken = {violation.law for violation in found}
    untried = [
        law
        for law in laws()
        if found and (law == SEARCH_LAW or broken & {MEMORY, RAISES, LOOKING}) and law not in broken
    ]
    speed = None if found else random_play(game, 0.5)
    return {
        "name": game.name,
        "violations": [[v.law, v.explanation] for v in found],
        "untried": untried,
        "speed": speed,
    }


def violations(
    game: Game, num_games: int, seed: int, note: Callable[[str], None] = lambda what: None
) -> list[Violation]:
    """What does not hold, each with the moves and the position. The search is tried only on rules
    that keep the laws, and the laws only where the rules write into their own memory."""
    if (harm := find_harm(game, MANY, seed, note)) is not None:
        return [harm]
    if found := check_laws(game, num_games, seed, note=note):
        return found
    note(SEARCH_LAW)
    return [Violation(SEARCH_LAW, explanation) for explanation in search_differences(game, seed)]


def search_differences(game: Game, seed: int) -> Iterator[str]:
    """Positions on which the compiled search and the reference disagree, for each kind of
    search."""
    samples = [
        s for s in sample_games(game, 4, np.random.default_rng(seed)) if s.position.outcome is None
    ]
    step = max(1, len(samples) // POSITIONS)
    for settings in SEARCHES:
        for sample in samples[::step]:
            if difference := search_difference(game, sample, settings):
                yield difference
                break


def search_difference(game: Game, sample: Sample, settings: SearchParams) -> str | None:
    network, position = FakeNetwork(game.actions), sample.position
    searcher = Searcher(game, network, settings, SIMULATIONS, games=1)
    searcher.search(position.state[None])
    actions, visits, *_ = searcher.root()
    twin = Search(Position(game, position.state.copy()), network, settings, SIMULATIONS).run()
    expected = [twin.root.edges[int(action)].visits for action in actions]
    if visits.tolist() == expected:
        return None
    return f"visits {visits.tolist()}, expected {expected} {told(game, sample)}"


def random_play(game: Game, seconds: float) -> tuple[float, float]:
    """(positions a second of uniformly random legal play on one core, mean length of a game)."""
    state, actions = game.start_state(), np.zeros(game.actions + 1, np.int32)
    values, random_state = game.option_values(), seeds(1, 1)[0]
    # games a call: enough that Python's part does not count
    batch = max(1, 20_000 // game.max_plies)
    begin, plies, played = time.perf_counter(), 0, 0
    while time.perf_counter() - begin < seconds:
        plies += random_games(game.rules, values, state, random_state, actions, batch)
        played += batch
    return plies / (time.perf_counter() - begin), plies / played
