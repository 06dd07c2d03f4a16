"""Game records: what self-play hands over. Kilobytes a game, no planes; positions are played again
when rows are drawn.

Axes: G games, M moves of all games, E policy entries of all moves.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from games.game import Game
from native.episodes import DONE, OPENING, SEARCHED, Records, release
from native.rows import GameBatch
from selfplay.storage.arrays import read_arrays, write_arrays
from selfplay.storage.files import DamagedFile
from selfplay.storage.shard_check import check_games, check_header

# generation, and the part's number
SHARD = re.compile(r"([0-9]{4,7})(?:-([0-9]{5,9}))?\.safetensors")


class Games(NamedTuple):
    """Finished games, ragged arrays flattened. All values belong to the first player."""

    first_move: np.ndarray  # i64[G + 1]
    outcome: np.ndarray  # f32[G], NaN if nobody played the game on
    options: np.ndarray  # f64[G, K]
    seed: np.ndarray  # u64[G, 2], the random state from which the game was played
    generation: np.ndarray  # i32[G], of the network that played it to its end
    action: np.ndarray  # u16[M]
    origin: np.ndarray  # u8[M], native.episodes.OPENING, SEARCHED or DECIDED
    value: np.ndarray  # f32[M], the search's
    network_value: np.ndarray  # f32[M]
    first_entry: np.ndarray  # i64[M + 1]
    policy_action: np.ndarray  # u16[E]
    policy: np.ndarray  # f32[E], the search's, zeros left out

    @property
    def count(self) -> int:
        return len(self.outcome)

    @property
    def rows(self) -> int:
        """Moves that were searched with full weight: what is learned from first of all."""
        return int(np.count_nonzero(self.origin == SEARCHED))

    def moves(self) -> GameBatch:
        """What kernels are given: arrays that can be written, as kernels are compiled for those
        alone. Copies those that cannot, such as arrays from Ray's shared memory."""
        return GameBatch(
            *(np.require(getattr(self, name), requirements="CAW") for name in GameBatch._fields)
        )

    def part(self, first: int) -> "Games":
        """The games from the index `first` on; a view where nothing has to be counted anew."""
        move = self.first_move[first]
        entry = self.first_entry[move]
        by_game = {
            name: getattr(self, name)[first:]
            for name in ("outcome", "options", "seed", "generation")
        }
        by_move = {
            name: getattr(self, name)[move:]
            for name in ("action", "origin", "value", "network_value")
        }
        return Games(
            first_move=self.first_move[first:] - move,
            first_entry=self.first_entry[move:] - entry,
            policy_action=self.policy_action[entry:],
            policy=self.policy[entry:],
            **by_game,
            **by_move,
        )

    def sequences(self) -> list[tuple[int, ...]]:
        """Each game's actions."""
        return [tuple(part) for part in np.split(self.action, self.first_move[1:-1])]


def take_finished(records: Records, options: np.ndarray, generation: int) -> Games:
    """Read the finished slots of an actor's records and give them back."""
    slots = records.done[: records.counts[DONE]]
    lengths = records.length[slots].astype(np.int64)
    played = np.arange(records.action.shape[1])[None, :] < lengths[:, None]  # [G, T]
    # [M, A]
    policies = records.policy[slots][played] * (records.origin[slots][played] != OPENING)[:, None]
    move, action = np.nonzero(policies)
    games = Games(
        first_move=np.concatenate([[0], np.cumsum(lengths)]),
        outcome=records.outcome[slots].copy(),
        options=np.repeat(options[None, :], len(slots), 0),
        seed=records.seed[slots].copy(),
        generation=np.full(len(slots), generation, np.int32),
        action=records.action[slots][played].astype(np.uint16),
        origin=records.origin[slots][played],
        value=records.value[slots][played],
        network_value=records.network_value[slots][played],
        first_entry=np.concatenate(
            [[0], np.cumsum(np.bincount(move, minlength=len(policies)))]
        ).astype(np.int64),
        policy_action=action.astype(np.uint16),
        policy=policies[move, action],
    )
    release(records)
    return games


def concatenate(parts: list[Games]) -> Games:
    """One record of all the parts' games, in order; needs at least one part."""
    if len(parts) == 1:
        return parts[0]
    fields = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in Games._fields
    }
    fields["first_move"] = _join_offsets([part.first_move for part in parts])
    fields["first_entry"] = _join_offsets([part.first_entry for part in parts])
    return Games(**fields)


