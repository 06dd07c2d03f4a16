"""Self-play's wave: games that play themselves are real games, each recorded with what its searches
said."""

import dataclasses

import msgspec
import numpy as np
import pytest

import games as library
from games.laws import random_positions
from native.episodes import (
    DECIDED,
    DONE,
    FREE,
    MOVES,
    OPENING,
    SEARCHED,
    SIMULATIONS,
    SelfPlayParams,
    new_records,
    play_step,
    release,
)
from native.search import forest as memory
from native.search.cache import new_cache
from native.search.mcts import SearchBatch, expand_and_backup
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay import config_file
from selfplay.actors.actor import Actor, Work, add_work
from selfplay.network.evaluator import Evaluator, Symmetries, picked_views
from selfplay.network.weights import new_network, shape_for, weights_of
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.searcher import Searcher
from selfplay.storage.records import concatenate, take_finished

GUMBEL_PLAY = SearchParams(GUMBEL)
PUCT_PLAY = SearchParams(PUCT, dirichlet_fraction=0.25)


def self_play(
    game,
    settings,
    simulations=12,
    games=6,
    steps=400,
    fraction=0.5,
    plies=6,
    cache=0,
    leaves=1,
    seed=1,
    plan=None,
    network=None,
):
    """All finished games of some waves, and the number of rows of each wave."""
    plan = plan or SelfPlayParams(simulations, fraction, plies, 0.75, 0.15, 7.0)
    forest = memory.new_forest(
        games,
        plan.simulations,
        game.state_bytes,
        game.actions,
        game.max_plies,
        leaves_per_game=leaves,
        seed=seed,
    )
    batch = memory.new_batch(games * leaves, game.planes, game.cells, game.scalars, game.actions)
    records = new_records(games, game.max_plies, game.actions)
    answers, network = new_cache(cache, game.actions), network or FakeNetwork(game.actions)
    together = SearchBatch(game.rules, settings, forest, answers, batch)
    parts, sizes = [], []
    for _ in range(steps):
        rows = play_step(together, plan, game.option_values(), records)
        sizes.append(rows)
        network.evaluate(batch, rows)
        expand_and_backup(together, rows)
        if records.counts[DONE]:
            parts.append(take_finished(records, game.option_values(), 7))
    return concatenate(parts), sizes


@pytest.mark.parametrize("settings", [GUMBEL_PLAY, PUCT_PLAY], ids=["gumbel", "puct"])
def test_every_recorded_game_is_a_real_game(game, settings):
    games, _ = self_play(game, settings, steps=900)
    assert games.count >= 4
    for index, moves in enumerate(games.sequences()):
        position = game.start()
        for move in moves:
            assert position.outcome is None
            position.play(int(move))
        assert position.outcome == games.outcome[index]
    assert (games.generation == 7).all()


def test_every_game_supplies_a_leaf_in_every_wave(connect4):
    _, sizes = self_play(connect4, GUMBEL_PLAY, games=16, steps=600)
    assert set(sizes) == {16}
    _, sizes = self_play(connect4, GUMBEL_PLAY, games=16, steps=600, cache=1 << 14)
    assert set(sizes) == {16}


def test_openings_are_random_plies_and_are_marked(connect4):
    games, _ = self_play(connect4, GUMBEL_PLAY, games=16, steps=2000, simulations=3)
    starts = games.first_move[:-1]
    lengths = []
    for begin, end in zip(starts, games.first_move[1:]):
        origin = games.origin[begin:end]
        opening = int((origin == OPENING).sum())
        assert (origin[:opening] == OPENING).all() and (origin[opening:] == SEARCHED).all()
        lengths.append(opening)
    lengths = np.array(lengths)
    assert lengths.max() == 6
    # half begin at once, and 0 plies are drawn too
    assert (lengths == 0).mean() == pytest.approx(0.5 + 0.5 / 7, abs=0.12)


def test_searched_moves_have_a_policy_and_opening_moves_none(connect4):
    games, _ = self_play(connect4, GUMBEL_PLAY)
    entries = np.diff(games.first_entry)
    assert (entries[games.origin == OPENING] == 0).all()
    assert (entries[games.origin == SEARCHED] >= 1).all()
    for move in np.flatnonzero(games.origin == SEARCHED):
        policy = games.policy[games.first_entry[move] : games.first_entry[move + 1]]
        assert policy.sum() == pytest.approx(1, abs=1e-4)
    assert (np.abs(games.value) <= 1.0001).all() and (np.abs(games.network_value) <= 1.0001).all()


