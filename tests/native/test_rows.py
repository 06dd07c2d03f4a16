"""Training rows: what is learned from is what was played and seen, by its mover, under every
symmetry, and what came of it."""

import numpy as np
import pytest

import games as library
from native.episodes import DECIDED, OPENING, SEARCHED
from native.rows import (
    GameBatch,
    compute_targets,
    new_scratch,
    new_targets,
    new_training_batch,
    write_rows,
)
from selfplay import config
from selfplay.learning.replay import Replay, is_drawn, window_rows
from selfplay.storage.records import concatenate
from tests.actors.test_actor import GUMBEL_PLAY, actor, self_play


def test_rows_are_the_positions_seen_by_their_movers(game):
    """Every row of a batch equals what the Python face says of that position, under its
    symmetry."""
    games, _ = self_play(game, GUMBEL_PLAY)
    searched = np.flatnonzero(games.origin == SEARCHED)[:60]
    owner = np.searchsorted(games.first_move, searched, side="right") - 1
    rows = new_training_batch(len(searched), game.planes, game.cells, game.scalars, game.actions)
    turn = np.arange(len(searched)) % len(game.cell_maps)
    scratch = new_scratch(game.state_bytes, game.planes, game.cells, game.actions)
    targets = new_targets(games.count, len(games.action), game.cells)
    compute_targets(game.rules, games.moves(), 1.0, scratch[0], targets)
    maps = game.cell_maps, game.action_maps
    write_rows(game.rules, games.moves(), targets, owner, searched, turn, *maps, scratch, rows)
    ends = [played_out(game, moves).final() for moves in games.sequences()]
    for row, move in enumerate(searched):
        position = game.start()
        for action in games.action[games.first_move[owner[row]] : move]:
            position.play(int(action))
        sign = 1 if position.mover == 0 else -1
        cells, actions = game.cell_maps[turn[row]], game.action_maps[turn[row]]
        planes = position.planes().reshape(game.planes, game.cells)
        np.testing.assert_array_equal(rows.planes[row][:, cells], planes)
        assert np.flatnonzero(rows.legal[row]).tolist() == sorted(actions[position.legal])
        assert rows.outcome[row] == sign * games.outcome[owner[row]]
        assert rows.value[row] == sign * games.value[move]
        end_owner, end_score = ends[owner[row]]
        np.testing.assert_array_equal(rows.owner[row][cells], sign * end_owner.ravel())
        assert rows.score[row] == pytest.approx(sign * end_score / game.cells**0.5, abs=1e-6)
        entries = slice(games.first_entry[move], games.first_entry[move + 1])
        np.testing.assert_array_equal(
            rows.policy[row][actions[games.policy_action[entries]]], games.policy[entries]
        )
        assert rows.policy[row].sum() == pytest.approx(1, abs=1e-4)


def played_out(game, moves):
    position = game.start()
    for move in moves:
        position.play(int(move))
    return position


def test_the_value_s_target_looks_ahead_worked_by_hand(tictactoe):
    """Two games. Across the top row the first player wins in five plies, a1 a2 b1 b2 c1, with
    search values 0, .2, -.4, .6, .8. With f = 1/2, backwards from the outcome 1: .9, .75, .175,
    .1875, .09375. The other is the same with values and outcome of a loss in six: a1 a2 b1 b2 c3
    c2, all 0: backwards from -1: -.5, -.25, -.125, -.0625, -.03125, -.015625.
    """
    actions = [0, 3, 1, 4, 2, 0, 3, 1, 4, 8, 5]
    values = [0, 0.2, -0.4, 0.6, 0.8, 0, 0, 0, 0, 0, 0]
    moves = GameBatch(
        first_move=np.array([0, 5, 11]),
        outcome=np.array([1, -1], np.float32),
        options=np.zeros((2, 0)),
        action=np.array(actions, np.uint16),
        value=np.array(values, np.float32),
        first_entry=np.zeros(12, np.int64),
        policy_action=np.zeros(0, np.uint16),
        policy=np.zeros(0, np.float32),
    )
    looked = {}
    for share in (0.0, 0.5, 1.0):
        looked[share] = new_targets(2, 11, 9)
        compute_targets(
            tictactoe.rules, moves, share, np.zeros(tictactoe.state_bytes, np.uint8), looked[share]
        )
    by_hand = [0.09375, 0.1875, 0.175, 0.75, 0.9, -0.015625, -0.03125, -0.0625, -0.125, -0.25, -0.5]
    np.testing.assert_allclose(looked[0.5].value, by_hand, atol=1e-6)
    np.testing.assert_array_equal(looked[0.0].value, [1] * 5 + [-1] * 6)
    np.testing.assert_array_equal(looked[1.0].value, np.array(values, np.float32))
    assert looked[1.0].owner.tolist() == [
        [1, 1, 1, -1, -1, 0, 0, 0, 0],
        [1, 1, 0, -1, -1, -1, 0, 0, 1],
    ]


