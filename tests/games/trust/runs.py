"""A run's game under another name, for the tests of what may run."""

import json
from pathlib import Path

import games
from selfplay.storage import checkpoint
from selfplay.storage.files import read_json, write_json

TICTACTOE = (
    Path(games.__file__)
    .with_name("tictactoe.py")
    .read_text()
    .replace('name="tictactoe"', 'name="mine"')
)


def make_it_name(run: Path, game: str, digest: str = "") -> None:
    """Let a run's configuration and checkpoints name that game, with right checksums."""
    text = (run / "config.toml").read_text().splitlines()
    kept = [line for line in text if not line.startswith(("game = ", "game_digest", "#"))]
    named = [f"game = {json.dumps(game)}"] + ([f'game_digest = "{digest}"'] if digest else [])
    (run / "config.toml").write_text("\n".join(named + kept) + "\n")
    for path in run.glob("checkpoints/*/checkpoint.json"):
        facts = read_json(path)
        facts["game"] = facts["config"]["game"] = game
        facts["config"]["game_digest"] = digest
        facts.pop("crc32")
        write_json(path, facts | {"crc32": checkpoint.checksum(facts)})