def test_what_is_recorded_is_what_a_search_of_the_position_says(tictactoe):
    """Without noise a record's policy and value equal those of the same position searched by
    itself."""
    settings = SearchParams(GUMBEL, gumbel_scale=0.0)
    games, _ = self_play(tictactoe, settings, simulations=20)
    searcher = Searcher(tictactoe, FakeNetwork(9), settings, 20, 8)
    checked = 0
    for begin, end in zip(games.first_move[:12], games.first_move[1:13]):
        position = tictactoe.start()
        for move in range(begin, end):
            if games.origin[move] == SEARCHED:
                found = searcher.search(position.state[None])
                assert found.action[0] == games.action[move]
                assert found.value[0] == pytest.approx(games.value[move], abs=1e-6)
                entries = slice(games.first_entry[move], games.first_entry[move + 1])
                np.testing.assert_allclose(
                    found.policy[0, games.policy_action[entries]], games.policy[entries], atol=1e-6
                )
                checked += 1
            position.play(int(games.action[move]))
    assert checked > 20


@pytest.mark.parametrize("leaves", [1, 4])
def test_a_game_does_not_depend_on_its_neighbours(connect4, leaves):
    """Trees own their random numbers: game 0 plays the same games beside 1 or beside 7 others."""
    few, _ = self_play(connect4, PUCT_PLAY, games=2, leaves=leaves, seed=4)
    many, _ = self_play(connect4, PUCT_PLAY, games=8, leaves=leaves, seed=4)
    assert set(few.sequences()) <= set(many.sequences())


def test_the_cache_changes_no_game(connect4):
    without, _ = self_play(connect4, GUMBEL_PLAY, games=4, steps=900)
    cached, _ = self_play(connect4, GUMBEL_PLAY, games=4, steps=900, cache=1 << 14)
    # and it plays more of them in as many waves
    assert set(without.sequences()) <= set(cached.sequences())
    assert cached.count > without.count


def test_no_slot_is_lost_when_nobody_drains(tictactoe):
    """With all slots finished, waves stop giving rows; after `release` play goes on."""
    games = 3
    forest = memory.new_forest(games, 2, tictactoe.state_bytes, 9, 9)
    batch = memory.new_batch(games, 2, 9, 0, 9)
    records, answers, network = new_records(games, 9, 9), new_cache(0, 9), FakeNetwork(9)
    plan = SelfPlayParams(2, 0.0, 0, 1.0, 1.0, 1.0)
    search_batch = SearchBatch(tictactoe.rules, GUMBEL_PLAY, forest, answers, batch)

    def wave():
        rows = play_step(search_batch, plan, tictactoe.option_values(), records)
        network.evaluate(batch, rows)
        expand_and_backup(search_batch, rows)
        return rows

    while wave():
        pass
    assert records.counts[DONE] == 2 * games and records.counts[FREE] == 0
    release(records)
    assert records.counts[FREE] == 2 * games and wave() == games


# The actor around it

DUMMY = config_file.load("dummy")


def actor(seed=1, **changes):
    settings = msgspec.structs.replace(
        DUMMY, actor=msgspec.structs.replace(DUMMY.actor, games=8, **changes)
    )
    shape = shape_for(library.load(settings.game), settings.network)
    made = Actor(settings, shape, seed)
    made.load(weights_of(new_network(shape, 1)), 0, 2, "fp32")
    return made


def test_the_same_seed_weights_and_calls_give_the_same_games():
    first, second, other = (actor(seed).play(60)[0] for seed in (1, 1, 2))
    for name in first._fields:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.sequences() != other.sequences()


def test_an_actor_counts_its_work():
    games, work = actor().play(60)
    assert games.rows >= 60 and work.moves >= games.rows
    # a search that has its proof needs no more
    assert 1.8 * work.moves < work.simulations <= 2 * work.moves
    assert 0 < work.network_seconds < work.seconds and work.precision == "fp32"
    twice = add_work([work, work])
    assert twice == dataclasses.replace(
        work,
        **{
            f.name: 2 * getattr(work, f.name)
            for f in dataclasses.fields(Work)
            if f.name != "precision"
        },
    )