def test_a_game_of_go_teaches_who_owned_what_by_how_much():
    """5x5 with a komi of 1/2: Black builds a wall in column B, White one in column D, then both
    pass. Black owns columns A and B, White D and E, nobody C: 10 - 10 - 1/2 points, which is -1/10
    of the unit sqrt(25). A quarter turn lays the columns down; for White, who moves second,
    everything is the other way round."""
    go5 = library.load("go5").with_options(komi=0.5)
    walls = [go5.parse(f"{column}{row}") for row in range(1, 6) for column in "BD"]
    moves = GameBatch(
        first_move=np.array([0, 12]),
        outcome=np.array([-1], np.float32),
        options=go5.option_values()[None],
        action=np.array([*walls, go5.parse("pass"), go5.parse("pass")], np.uint16),
        value=np.zeros(12, np.float32),
        first_entry=np.zeros(13, np.int64),
        policy_action=np.zeros(0, np.uint16),
        policy=np.zeros(0, np.float32),
    )
    scratch = new_scratch(go5.state_bytes, go5.planes, go5.cells, go5.actions)
    targets, rows = (
        new_targets(1, 12, 25),
        new_training_batch(2, go5.planes, go5.cells, go5.scalars, go5.actions),
    )
    compute_targets(go5.rules, moves, 1.0, scratch[0], targets)
    assert targets.score.tolist() == [-0.5]
    assert targets.owner.reshape(5, 5).tolist() == [[1, 1, 0, -1, -1]] * 5
    # a quarter to the left
    turned = next(s for s, cells in enumerate(go5.cell_maps) if cells[0] == 20 and cells[4] == 0)
    games, at, symmetry = np.array([0, 0]), np.array([0, 1]), np.array([0, turned])
    write_rows(
        go5.rules,
        moves,
        targets,
        games,
        at,
        symmetry,
        go5.cell_maps,
        go5.action_maps,
        scratch,
        rows,
    )
    assert rows.owner[0].reshape(5, 5).tolist() == [[1, 1, 0, -1, -1]] * 5
    assert rows.owner[1].reshape(5, 5).tolist() == [[1] * 5, [1] * 5, [0] * 5, [-1] * 5, [-1] * 5]
    assert rows.score.tolist() == pytest.approx([-0.1, 0.1])


# The window


def test_rows_of_settled_games_are_drawn_by_their_weight():
    origin = np.array([OPENING, SEARCHED, DECIDED, DECIDED, DECIDED, SEARCHED, DECIDED])
    assert is_drawn(origin, 0.0).tolist() == [False, True, False, False, False, True, False]
    assert is_drawn(origin, 1.0).tolist() == [False, True, True, True, True, True, True]
    assert is_drawn(origin, 0.5).tolist() == [False, True, False, True, False, True, True]
    assert is_drawn(np.full(1000, DECIDED), 0.1).sum() == pytest.approx(100, abs=1)


