"""Fuzz of the analysis engine: queries from a grammar with wrong values among the right ones, and
broken JSON."""

import io
import json
import random
import re
from types import SimpleNamespace

import games
from selfplay.faces import review
from selfplay.faces.katago import AnalysisServer
from selfplay.matches import players
from tests.fuzz.kind import Kind, splice

BOARDS = {"tictactoe": (3, 3), "connect4": (7, 6), "go5": (5, 5), "othello6": (6, 6)}
MOVES = (
    "a1",
    "b2",
    "C3",
    "c4",
    "1",
    "4",
    "pass",
    "PASS",
    "Z99",
    "(2,3)",
    "(-1,9)",
    "",
    "\0",
    "\u0416",
    "x" * 500,
)
STRANGE = (
    None, True, False, 0, 1, -1, 2.5, 1e300, 10**30, 10**400, "", "B", "nan", "inf", "9" * 500,
    "\n", [], [[]], {}, {"a": {}}, [1, 2], ["B", "a1"], [["B"]], [0], [10**10], "\ud7ff\u0000",
)  # fmt: skip
WAVES = 3000  # after which a query is terminated
UNEXPECTED = re.compile(r"^[A-Z]\w*(Error|Exception)\b")


def prepare(folder):
    """A desk for each game; searches are short, whatever is asked for."""
    review.TREE_EDGES = 1  # 1000 simulations a tree
    found = {}
    for name in BOARDS:
        game = games.load(name)
        found[name] = AnalysisServer(
            game, lambda wanted: players.create("mcts:4", wanted, seed=1), io.StringIO()
        )
    return SimpleNamespace(desks=found, names=list(BOARDS))


def mutate(context, random: random.Random) -> bytes:
    """NAME of a game, a space and a line."""
    name = random.choice(context.names)
    if random.random() < 0.03:
        opening = random.choice(("[", '{"a":'))
        line = opening * random.choice((10, 500, 3000, 30_000))
    else:
        line = json.dumps(action(random) if random.random() < 0.1 else query(name, random))
    data = line.encode("utf-8", "surrogatepass")
    return name.encode() + b" " + (splice(data, random) if random.random() < 0.25 else data)


def query(name: str, random: random.Random) -> dict:
    columns, rows = BOARDS[name]
    found = {
        "id": "q",
        "rules": "tromp-taylor",
        "boardXSize": columns,
        "boardYSize": rows,
        "maxVisits": 3,
    }
    found["moves"] = [pair(random) for _ in range(random.choice((0, 0, 1, 3)))]
    for field, make in random.sample(list(FIELDS.items()), random.randint(0, 4)):
        found[field] = make(random)
    if random.random() < 0.4:
        found[random.choice([*found, *FIELDS])] = random.choice(STRANGE)
    if random.random() < 0.05:
        del found[random.choice(list(found))]
    return found


def pair(random: random.Random) -> list:
    return [random.choice("BWbw"), random.choice(MOVES[:8] if random.random() < 0.8 else MOVES)]


def restriction(random: random.Random) -> list[dict]:
    moves = [random.choice(MOVES[:7]) for _ in range(random.randint(0, 3))]
    return [
        {
            "player": random.choice("BW"),
            "moves": moves,
            "untilDepth": random.choice((1, 2, 5, 10**12)),
        }
    ]


def settings(random: random.Random) -> dict:
    names = ("maxVisits", "maxTime", "reportAnalysisWinratesAs", "wideRootNoise", "x" * 50)
    values = (1, 5, "7", 0.01, "BLACK", "SIDETOMOVE", *STRANGE)
    return {random.choice(names): random.choice(values) for _ in range(2)}


FIELDS = {
    "komi": lambda random: random.choice((0, 6.5, 7, -3, 149.5)),
    "initialStones": lambda random: [pair(random) for _ in range(random.randint(0, 2))],
    "initialPlayer": lambda random: random.choice("BWx"),
    "analyzeTurns": lambda random: [random.randint(0, 3) for _ in range(random.randint(0, 4))],
    "priority": lambda random: random.choice((-5, 0, 7)),
    "priorities": lambda random: [random.randint(-3, 3) for _ in range(random.randint(0, 4))],
    "includePolicy": lambda random: random.random() < 0.5,
    "includeOwnership": lambda random: random.random() < 0.5,
    "includePVVisits": lambda random: random.random() < 0.5,
    "includeNoResultValue": lambda random: random.random() < 0.5,
    "analysisPVLen": lambda random: random.choice((1, 3, 1000)),
    "avoidMoves": restriction,
    "allowMoves": restriction,
    "overrideSettings": settings,
    "reportDuringSearchEvery": lambda random: random.choice((0.001, 1, 1000)),
    "firstReportDuringSearchAfter": lambda random: random.choice((0.001, 1)),
    "rootPolicyTemperature": lambda random: 1.5,
}


def action(random: random.Random) -> dict:
    names = ("query_version", "query_models", "clear_cache", "terminate", "terminate_all", "sing")
    found = {
        "id": "a",
        "action": random.choice((*names, *STRANGE)),
        "terminateId": random.choice(("q", "x")),
    }
    return (
        found | {"turnNumbers": random.choice(([0], [1, 2], *STRANGE))}
        if random.random() < 0.5
        else found
    )


def attempt(context, data: bytes) -> bool:
    name, _, line = data.partition(b" ")
    server = context.desks[name.decode()]
    server.take(line)
    for _ in range(WAVES):
        if not server.jobs:
            break
        server.work()
    server.take(b'{"id": "end", "action": "terminate_all"}')
    assert not server.jobs
    answers, server.said = [json.loads(text) for text in server.said], []
    errors = [answer["error"] for answer in answers if "error" in answer]
    for error in errors:
        assert len(error) <= 300 and "\n" not in error and not UNEXPECTED.match(error), error
    assert line.strip() == b"" or len(answers) > 1, "no answer"
    return not errors


KIND = Kind(prepare, mutate, attempt)
