"""Sessions of the Go Text Protocol without a controller, and the lines that they write."""

import re
from itertools import count

from selfplay.faces.engine_session import EngineSession
from selfplay.faces.gtp_commands import COMMANDS
from tests.faces.katago.talk import hashing


class Silent:
    """An inbox that nothing comes into before so many lines were asked for."""

    def __init__(self, lines: int = 1):
        self.left = lines

    def has_more(self) -> bool:
        return self.left <= 0

    def is_interrupted(self) -> bool:
        return False

    def wait(self) -> None:
        self.left = 0


def session_of(game, make_player=hashing) -> EngineSession:
    ticks = count()
    # seconds are looks at the clock: 2 ms each
    return EngineSession(game, make_player, Silent(), now=lambda: next(ticks) / 500)


def line_of(session: EngineSession, command: str) -> str:
    """The first line that an analysis command writes."""
    name, *words = command.split()
    session.inbox.left = 1
    found = COMMANDS[name](session, words)
    line = next(found)
    found.close()
    return line


def infos(line: str) -> dict[str, dict[str, str]]:
    """Move -> word -> what follows it, of a line of analysis; pv and its visits are whole."""
    found = {}
    for part in re.split(r"(?:^| )info ", line.partition(" rootInfo ")[0])[1:]:
        words = re.split(r" (pvEdgeVisits|pvVisits|pv) ", part)
        pairs = words[0].split(" ")
        found[pairs[1]] = dict(zip(pairs[::2], pairs[1::2])) | dict(zip(words[1::2], words[2::2]))
    return found