def test_the_replay_window_keeps_the_newest_rows_and_grows_as_stated(tictactoe):
    settings = config.ReplayConfig(window_min=50, window_growth=0.4, window_exponent=0.75)
    assert window_rows(settings, 30) == 30
    assert window_rows(settings, 50) == 50
    # by hand: 50 + 0.4 * (800^.75 - 50^.75) / (.75 * 50^-.25) = 50 + 0.4 * (150.42 - 18.80) /
    # 0.28204 = 236.7
    assert window_rows(settings, 800) == 236
    replay, player = Replay(tictactoe, settings), actor()
    parts = [player.play(40)[0] for _ in range(6)]
    for part in parts:
        replay.add(part)
    assert replay.total_rows == sum(part.rows for part in parts)
    assert replay.rows == window_rows(settings, replay.total_rows)
    newest = concatenate(parts)
    assert (
        replay.row_move[-1] + newest.first_move[-1] - len(replay.window.action)
        == np.flatnonzero(newest.origin == SEARCHED)[-1]
    )


@pytest.mark.parametrize("count", [1, 2, 5, 12])
@pytest.mark.parametrize("growth", [0.0, 0.4, 1.0])
def test_a_window_taken_up_again_equals_the_one_that_was_left(connect4, count, growth):
    """Of the generations played only those are read that the window reaches; rows, their order,
    what is drawn and what came of the games are those of a window that saw all of them come and
    go."""
    settings = config.ReplayConfig(
        window_min=60,
        window_growth=growth,
        window_exponent=0.6,
        value_lambda=0.3,
        decided_weight=0.4,
    )
    played = self_play(connect4, GUMBEL_PLAY, games=8, steps=900)[0]
    size = played.count // count
    parts = [played.part(size * i) for i in range(count)]
    parts = [
        part.part(0) if i == count - 1 else first_games(part, size) for i, part in enumerate(parts)
    ]
    for part in parts:
        part.origin[::5] = DECIDED
    whole, again, read = Replay(connect4, settings), Replay(connect4, settings), []
    for part in parts:
        whole.add(part)
    again.restore((read.append(part) or part for part in reversed(parts)), whole.total_rows)
    assert len(read) == len(again.generations) and again.generations == whole.generations
    assert again.total_rows == whole.total_rows and again.rows == whole.rows
    for a, b in (
        (again.window, whole.window),
        (again.learned, whole.learned),
        (again.moves, whole.moves),
    ):
        assert all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b))
    drawn = [replay.draw(np.random.default_rng(5), replay.buffer(300)) for replay in (whole, again)]
    assert all(np.array_equal(x, y) for x, y in zip(*drawn))
    for replay in (whole, again):  # and so on
        replay.add(parts[0])
    assert (
        again.row_move.tolist() == whole.row_move.tolist()
        and again.generations == whole.generations
    )


def first_games(games, count: int):
    """The first `count` games."""
    move = games.first_move[count]
    entry = games.first_entry[move]
    cut = {
        name: getattr(games, name)[:count] for name in ("outcome", "options", "seed", "generation")
    }
    cut |= {
        name: getattr(games, name)[:move].copy()
        for name in ("action", "origin", "value", "network_value")
    }
    cut |= {
        "first_move": games.first_move[: count + 1],
        "first_entry": games.first_entry[: move + 1],
    }
    return games._replace(
        policy_action=games.policy_action[:entry], policy=games.policy[:entry], **cut
    )


def test_the_window_is_in_memory_once(tictactoe):
    replay = Replay(tictactoe, config.ReplayConfig(window_min=5))
    for games in (
        self_play(tictactoe, GUMBEL_PLAY)[0],
        self_play(tictactoe, GUMBEL_PLAY, seed=2)[0],
    ):
        replay.add(games)
        assert all(
            array is getattr(replay.window, name) for name, array in replay.moves._asdict().items()
        )


def test_drawn_rows_come_from_the_window_under_every_symmetry(tictactoe):
    replay = Replay(tictactoe, config.ReplayConfig(window_min=5))
    replay.add(actor().play(5)[0])
    drawn = replay.draw(np.random.default_rng(1), replay.buffer(2000)).planes
    seen = {planes.tobytes() for planes in drawn}
    allowed, window = set(), replay.window
    for game, move in zip(replay.row_game, replay.row_move):
        position = tictactoe.start()
        for action in window.action[window.first_move[game] : move]:
            position.play(int(action))
        planes = position.planes().reshape(2, 9)
        for cells in tictactoe.cell_maps:
            image = np.empty_like(planes)
            image[:, cells] = planes
            allowed.add(image.tobytes())
    assert seen == allowed
