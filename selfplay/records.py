"""Game records: what self-play hands over. Kilobytes a game, no planes; positions are played again when rows are drawn.

Axes: G games, M moves of all games, E policy entries of all moves.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from native.rows import Moves
from native.selfplay import DONE, OPENING, SEARCHED, Records, release
from selfplay.files import DamagedFile, read_arrays, write_arrays


class Games(NamedTuple):
    """Finished games, ragged arrays flattened. All values belong to the first player."""

    first_move: np.ndarray  # i64[G + 1]
    outcome: np.ndarray  # f32[G]
    options: np.ndarray  # f64[G, K]
    seed: np.ndarray  # u64[G, 2], the random state from which the game was played
    generation: np.ndarray  # i32[G], of the network that played it to its end
    action: np.ndarray  # u16[M]
    origin: np.ndarray  # u8[M], native.selfplay.OPENING, SEARCHED or SETTLED
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

    def moves(self) -> Moves:
        return Moves(*(getattr(self, name) for name in Moves._fields))

    def sequences(self) -> list[tuple[int, ...]]:
        """Each game's actions."""
        return [tuple(part) for part in np.split(self.action, self.first_move[1:-1])]


def take_finished(records: Records, options: np.ndarray, generation: int) -> Games:
    """Read the finished slots of an actor's records and give them back."""
    slots = records.done[: records.counts[DONE]]
    lengths = records.length[slots].astype(np.int64)
    played = np.arange(records.action.shape[1])[None, :] < lengths[:, None]  # [G, T]
    policies = records.policy[slots][played] * (records.origin[slots][played] != OPENING)[:, None]  # [M, A]
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
        first_entry=np.concatenate([[0], np.cumsum(np.bincount(move, minlength=len(policies)))]).astype(np.int64),
        policy_action=action.astype(np.uint16),
        policy=policies[move, action],
    )
    release(records)
    return games


def concatenate(parts: list[Games]) -> Games:
    """One record of all the parts' games, in order; needs at least one part."""
    if len(parts) == 1:
        return parts[0]
    fields = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Games._fields}
    fields["first_move"] = _join_offsets([part.first_move for part in parts])
    fields["first_entry"] = _join_offsets([part.first_entry for part in parts])
    return Games(**fields)


def _join_offsets(offsets: list[np.ndarray]) -> np.ndarray:
    """[0, 2, 5] and [0, 3] -> [0, 2, 5, 8]."""
    ends = np.cumsum([part[-1] for part in offsets])
    shifts = np.concatenate([[0], ends[:-1]])
    return np.concatenate([[0], *(part[1:] + shift for part, shift in zip(offsets, shifts))]).astype(np.int64)


class Shards:
    """A folder of game records: parts `0003-00012` while generation 3 is played, one `0003` once it is complete."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, generation: int, games: Games) -> Path:
        """Write a part; the games are safe when this returns."""
        path = self.folder / f"{generation:04d}-{self._next_serial(generation):05d}.safetensors"
        write_arrays(path, games._asdict())
        return path

    def seal(self, generation: int) -> None:
        """Merge the parts of a generation into one shard. Killed in between, `load` sees either, never both."""
        parts = self._parts(generation)
        if parts and (games := self.load(generation)) is not None:
            write_arrays(self._sealed(generation), games._asdict())
            for path in parts:
                path.unlink()

    def load(self, generation: int, on_damage=None) -> Games | None:
        """A generation's games, or None; damaged shards are passed to `on_damage(message)` and left out."""
        sealed = self._sealed(generation)
        games = self._read([sealed], on_damage) if sealed.exists() else None
        return games or self._read(self._parts(generation), on_damage)

    def _read(self, paths: list[Path], on_damage) -> Games | None:
        parts = []
        for path in paths:
            try:
                parts.append(read_games(path))
            except DamagedFile as error:
                if on_damage:
                    on_damage(f"skipped: {error}")
        return concatenate(parts) if parts else None

    def counts(self) -> tuple[int, int]:
        """(generations that are complete, parts of the one in progress): no two moments of a run have the same."""
        names = [path.stem for path in self.folder.glob("[0-9]*.safetensors")]
        return sum("-" not in name for name in names), sum("-" in name for name in names)

    def drop_after(self, generation: int) -> None:
        """Forget shards of later generations than this one."""
        for path in self.folder.glob("*.safetensors"):
            if path.name[:4].isdigit() and int(path.name[:4]) > generation:
                path.unlink()

    def _sealed(self, generation: int) -> Path:
        return self.folder / f"{generation:04d}.safetensors"

    def _parts(self, generation: int) -> list[Path]:
        return sorted(self.folder.glob(f"{generation:04d}-*.safetensors"))

    def _next_serial(self, generation: int) -> int:
        parts = self._parts(generation)
        return int(parts[-1].stem.split("-")[1]) + 1 if parts else 0


def read_games(path: Path) -> Games:
    """One shard. DamagedFile if it is cut, altered, or no record of games."""
    arrays = read_arrays(path)
    if set(arrays) != set(Games._fields):
        raise DamagedFile(f"{path} is no record of games")
    games = Games(**arrays)
    ends = (games.first_move[-1], games.first_entry[-1], len(games.first_move), len(games.first_entry))
    if ends != (len(games.action), len(games.policy), games.count + 1, len(games.action) + 1):
        raise DamagedFile(f"{path} is damaged: its parts do not fit together")
    return games