def _join_offsets(offsets: list[np.ndarray]) -> np.ndarray:
    """[0, 2, 5] and [0, 3] -> [0, 2, 5, 8]."""
    ends = np.cumsum([part[-1] for part in offsets])
    shifts = np.concatenate([[0], ends[:-1]])
    return np.concatenate(
        [[0], *(part[1:] + shift for part, shift in zip(offsets, shifts))]
    ).astype(np.int64)


class Shards:
    """A folder of game records: parts `0003-00012` while generation 3 is played, one `0003` once it
    is complete.

    What is read from disk is checked by the rules of `game`; without one only as far as no rules
    are needed, which is enough to count games and not to play them again.
    """

    def __init__(self, folder: Path, game: Game | None = None):
        self.folder, self.game = folder, game

    def add(self, generation: int, games: Games) -> Path:
        """Write a part; the games are safe when this returns."""
        path = self.folder / shard_name(generation, self._next_serial(generation))
        self._write(path, games)
        return path

    def seal(self, generation: int, games: Games | None = None) -> None:
        """Merge the parts of a generation, which hold these games, into one shard. Killed in
        between, `load` sees either, never both."""
        parts = self._parts(generation)
        if parts and (games := games or self.load(generation)) is not None:
            self._write(self._sealed(generation), games)
            for path in parts:
                path.unlink()

    def load(self, generation: int, on_damage: Callable[[str], None] | None = None) -> Games | None:
        """A generation's games, or None; damaged shards are passed to `on_damage(message)` and left
        out."""
        sealed = self._sealed(generation)
        games = self._read([sealed], on_damage) if sealed.exists() else None
        return games or self._read(self._parts(generation), on_damage)

    def _write(self, path: Path, games: Games) -> None:
        write_arrays(path, games._asdict(), {"game": self.game.name} if self.game else None)

    def _read(self, paths: list[Path], on_damage: Callable[[str], None] | None) -> Games | None:
        parts = []
        for path in paths:
            try:
                parts.append(read_games(path, self.game))
            except DamagedFile as error:
                if on_damage:
                    on_damage(f"skipped: {error}")
        return concatenate(parts) if parts else None

    def counts(self) -> tuple[int, int]:
        """(generations that are complete, parts of the one in progress): no two moments of a run
        have the same."""
        serials = [serial for _, serial, _ in self._all()]
        return sum(serial is None for serial in serials), sum(
            serial is not None for serial in serials
        )

    def drop_after(self, generation: int) -> None:
        """Forget shards of later generations than this one."""
        for found, _, path in self._all():
            if found > generation:
                path.unlink()

    def _all(self) -> list[tuple[int, int | None, Path]]:
        """(generation, the part's number or None, path) of each file that has a shard's name."""
        return [
            (*named, path)
            for path in self.folder.glob("*.safetensors")
            if (named := named_shard(path.name))
        ]

    def _sealed(self, generation: int) -> Path:
        return self.folder / shard_name(generation)

    def _parts(self, generation: int) -> list[Path]:
        """In the order in which they were written."""
        found = [(n, path) for g, n, path in self._all() if g == generation and n is not None]
        return [path for _, path in sorted(found)]

    def _next_serial(self, generation: int) -> int:
        return (
            max((n for g, n, _ in self._all() if g == generation and n is not None), default=-1) + 1
        )


def shard_name(generation: int, serial: int | None = None) -> str:
    """The file of a generation, or of one of its parts."""
    return (
        f"{generation:04d}.safetensors"
        if serial is None
        else f"{generation:04d}-{serial:05d}.safetensors"
    )


def named_shard(name: str) -> tuple[int, int | None] | None:
    """(generation, the part's number or None) of a file that `shard_name` could have named, else
    None."""
    match = SHARD.fullmatch(name)
    found = (int(match[1]), int(match[2]) if match[2] else None) if match else None
    return found if found and shard_name(*found) == name else None


def read_games(path: Path, game: Game | None = None) -> Games:
    """One shard. DamagedFile if it is cut, altered, no record of games, or no record of games that
    `game` allows."""
    arrays = read_arrays(
        path, lambda kinds, metadata: check_header(kinds, metadata, game), most=len(Games._fields)
    )
    games = Games(**arrays)
    try:
        check_games(games, game)
    except ValueError as error:
        raise DamagedFile(f"{path} is damaged: {error}") from None
    return games