def test_searches_of_a_settled_game_are_short_and_marked(connect4):
    """A network that is always sure: from the fourth search on a game is decided, and each search
    has 2 simulations."""

    class Sure(FakeNetwork):
        def answer(self, planes, scalars):
            first_moves = planes[0].sum() == planes[1].sum()  # as many stones each
            return super().answer(planes, scalars)[0], np.float32(0.95 if first_moves else -0.95)

    plan = SelfPlayParams(
        20, 0.5, 4, 1.0, 1.0, 1.0, decided_value=0.9, decided_plies=3, decided_simulations=2
    )
    settings = SearchParams(GUMBEL, mcts_solver=False)
    games, _ = self_play(connect4, settings, games=8, steps=3000, plan=plan, network=Sure(7))
    marked = 0
    for begin, end in zip(games.first_move, games.first_move[1:]):
        origin, value = games.origin[begin:end], games.value[begin:end]
        for ply in range(len(origin)):
            if origin[ply] != OPENING:
                last = slice(max(0, ply - 3), ply)
                is_settled = (
                    ply >= 3 and (origin[last] != OPENING).all() and (value[last] > 0.9).all()
                )
                assert origin[ply] == (DECIDED if is_settled else SEARCHED)
                marked += is_settled
    assert marked > 50
    entries = np.diff(games.first_entry)
    assert (entries[games.origin == DECIDED] >= 1).all()


def test_trees_are_kept_between_the_moves_of_a_game(connect4):
    """With PUCT and kept trees the same simulations a move need fewer evaluations."""
    used = {}
    for keeps in (False, True):
        plan = SelfPlayParams(30, 0.0, 0, 1.0, 1.0, 1.0, tree_reuse=keeps)
        games, sizes = self_play(connect4, SearchParams(PUCT), games=8, steps=2500, plan=plan)
        used[keeps] = sum(sizes) / len(games.action)
        assert games.count >= 4
    assert used[True] < 0.85 * used[False]


def test_simulations_that_were_kept_are_counted_once():
    """With kept trees, no proofs and no cache, and far from any end, each simulation makes one row,
    and so does each game's first root."""
    game, games = library.load("gomoku9"), 3
    forest = memory.new_forest(games, 30, game.state_bytes, game.actions, game.max_plies)
    batch = memory.new_batch(games, game.planes, game.cells, game.scalars, game.actions)
    records, network = new_records(games, game.max_plies, game.actions), FakeNetwork(game.actions)
    search_batch = SearchBatch(
        game.rules, SearchParams(PUCT, mcts_solver=False), forest, new_cache(0, game.actions), batch
    )
    plan, rows = SelfPlayParams(30, 0.0, 0, 1.0, 1.0, 1.0, tree_reuse=True), 0
    for _ in range(150):
        wave = play_step(search_batch, plan, game.option_values(), records)
        network.evaluate(batch, wave)
        expand_and_backup(search_batch, wave)
        rows += wave
    assert records.counts[MOVES] > 4 * games and records.kept.max() > 1
    begun = int((forest.num_finished - records.kept).sum())  # of searches that have not moved yet
    assert records.counts[SIMULATIONS] == rows - games - begun


def test_new_weights_clear_the_cache_and_keep_the_games():
    player = actor(cache_entries=1 << 10)
    player.play(30)
    assert (player.search_batch.cache.key != 0).any()
    lengths = player.records.length.copy()
    player.load(weights_of(new_network(player.shape, 2)), 1, 2, "fp32")
    assert not (player.search_batch.cache.key != 0).any()
    np.testing.assert_array_equal(player.records.length, lengths)
    games, _ = player.play(30)
    assert (games.generation == 1).all()


def test_a_network_that_has_diverged_is_an_error_and_not_an_endless_loop():
    player = actor()
    weights = weights_of(new_network(player.shape, 1))
    player.load(
        {
            name: np.full_like(array, np.nan) if array.dtype.kind == "f" else array
            for name, array in weights.items()
        },
        1,
        2,
        "fp32",
    )
    with pytest.raises(FloatingPointError, match="diverged"):
        player.play(10)


def test_a_random_symmetry_is_the_networks_answer_to_the_image(tictactoe):
    """Each position is shown under the symmetry that its planes pick, and the logits are turned
    back."""
    shape = shape_for(tictactoe, DUMMY.network)
    network = new_network(shape, 3)
    views = Symmetries(tictactoe.cell_maps, tictactoe.action_maps)
    one, plain = (
        Evaluator(network, 16, "fp32", views=views, one_view=True),
        Evaluator(network, 16, "fp32"),
    )
    positions = random_positions(tictactoe, 16)
    batch, image = (memory.new_batch(16, tictactoe.planes, 9, 0, 9) for _ in range(2))
    batch.planes[:] = [position.planes().reshape(tictactoe.planes, 9) for position in positions]
    view = picked_views(batch.planes, 8)
    assert len(set(view)) > 3
    for row in range(16):
        image.planes[row][:, tictactoe.cell_maps[view[row]]] = batch.planes[row]
    one.evaluate(batch, 16)
    plain.evaluate(image, 16)
    np.testing.assert_allclose(batch.value, image.value, atol=1e-6)
    for row in range(16):
        np.testing.assert_allclose(
            batch.logits[row], image.logits[row][tictactoe.action_maps[view[row]]], atol=1e-6
        )
