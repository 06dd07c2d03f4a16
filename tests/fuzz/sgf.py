"""Fuzz of game records: `selfplay.faces.sgf.parse`, and writing and reading again what was read."""

import random
from pathlib import Path

from selfplay.faces import sgf
from tests.fuzz.kind import Kind, splice

DATA = Path(__file__).parent.parent / "data"
GAMES = {"1": (5, 9), "2": (8,), "4": (9,), "11": (5,)}  # GM -> sizes that are tried
WORDS = (
    "",
    "tt",
    "pass",
    "swap-pieces",
    "swap-sides",
    "resign",
    "a1",
    "i9",
    "aa:cc",
    "cc:aa",
    "zz",
    "[",
    "\\]",
    "a" * 400,
    "é",
)
PROPERTIES = (
    "AB",
    "AW",
    "AE",
    "PL",
    "KO",
    "C",
    "KM",
    "HA",
    "RE",
    "CA",
    "SZ",
    "GM",
    "MN",
    "B",
    "W",
    "RU",
    "XX",
    "ab",
)


def prepare(folder: Path) -> list[bytes]:
    """The records of the tests' data; their boards and those of GAMES are compiled by a first
    reading."""
    for number, sizes in GAMES.items():
        for size in sizes:
            sgf.parse(f"(;GM[{number}]SZ[{size}])".encode())
    return [path.read_bytes() for path in sorted(DATA.glob("*.sgf"))]


def mutate(context, random: random.Random) -> bytes:
    data = random.choice(context) if random.random() < 0.2 else grown(random)
    return splice(data, random) if random.random() < 0.3 else data


def grown(random: random.Random) -> bytes:
    """A record from a grammar: mostly moves of either colour, at times anything."""
    number = random.choice(list(GAMES))
    size = random.choice(GAMES[number])
    text = f"(;GM[{number}]FF[4]SZ[{size}]" + random.choice(
        ("", "KM[6.5]", "KM[375]", "RU[Japanese]", "HA[2]")
    )
    for _ in range(random.choice((0, 3, 20, 90))):
        text += ";" + "".join(node(size, random) for _ in range(random.choice((1, 1, 1, 2))))
    return (text + random.choice((")", ")", "", "(;B[aa])(;W[bb]))"))).encode("utf-8", "replace")


def node(size: int, random: random.Random) -> str:
    name = random.choice("BW") if random.random() < 0.85 else random.choice(PROPERTIES)
    return name + "".join(
        f"[{point(size, random)}]" for _ in range(1 if name in "BW" else random.randint(0, 3))
    )


def point(size: int, random: random.Random) -> str:
    if random.random() < 0.1:
        return random.choice(WORDS)
    return "".join(chr(ord("a") + random.randrange(size)) for _ in range(2))


def attempt(context, input: bytes) -> bool:
    try:
        record = sgf.parse(input)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000, (
            f"not one short line: {str(error)[:2000]}"
        )
        return False
    position = record.position()
    again = sgf.parse(sgf.serialise(record))
    assert again.position().key == position.key, "written and read again it is another position"
    return True


KIND = Kind(prepare, mutate, attempt)
