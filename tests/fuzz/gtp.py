"""Fuzz of the Go Text Protocol: sequences of commands on several games, from a grammar and by
mutation, to one table."""

import io
import random
import re

import games
from selfplay.faces.gtp import LONGEST_COMMAND, EngineSession, answer, parse_command
from selfplay.faces.gtp_commands import COMMANDS
from selfplay.matches import players
from tests.fuzz.kind import Kind, splice

GAMES = ("tictactoe", "go5", "othello6", "hex5", "connect4")
PLAYERS = ("random", "mcts:4")
SENDS = (
    "play",
    "genmove",
    "undo",
    "komi",
    "boardsize",
    "kata-analyze",
    "lz-analyze",
    "kata-genmove_analyze",
)
WORDS = (
    "b", "w", "B", "white", "green", "pass", "PASS", "resign", "a1", "C3", "b2", "d4", "i1",
    "a1:c3", "a1,b2", "Z99", "5", "7", "1", "2", "30", "0", "-1", "1.5", "6.5", "1e400", "nan",
    "inf", "-", "9" * 400, "1_0", "\u0663", "\u0416", "true", "false", "avoid", "allow", "interval",
    "minmoves", "maxmoves", "rootInfo", "ownership", "pvVisits", "pvEdgeVisits", "alive", "none",
    "absolute", "byoyomi", "canadian", "fischer", "fischer-capped", "maxTime", "ponderingEnabled",
    "x" * 300, "# not read", "\t", "\x00", "\r", "\ufeff", "name", "quit",
)  # fmt: skip
ANSWER = re.compile(r"[=?][0-9]*( .*)?(\n.+)*\n\n")
UNEXPECTED = re.compile(r"^\?[0-9]* [A-Z]\w*(Error|Exception)\b", re.MULTILINE)


class Impatient:
    """An inbox into which something comes as soon as a command's analysis has looked once, and
    stays."""

    def __init__(self):
        self.looks = 0

    def has_more(self) -> bool:
        self.looks += 1
        return self.looks > 1

    def is_interrupted(self) -> bool:
        return False

    def wait(self) -> None:
        pass


def prepare(folder):
    """The games by name. Each of them is played once, so that nothing is compiled while an attempt
    is timed."""
    context = {name: games.load(name) for name in GAMES}
    for head in (*(f"{name} mcts:4" for name in GAMES), "tictactoe solver"):
        attempt(context, f"{head}\nkata-analyze b 1\ngenmove b\ngenmove w".encode())
    return context


def mutate(context, random: random.Random) -> bytes:
    """GAME PLAYER, then a command a line."""
    game = random.choice(GAMES)
    # others take it minutes
    player = random.choice((*PLAYERS, "solver") if game == "tictactoe" else PLAYERS)
    lines = [f"{game} {player}".encode()]
    for _ in range(random.choice((1, 5, 20))):
        line = command(random).encode()
        lines.append(splice(line, random) if random.random() < 0.15 else line)
    return b"\n".join(lines)


def command(random: random.Random) -> str:
    name = random.choice(SENDS) if random.random() < 0.6 else random.choice([*COMMANDS, "nonsense"])
    if name in ("play", "genmove") and random.random() < 0.7:
        return (
            f"{name} {random.choice('bw')} "
            f"{random.choice(('a1', 'b2', 'c3', 'd4', 'a5', '4', '2', 'pass'))}"
        )
    if name.endswith("analyze") and random.random() < 0.7:
        return f"{name} {random.choice('bw')} {' '.join(analysis_words(random))}"
    words = " ".join(random.choice(WORDS) for _ in range(random.choice((0, 1, 2, 3, 6))))
    return f"{random.choice(('', '', '7 ', '007 '))}{name} {words}"


def analysis_words(random: random.Random):
    for _ in range(random.randint(0, 3)):
        moves = ",".join(
            random.choice(("a1", "b2", "c3", "pass", "a1:b2", "4"))
            for _ in range(random.randint(1, 3))
        )
        yield random.choice(
            (
                f"{random.choice(('avoid', 'allow'))} {random.choice('bw')} {moves} "
                f"{random.choice((1, 2, 3, 50, 0))}",
                f"{random.choice(('interval', 'minmoves', 'maxmoves'))} "
                f"{random.choice((0, 1, 5, 50))}",
                f"{random.choice(('rootInfo', 'ownership', 'pvVisits'))} "
                f"{random.choice(('true', 'false', ''))}",
            )
        )


def attempt(context, data: bytes) -> bool:
    head, *lines = data.split(b"\n")
    game, player = head.decode().split()
    inbox, output = Impatient(), io.StringIO()
    session = EngineSession(
        context[game], lambda wanted: players.create(player, wanted, seed=1), inbox
    )
    for line in lines:
        inbox.looks = 0
        if (command := parse_command(line)) is not None:
            answer(session, command, output, len(line) > LONGEST_COMMAND)
    text = output.getvalue()
    assert "".join(found[0] for found in ANSWER.finditer(text)) == text, (
        "an answer is not of the protocol's form"
    )
    assert not UNEXPECTED.search(text), UNEXPECTED.search(text)[0]
    return "=" in {part[:1] for part in text.split("\n\n")}


KIND = Kind(prepare, mutate, attempt)
