"""The laws of `native.abi`, as checks on random games: what `selfplay check` runs for anyone's
game, and the tests for ours.

Each law is a sentence and a function that yields an explanation for every place where it is broken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from games import guards
from games.game import Game, Position
from games.guards import Violation
from native import abi


@dataclass(frozen=True)
class Sample:
    """Positions of random games, finished ones too, with the moves that led to them."""

    position: Position
    moves: tuple[int, ...]


# positions that the laws look at: some cost milliseconds each where boards are large
MOST_SAMPLES = 500


def check(
    game: Game,
    num_games: int = 50,
    seed: int = 0,
    most: int = 3,
    note: Callable[[str], None] = lambda law: None,
) -> list[Violation]:
    """Violations of every law, at most `most` of each, over `num_games` uniformly random games.
    Rules that harm the process (`games.guards`) are asked for nothing else. `note` is told each law
    before it is tried."""
    if (harm := guards.find_harm(game, guards.FEW, seed)) is not None:
        return [harm]
    samples = sample_games(game, num_games, np.random.default_rng(seed))
    found = []
    for law, function in LAWS.items():
        note(law)
        found += islice(broken_by(law, function, game, samples), most)
    return found


def broken_by(
    law: str, function: Callable, game: Game, samples: list[Sample]
) -> Iterator[Violation]:
    """A law's violations. A game's Python functions may raise what they like: that is one too."""
    try:
        for explanation in function(game, samples):
            yield Violation(law, explanation)
    except Exception as error:
        yield Violation(
            law, str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        )


def sample_games(game: Game, num_games: int, random: np.random.Generator) -> list[Sample]:
    """Positions of random games: every last one, and as many of the others as MOST_SAMPLES leaves
    room for."""
    played = [random_game(game, random) for _ in range(num_games)]
    ends, others = (
        [samples[-1] for samples in played],
        [sample for samples in played for sample in samples[:-1]],
    )
    room = max(0, MOST_SAMPLES - len(ends))
    if len(others) > room:
        others = [others[i] for i in sorted(random.choice(len(others), room, replace=False))]
    return others + ends


def random_game(game: Game, random: np.random.Generator) -> list[Sample]:
    position, moves = game.start(), []
    samples = [Sample(position.copy(), ())]
    while (
        position.outcome is None and len(moves) <= game.max_plies and len(legal := position.legal)
    ):
        action = int(random.choice(legal))
        outcome = float(abi.call_play(game.rules, position.state, action))
        position.outcome = None if np.isnan(outcome) else outcome
        position.plies += 1
        moves.append(action)
        samples.append(Sample(position.copy(), tuple(moves)))
    return samples


def random_positions(game: Game, count: int, seed: int = 0) -> list[Position]:
    """Unfinished positions of uniformly random games, at uniformly random plies."""
    random, found = np.random.default_rng(seed), []
    while len(found) < count:
        position = game.start()
        for _ in range(random.integers(game.max_plies)):
            if position.outcome is None:
                position.play(int(random.choice(position.legal)))
        if position.outcome is None:
            found.append(position)
    return found


def told(game: Game, sample: Sample) -> str:
    return f"{guards.after(game, sample.moves)}:\n{guards.drawn(sample.position)}"


def legal_is_sorted(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        legal = s.position.legal
        if len(legal) and (
            np.any(np.diff(legal) <= 0) or legal[0] < 0 or legal[-1] >= game.actions
        ):
            yield f"legal gave {legal.tolist()} {told(game, s)}"


def legal_is_empty_at_the_end(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        if (len(s.position.legal) == 0) != (s.position.outcome is not None):
            yield (
                f"{len(s.position.legal)} legal moves with outcome {s.position.outcome} "
                f"{told(game, s)}"
            )


def the_end_is_final(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        if s.position.outcome is None:
            continue
        for action in range(game.actions):
            state = s.position.state.copy()
            outcome = abi.call_play(game.rules, state, action)
            if outcome != s.position.outcome or not np.array_equal(state, s.position.state):
                yield (
                    f"playing {action} after the end gave {outcome} or changed the position "
                    f"{told(game, s)}"
                )
                break


def outcome_is_bounded(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        if s.position.outcome is not None and not -1.0 <= s.position.outcome <= 1.0:
            yield f"outcome {s.position.outcome} {told(game, s)}"


def mover_is_a_player(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        if s.position.mover not in (0, 1):
            yield f"mover {s.position.mover} {told(game, s)}"


def games_end(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        if len(s.moves) > game.max_plies or (
            len(s.moves) == game.max_plies and s.position.outcome is None
        ):
            yield (
                f"still going on after {len(s.moves)} of at most {game.max_plies} plies "
                f"{told(game, s)}"
            )


def notation_goes_round(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        for action in s.position.legal:
            if game.parse(game.format(int(action))) != action:
                yield (
                    f"action {action} is written {game.format(int(action))!r} and read as another "
                    f"{told(game, s)}"
                )


def positions_can_be_drawn(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        try:
            board = str(s.position)
        except Exception as error:
            yield f"{error} ({type(error).__name__}) {guards.after(game, s.moves)}"
            continue
        if not board.strip():
            yield f"nothing is drawn {guards.after(game, s.moves)}"


def copies_are_independent(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        before, other = s.position.state.copy(), s.position.copy()
        if len(legal := other.legal):
            other.play(int(legal[0]))
        if not np.array_equal(before, s.position.state):
            yield f"playing on a copy changed the original {told(game, s)}"


def logs_are_only_appended_to(game: Game, samples: list[Sample]) -> Iterator[str]:
    """Whoever plays on from a position and puts back what lies before the log has that position
    again."""
    for s in samples if game.rules.log < game.state_bytes else ():
        twin = s.position.copy()
        for _ in range(3):
            if len(legal := twin.legal):
                twin.play(int(legal[len(s.moves) % len(legal)]))
        twin.state[: game.rules.log] = s.position.state[: game.rules.log]
        twin = Position(game, twin.state, s.position.outcome)
        if twin.key != s.position.key or twin.legal.tolist() != s.position.legal.tolist():
            yield f"playing on rewrote the log from byte {game.rules.log} on {told(game, s)}"


def observation_is_total(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        planes = np.full((game.planes, game.cells), np.nan, np.float32)
        scalars = np.full(game.scalars, np.nan, np.float32)
        abi.call_observe(game.rules, s.position.state, planes, scalars)
        if not (np.isfinite(planes).all() and np.isfinite(scalars).all()):
            yield f"observe left elements unwritten or not finite {told(game, s)}"


def equal_keys_look_equal(game: Game, samples: list[Sample]) -> Iterator[str]:
    seen: dict[int, bytes] = {}
    for s in samples:
        if s.position.outcome is None:
            planes, scalars = s.position.observe()
            if (
                seen.setdefault(s.position.key, planes.tobytes() + scalars.tobytes())
                != planes.tobytes() + scalars.tobytes()
            ):
                yield f"key {s.position.key} belongs to two different observations {told(game, s)}"


def different_looks_have_different_keys(game: Game, samples: list[Sample]) -> Iterator[str]:
    seen: dict[bytes, int] = {}
    for s in samples:
        if s.position.outcome is None:
            planes, scalars = s.position.observe()
            look = planes.tobytes() + scalars.tobytes() + bytes([s.position.mover])
            if seen.setdefault(look, s.position.key) != s.position.key:
                yield f"one observation has two keys, so caches miss it {told(game, s)}"


def symmetries_are_permutations(game: Game, samples: list[Sample]) -> Iterator[str]:
    for name, maps, size in (
        ("cell", game.cell_maps, game.cells),
        ("action", game.action_maps, game.actions),
    ):
        if maps.shape != (len(game.cell_maps), size) or any(
            sorted(m) != list(range(size)) for m in maps.tolist()
        ):
            yield f"{name}_maps are not permutations of {size}"
        elif maps[0].tolist() != list(range(size)):
            yield f"{name}_maps[0] is not the identity"


def symmetric_games_are_equal(game: Game, samples: list[Sample]) -> Iterator[str]:
    if any(True for _ in symmetries_are_permutations(game, samples)):
        return
    for s in samples:
        for cells, actions in zip(game.cell_maps[1:], game.action_maps[1:]):
            if problem := _image_problem(game, s, cells, actions):
                yield f"{problem} {told(game, s)}"
                break


def _image_problem(
    game: Game, sample: Sample, cells: np.ndarray, actions: np.ndarray
) -> str | None:
    image, outcome = game.start_state(), np.nan
    for move in sample.moves:
        outcome = abi.call_play(game.rules, image, int(actions[move]))
    image = Position(game, image, None if np.isnan(outcome) else float(outcome))
    if image.outcome != sample.position.outcome:
        return f"the mirror image ends with {image.outcome}, not {sample.position.outcome}"
    if image.outcome is None and sorted(actions[sample.position.legal]) != image.legal.tolist():
        return "the mirror image has other legal moves"
    planes = sample.position.planes().reshape(game.planes, game.cells)
    mirrored = np.empty_like(planes)
    mirrored[:, cells] = planes
    return (
        None
        if np.array_equal(mirrored, image.planes().reshape(planes.shape))
        else "the mirror image looks otherwise"
    )


def owners_are_known(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        owner, score = s.position.final()
        if not np.isin(owner, (-1, 0, 1)).all() or not np.isfinite(score):
            yield f"final gave owners {np.unique(owner).tolist()} and score {score} {told(game, s)}"


def illegal_moves_are_refused(game: Game, samples: list[Sample]) -> Iterator[str]:
    for s in samples:
        for action in (
            *sorted(set(range(game.actions)) - set(s.position.legal.tolist())),
            -1,
            game.actions,
        ):
            position = s.position.copy()
            try:
                position.play(action)
                yield f"illegal action {action} was taken {told(game, s)}"
            except ValueError:
                if not np.array_equal(position.state, s.position.state):
                    yield f"refusing action {action} changed the position {told(game, s)}"


def start_is_always_the_same(game: Game, samples: list[Sample]) -> Iterator[str]:
    dirty = np.full(game.state_bytes, 0xA5, np.uint8)
    abi.call_start(game.rules, dirty, game.option_values())
    position, clean = Position(game, dirty), game.start()
    if (
        position.key != clean.key
        or position.legal.tolist() != clean.legal.tolist()
        or position.mover != clean.mover
    ):
        yield "start depends on what the memory held before"


LAWS = {
    guards.SORTED: legal_is_sorted,
    guards.EMPTY: legal_is_empty_at_the_end,
    "playing on after the end changes nothing": the_end_is_final,
    guards.BOUNDED: outcome_is_bounded,
    guards.MOVER: mover_is_a_player,
    guards.ENDS: games_end,
    "notation is read as it is written": notation_goes_round,
    "every position can be drawn": positions_can_be_drawn,
    "copies are independent": copies_are_independent,
    "a log is only appended to": logs_are_only_appended_to,
    "an observation writes every element": observation_is_total,
    "equal keys mean equal observations": equal_keys_look_equal,
    "equal observations mean equal keys": different_looks_have_different_keys,
    "symmetries are permutations, the identity first": symmetries_are_permutations,
    "a symmetric image of a game is the same game": symmetric_games_are_equal,
    "the final owners are the players' or nobody's": owners_are_known,
    "illegal moves are refused and change nothing": illegal_moves_are_refused,
    "the start does not depend on old memory": start_is_always_the_same,
}
