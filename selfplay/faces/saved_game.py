"""Games on disk that people save and go on with: an .sgf, or JSON with a plain game's moves."""

from pathlib import Path

from games.game import Game
from selfplay.faces import sgf
from selfplay.faces.game_record import Record, plain
from selfplay.storage.files import DamagedFile, read_json, write_json

SAVED_FORMAT = "selfplay-game-1"
SGF = ".sgf"


def save_record(path: str, record: Record) -> None:
    """Write a record with its players' names. ValueError if the format cannot hold it, OSError if
    the file cannot be written."""
    if path.lower().endswith(SGF):
        return sgf.write(path, record)
    if not record.is_plain:
        raise ValueError("this game has stones, options or turns of its own; save it as FILE.sgf")
    game = record.game
    moves = [game.format(move) for move in record.moves]
    saved = {
        "format": SAVED_FORMAT,
        "game": game.name,
        "players": list(record.names),
        "moves": moves,
    }
    write_json(Path(path), saved)


def load_record(path: str, game: Game) -> Record:
    """The record of a saved game or an .sgf. DamagedFile with one line for anything else."""
    if path.lower().endswith(SGF):
        return sgf.read(path, game)
    return plain(game, load_moves(path, game))


def load_moves(path: str, game: Game) -> list[int]:
    """The moves of a saved game of this very game. DamagedFile with one line for anything else."""
    saved = read_json(Path(path))
    if saved.get("format") != SAVED_FORMAT or not isinstance(saved.get("moves"), list):
        raise DamagedFile(f"{path} is no saved game")
    if saved.get("game") != game.name:
        raise DamagedFile(f"{path} is a game of {saved.get('game')}, not {game.name}")
    try:
        return parse_moves(" ".join(map(str, saved["moves"])), game)
    except ValueError as error:
        raise DamagedFile(f"{path} is damaged: {error}") from None


def parse_moves(text: str, game: Game) -> list[int]:
    """Moves in the game's notation, separated by spaces, from the start. ValueError names the first
    that is not legal."""
    position, moves = game.start(), []
    for ply, word in enumerate(text.split()):
        try:
            moves.append(game.parse(word))
            position.play(moves[-1])
        except ValueError:
            raise ValueError(f"move {ply + 1}, {word!r}, is not legal") from None
    return moves
