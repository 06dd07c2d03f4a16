"""Talking to the Go Text Protocol's server, for the tests that do."""

import io
import os

from selfplay.faces.gtp import serve
from selfplay.matches import players
from tests.faces.sitting import Parrot

COMMANDS = [
    "list_commands",
    "protocol_version",
    "name",
    "version",
    "boardsize",
    "komi",
    "clear_board",
    "play",
    "genmove",
    "undo",
    "showboard",
    "final_score",
    "final_status_list",
    "time_settings",
    "time_left",
    "kgs-time_settings",
    "kata-time_settings",
    "kata-list_time_settings",
    "kata-get-param",
    "kata-set-param",
    "kata-list-params",
    "stop",
    "fixed_handicap",
    "place_free_handicap",
    "set_free_handicap",
    "loadsgf",
    "reg_genmove",
    "known_command",
    "quit",
    "lz-analyze",
    "kata-analyze",
]


class Output(io.StringIO):
    """What the server says; after so many lines of analysis the next commands are sent."""

    def __init__(self, pipe: int, then: bytes, lines: int):
        super().__init__()
        self.pipe, self.then, self.left = pipe, then, lines

    def write(self, text: str) -> int:
        self.left -= text.startswith("info")
        if self.left == 0 and text.startswith("info"):
            os.write(self.pipe, self.then)
            os.close(self.pipe)
        return super().write(text)


def talk(
    game, commands, make_player=Parrot, then=None, lines=3, may_resign=False, ponders=False
) -> str:
    """What the server said to these commands; with `then`, more commands come after some lines of
    analysis."""
    reading, writing = os.pipe()
    data = commands if isinstance(commands, bytes) else commands.encode()
    os.write(writing, data)
    output = Output(writing, (then or "").encode(), lines if then else 0)
    if then is None:
        os.close(writing)
    serve(game, make_player, reading, output, may_resign, ponders)
    os.close(reading)
    return output.getvalue()


def answers(game, *commands, **options) -> list[str]:
    """The answers of each command, without the empty line behind them."""
    said = talk(game, "\n".join(commands) + "\n", **options)
    assert said.endswith("\n\n")
    return said[:-2].split("\n\n")


def named(name):
    return lambda game: players.create(name, game, seed=1)
