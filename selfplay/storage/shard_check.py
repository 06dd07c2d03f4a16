"""What a shard must hold before a kernel sees it: kernels index by what stands there, and look at
no bounds.

First what the arrays are, from the file's header; then what they hold; last, by the game's own
rules, whether its games can be played. ValueError with the reason. A checksum proves that a file
was not altered by chance, and nothing else.
"""

import numpy as np

from games.game import Game
from games.quoting import quoted
from native import rows
from native.episodes import DECIDED, OPENING, SEARCHED
from selfplay.storage.arrays import ArrayKind

# dtype and number of axes of each array of `selfplay.storage.records.Games`.
ARRAY_KINDS = {
    "first_move": (np.int64, 1),
    "outcome": (np.float32, 1),
    "options": (np.float64, 2),
    "seed": (np.uint64, 2),
    "generation": (np.int32, 1),
    "action": (np.uint16, 1),
    "origin": (np.uint8, 1),
    "value": (np.float32, 1),
    "network_value": (np.float32, 1),
    "first_entry": (np.int64, 1),
    "policy_action": (np.uint16, 1),
    "policy": (np.float32, 1),
}
LAST_GENERATION = 1_000_001  # a configuration allows a million
ROUNDING = 1e-4  # by which a mean of values in [-1, 1], in single precision, may lie outside
REASONS = {
    rows.ILLEGAL: "the move is illegal",
    rows.TOO_EARLY: "the game is over and moves follow",
    rows.TOO_LATE: "the moves end and the game is not over",
    rows.WRONG_OUTCOME: "the recorded outcome is not the one that the rules give",
    rows.BAD_POLICY: "the policy is no probabilities of legal moves",
}


def check_header(kinds: dict[str, ArrayKind], metadata: dict[str, str], game: Game | None) -> None:
    """Are these the arrays of games, and of this game?"""
    if set(kinds) != set(ARRAY_KINDS):
        raise ValueError("it is no record of games")
    # older shards do not name theirs
    if game is not None and metadata.get("game", game.name) != game.name:
        raise ValueError(f"it holds games of {quoted(metadata['game'])}, not of {game.name}")
    for name, (dtype, axes) in ARRAY_KINDS.items():
        if kinds[name].dtype != dtype or len(kinds[name].shape) != axes:
            wanted = f"{np.dtype(dtype)} with {axes} axes"
            raise ValueError(
                f"{name} should be {wanted}, not {kinds[name].dtype} of shape "
                f"{list(kinds[name].shape)}"
            )
    _check_lengths({name: kind.shape for name, kind in kinds.items()}, game)


def _check_lengths(shapes: dict[str, tuple[int, ...]], game: Game | None) -> None:
    games, moves, entries = shapes["outcome"][0], shapes["action"][0], shapes["policy"][0]
    options = shapes["options"][1] if game is None else len(game.options)
    wanted = dict.fromkeys(("outcome", "generation"), (games,)) | {"first_move": (games + 1,)}
    wanted |= dict.fromkeys(("action", "origin", "value", "network_value"), (moves,)) | {
        "first_entry": (moves + 1,)
    }
    wanted |= dict.fromkeys(("policy", "policy_action"), (entries,)) | {
        "seed": (games, 2),
        "options": (games, options),
    }
    for name, shape in wanted.items():
        if shapes[name] != shape:
            raise ValueError(
                f"its parts do not fit together: {name} is {list(shapes[name])}, not {list(shape)}"
            )


def check_games(games, game: Game | None) -> None:
    """Check what the arrays of `Games` hold, and with a game that its rules allow them."""
    _check_offsets("first_move", games.first_move, len(games.action), 1)
    _check_offsets("first_entry", games.first_entry, len(games.policy), 0)
    if not np.isin(games.origin, (OPENING, SEARCHED, DECIDED)).all():
        raise ValueError("origin holds what no move can come from")
    _check_within("outcome", np.nan_to_num(games.outcome, posinf=2.0), -1 - ROUNDING, 1 + ROUNDING)
    for name in ("value", "network_value"):
        _check_within(name, getattr(games, name), -1 - ROUNDING, 1 + ROUNDING)
    _check_within("policy", games.policy, 0, 1 + ROUNDING)
    _check_within("generation", games.generation, 0, LAST_GENERATION)
    if not np.isfinite(games.options).all():
        raise ValueError("options are not finite")
    if game is not None:
        _check_moves(games, game)


def _check_offsets(name: str, offsets: np.ndarray, count: int, shortest: int) -> None:
    """They rise from 0 to `count`, each time by `shortest` or more."""
    is_within = offsets[0] == 0 and offsets[-1] == count and (offsets[1:] >= offsets[:-1]).all()
    # only of numbers within do differences not overflow
    if not is_within or (np.diff(offsets) < shortest).any():
        raise ValueError(f"{name} does not rise from 0 to {count:,}")


def _check_within(name: str, array: np.ndarray, low: float, high: float) -> None:
    if len(array) and not (array.min() >= low and array.max() <= high):  # NaN is not
        raise ValueError(
            f"{name} should lie between {low:g} and {high:g}, and is {array.min():g} to "
            f"{array.max():g}"
        )


def _check_moves(games, game: Game) -> None:
    """Actions within the board, games no longer than they can be, and everything as the rules allow
    it."""
    for name in ("action", "policy_action"):
        _check_within(name, getattr(games, name), 0, game.actions - 1)
    _check_within("a game's plies", np.diff(games.first_move), 1, game.max_plies)
    where = np.zeros(2, np.int64)
    state, _, actions = rows.new_scratch(game.state_bytes, game.planes, game.cells, game.actions)
    is_opening = games.origin == OPENING
    found = rows.find_unplayable(
        game.rules, games.moves(), is_opening, game.max_plies, state, actions, where
    )
    if found != rows.PLAYABLE:
        raise ValueError(f"game {where[0]}, ply {where[1] + 1}: {REASONS[found]}")
