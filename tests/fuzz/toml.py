"""Fuzz of configuration files and of --set: `selfplay.config.load`."""

import random
from pathlib import Path

from selfplay import config, config_file
from tests.fuzz.kind import Kind, splice

VALUES = (
    "0", "-1", "1e400", "nan", "-inf", "true", '"text"', "[]", "[1, 2]", "[[1]]", "{}", "{ a = 1 }",
    "9" * 400, "1979-05-27", "0x7fffffffffffffff", "9223372036854775808", '"\\ud800"',
    '"""' + "x" * 5000 + '"""', "1_000", "0.5", "'a", "[" * 300,
)  # fmt: skip
KEYS = (
    "game",
    "options.komi",
    "options",
    "search",
    "search.simulations",
    "learner.learning_rate.x",
    "network.device",
    "",
    ".",
    "a.b.c",
)


def prepare(folder: Path) -> tuple[Path, list[bytes]]:
    presets = [
        (config_file.PRESETS / f"{name}.toml").read_bytes() for name in config_file.presets()
    ]
    full = config_file.dump(config_file.load("dummy")).encode()
    return folder / "a.toml", [*presets, full]


def mutate(context, random: random.Random) -> tuple[bytes, list[str]]:
    """(a file's bytes, --set's words)."""
    _, sources = context
    data, changes = random.choice(sources), []
    if random.random() < 0.4:
        data = splice(data, random)
    if random.random() < 0.4:
        lines = data.split(b"\n")
        index = random.randrange(len(lines))
        key, equals, _ = lines[index].partition(b"=")
        lines[index] = (
            key + equals + random.choice(VALUES).encode("utf-8", "surrogatepass")
            if equals
            else b"[" + key
        )
        data = b"\n".join(lines)
    if random.random() < 0.3:
        key, equals = random.choice((*KEYS, *keys())), random.choice(("=", "==", "", " = "))
        changes = [f"{key}{equals}{random.choice(VALUES)}"]
    if random.random() < 0.1:
        data = (
            random.choice(
                (
                    b"\xef\xbb\xbf",
                    b"\xff\xfe",
                    b"\x00",
                    b"a." * 5000 + b"a=1\n",
                    b"a=" + b"{a=" * 800,
                )
            )
            + data
        )
    return data, changes


def keys() -> list[str]:
    """Every key of a section, such as learner.learning_rate."""
    return [
        f"{section}.{key}"
        for section, values in SECTIONS.items()
        if isinstance(values, dict)
        for key in values
    ]


SECTIONS = config.msgspec.to_builtins(config.RunConfig(game="tictactoe"))


def attempt(context, input: tuple[bytes, list[str]]) -> bool:
    path, _ = context
    path.write_bytes(input[0])
    try:
        found = config_file.load(str(path), input[1])
        config.game_of(found)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000, (
            f"not one short line: {str(error)[:2000]}"
        )
        return False
    assert config_file.parse(config_file.dump(found)) == found
    return True


KIND = Kind(prepare, mutate, attempt)
