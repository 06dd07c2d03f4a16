"""Players' names, the same everywhere: `random`, `mcts:1000`, `solver`, a checkpoint or run,
`PATH@64`, `PATH@0`, or an outside engine, `gtp:COMMAND`. Where simulations stand there may be a
time: `PATH@0.5s`, `mcts:0.5s`.

A name is parsed once; `selfplay.matches.players` makes the player from what it says.
"""

from dataclasses import dataclass
from pathlib import Path

import games
from games.game import Game
from games.quoting import quoted
from selfplay import config
from selfplay.network.weights import shape_for
from selfplay.searching.time_control import parse_seconds
from selfplay.storage import checkpoint
from selfplay.storage.checkpoint import Checkpoint

MOST_SIMULATIONS = 10_000_000
LONGEST_MOVE = 24 * 3600.0  # seconds that a player's name may ask for
SHOWN = 200  # characters of a player's name in a message: a whole path, mostly
PLAYER_FORMS = (
    "random, mcts:SIMULATIONS, solver, CHECKPOINT[@SIMULATIONS], RUN[@SIMULATIONS] or gtp:COMMAND; "
    "@0.5s: by time"
)


@dataclass(frozen=True)
class SearchBudget:
    """How much a player searches for a move: simulations, or seconds, or what its configuration
    says."""

    simulations: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        return (
            f"{self.simulations} simulations"
            if self.seconds is None
            else f"{self.seconds:g} s a move"
        )


@dataclass(frozen=True)
class PlayerName:
    """A player's name, parsed."""

    text: str
    kind: str  # "random", "solver", "mcts", "gtp" or "network"
    budget: SearchBudget = SearchBudget()
    checkpoint: Checkpoint | None = None  # where its network is stored, if it has one

    def game(self, asked: Game | None = None) -> Game | None:
        """The game of a network, with the options it was trained with; None for players of any
        game. `asked` is the game that the user named: it stands in for a file of their own that the
        run names."""
        if self.checkpoint is None:
            return None
        settings = self.checkpoint.config
        if asked is not None and asked.source is not None and games.is_own(settings.game):
            return asked.with_options(**settings.options)
        return config.game_of(settings)

    def check_game(self, game: Game) -> None:
        """ValueError if a network is of another game, or of another shape than the game wants. For
        a game of the user's own their word counts, where the file that the network was trained with
        is not there or may not run."""
        if self.checkpoint is None:
            return
        settings = self.checkpoint.config
        try:
            name = self._trained_game(game).name
        except ValueError:
            if game.source is None:
                raise
            name = game.name
        if name != game.name:
            raise ValueError(f"{self.text!r} plays {name}, not {game.name}")
        if self.checkpoint.shape != shape_for(game, settings.network, settings.learner):
            raise ValueError(
                f"{quoted(self.text, SHOWN)} has a network of another shape than {game.name} wants "
                "now"
            )

    def _trained_game(self, asked: Game) -> Game:
        settings = self.checkpoint.config
        is_asked = asked.source is not None and asked.source.digest == settings.game_digest
        return asked if is_asked else config.game_of(settings)


def parse_name(text: str) -> PlayerName:
    """ValueError with one line for a name that means nothing."""
    if text in ("random", "solver"):
        return PlayerName(text, text)
    kind, colon, rest = text.partition(":")
    if colon and kind == "gtp":
        return PlayerName(text, kind)
    if colon and kind == "mcts":
        return PlayerName(text, kind, parse_budget(text, rest))
    path, at, word = text.rpartition("@")
    try:
        if not at or Path(text).exists():
            path, word = text, None
        found = checkpoint.find(path)
        return PlayerName(
            text, "network", SearchBudget() if word is None else parse_budget(text, word), found
        )
    except checkpoint.DamagedFile:
        raise
    except OSError:  # a name that no file can have
        raise unknown(text) from None
    except ValueError as error:
        if "neither" in str(error):
            raise unknown(text) from None
        raise


def unknown(text: str) -> ValueError:
    return ValueError(f"unknown player {quoted(text, SHOWN)}; players are {PLAYER_FORMS}")


def parse_budget(text: str, word: str) -> SearchBudget:
    """Simulations, or time, a move."""
    if word.isascii() and word.isdigit():
        return SearchBudget(simulations=parse_count(text, word))
    try:
        seconds = parse_seconds(word)
    except ValueError:
        what = (
            "time: a number and ms, s, m or h is one"
            if word[:1].isdigit()
            else "number of simulations, or time"
        )
        raise ValueError(
            f"player {quoted(text)}: {quoted(word, 20)} is no {what}, such as 0.5s"
        ) from None
    if seconds > LONGEST_MOVE:
        raise ValueError(f"player {quoted(text)}: at most {LONGEST_MOVE / 3600:g}h a move")
    return SearchBudget(seconds=seconds)


def parse_count(text: str, count: str) -> int:
    digits = count.lstrip("0")
    if text.startswith("mcts:") and not digits:
        raise ValueError(f"player {quoted(text)}: {quoted(count, 20)} is no number of simulations")
    if len(digits) > len(str(MOST_SIMULATIONS)) or int(digits or 0) > MOST_SIMULATIONS:
        raise ValueError(f"player {quoted(text)}: at most {MOST_SIMULATIONS:,} simulations a move")
    return int(digits or 0)
