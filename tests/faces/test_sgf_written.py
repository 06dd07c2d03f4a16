"""Records as they are written: any of them is read back as the same game."""

from dataclasses import replace

import numpy as np
import pytest

import games
from selfplay.faces import sgf
from selfplay.faces.game_record import Change, Move, Record, Setup, after, allowed
from tests.faces.test_sgf_records import is_pass


def random_step(game, position, random):
    """A move of either side, by the rules or not, or a change of the board."""
    if random.random() < 0.15:
        cells = random.choice(game.cells, int(random.integers(1, 4)), replace=False)
        changed = sorted((int(cell), int(random.integers(-1, 2))) for cell in cells)
        return Change(tuple(changed) if random.random() < 0.8 else (), int(random.integers(2)))
    side = position.mover if random.random() < 0.7 else int(random.integers(2))
    action = int(random.choice(position.legal)) if len(position.legal) else game.actions - 1
    return Move(side, action if random.random() < 0.8 else int(random.integers(game.actions)))


def random_record(game, random) -> Record:
    """Any steps that can be done, the first of them a move; set-up stones and options in some of
    them."""
    setup = Setup()
    if random.random() < 0.4:
        cells = random.choice(game.cells, 4, replace=False).tolist()
        setup = Setup(
            {}, tuple(sorted(cells[:2])), tuple(sorted(cells[2:])), int(random.integers(2))
        )
    if "komi" in game.options and random.random() < 0.5:
        setup = replace(
            setup, options={"komi": float(random.choice([0.5, -3.0, 375.0, 1e300, 6.4921875]))}
        )
    record = Record(game, setup, names=("A ] \\ b", "Ж"))
    position = record.position()
    for _ in range(int(random.integers(1, 40))):
        step = random_step(game, position, random)
        if not record.steps and isinstance(step, Change):
            continue
        try:
            position = after(position, step, setup.options)
        except ValueError:
            continue
        record = record.with_step(step)
    return record


def without_idle_passes(record: Record) -> Record:
    """Passes behind the end of the last game are no part of what is read."""
    steps = record.steps
    while (
        steps
        and record.cut(len(steps) - 1).position().outcome is not None
        and is_pass(record.game, steps[-1])
    ):
        steps = steps[:-1]
    return replace(record, steps=steps)


@pytest.mark.parametrize("name", ["go5", "othello4", "gomoku9", "hex3", "hex5"])
def test_any_record_is_read_back_as_it_was_written(name):
    game, random, num_changes, num_turns = games.load(name), np.random.default_rng(11), 0, 0
    for _ in range(30):
        record = without_idle_passes(random_record(game, random))
        if not record.steps:
            continue
        record = sgf.begun(record)  # White may begin, and a swap tells of the rule
        back = sgf.parse(sgf.serialise(record), game)
        assert back.note == "" and replace(back, result="") == record
        assert back.position().state.tobytes() == record.position().state.tobytes()
        num_changes += any(isinstance(step, Change) for step in record.steps)
        num_turns += not record.is_plain
    assert num_changes > 10 and num_turns > 10


def test_what_is_written_is_plain_sgf_for_other_programs():
    game = games.load("go9")
    steps = (Move(1, 40), Move(1, 41), Change(((0, 1), (40, 0)), 0), Move(0, 81))
    text = sgf.serialise(Record(game, Setup({"komi": 375.0}), steps)).decode().replace("\n", "")
    assert (
        "KM[375.0]" in text
        and text.endswith(";W[ee];W[fe];AB[aa]AE[ee]PL[B];B[])")
        and "RE[" not in text
    )


def test_a_move_that_the_rules_allow_is_the_move_that_records_execute(go5):
    random, position = np.random.default_rng(12), go5.start()
    for _ in range(200):
        side = int(random.integers(2))
        try:
            move = allowed(position, side, int(random.integers(26)))
        except ValueError:
            continue
        position = after(position, move, {})
        assert position.mover == 1 - side or position.outcome is not None
