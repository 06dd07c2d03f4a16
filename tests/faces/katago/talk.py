"""Talking to the analysis engine in JSON lines, for the tests that do."""

import io
import json
import os

from selfplay.config import MatchConfig
from selfplay.faces.katago import serve
from selfplay.matches import players
from selfplay.matches.players import SearchPlayer
from selfplay.searching.reference import FakeNetwork

GO5 = {"rules": "tromp-taylor", "boardXSize": 5, "boardYSize": 5, "moves": []}
TICTACTOE = {"rules": "", "boardXSize": 3, "boardYSize": 3, "moves": []}
ENDED = [["B", "pass"], ["W", "pass"]]


class Output(io.StringIO):
    """What the engine says; `then` is sent behind the first line that has the text `on`, and the
    input ends."""

    def __init__(self, pipe: int, on: str, then: bytes):
        super().__init__()
        self.pipe, self.on, self.then = pipe, on, then

    def write(self, text: str) -> int:
        if self.on and self.on in text:
            self.on = ""
            os.write(self.pipe, self.then)
            os.close(self.pipe)
        return super().write(text)


def lines(*queries: dict) -> bytes:
    return "".join(json.dumps(query) + "\n" for query in queries).encode()


def ask(game, *queries: dict, player="mcts:30", on="", then=(), is_patient=True) -> list[dict]:
    """Everything that is answered, in order."""
    reading, writing = os.pipe()
    os.write(writing, lines(*queries))
    output = Output(writing, on, lines(*then))
    if not on:
        os.close(writing)
    make_player = (
        player if callable(player) else lambda wanted: players.create(player, wanted, seed=1)
    )
    serve(game, make_player, reading, output, is_patient)
    os.close(reading)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def only(answers: list[dict]) -> dict:
    (answer,) = [answer for answer in answers if "warning" not in answer]
    return answer


def hashing(game) -> SearchPlayer:
    """A player whose network's answers are hashes of what it sees."""
    return SearchPlayer.of("hash", game, FakeNetwork(game.actions), MatchConfig(kind="puct"), 30)
