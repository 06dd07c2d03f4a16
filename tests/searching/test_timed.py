"""Thinking within a time, on the opponent's time, and along a game. No test here waits: clocks tick
when they are asked."""

import threading

import numpy as np
import pytest

import games
from games.laws import random_positions
from native.search.params import GUMBEL, PUCT, SearchParams
from selfplay.config import MatchConfig
from selfplay.matches import players
from selfplay.matches.players import SearchPlayer, TimedPlayer
from selfplay.searching import timed
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.timed import LONGEST_PONDER, TimedSearcher, least
from tests.conftest import played

WHOLE = MatchConfig(early_stop=False)


class Ticks:
    """A clock that is `step` seconds later whenever it is asked."""

    def __init__(self, step: float):
        self.time, self.step = 100.0, step

    def __call__(self) -> float:
        self.time += self.step
        return self.time


class Counting(FakeNetwork):
    """A fake network that counts what it is asked."""

    rows = 0

    def evaluate(self, batch, rows):
        self.rows += rows
        super().evaluate(batch, rows)


def player_of(game, simulations, kind=PUCT, config=WHOLE, network=None) -> SearchPlayer:
    network = network or FakeNetwork(game.actions)
    # a proof may end a search at any time
    settings = SearchParams(kind, mcts_solver=False, gumbel_scale=0.0)
    return SearchPlayer("fake", game, network, settings, simulations, 0, True, config)


# For one move


@pytest.mark.parametrize("kind", [PUCT, GUMBEL])
@pytest.mark.parametrize("config", [WHOLE, MatchConfig()])
def test_without_a_time_a_thought_is_the_player_s_own_search(connect4, kind, config):
    player = player_of(connect4, 60, kind, config)
    timed = TimedSearcher(player)
    for position in random_positions(connect4, 20, seed=2):
        search = timed.think((), position.state)
        assert search.choice()[0] == player.choose(position.state[None])[0]
        assert search.visits == 60 or config.early_stop or search.is_proven()


def test_a_settled_thought_ends_and_moves_as_the_whole_one(connect4):
    saved = 0
    for position in random_positions(connect4, 30, seed=5):
        whole = TimedSearcher(player_of(connect4, 300)).think(None, position.state)
        short = TimedSearcher(player_of(connect4, 300, config=MatchConfig())).think(
            None, position.state
        )
        assert short.choice()[0] == whole.choice()[0] and 1 <= short.visits <= whole.visits == 300
        saved += whole.visits - short.visits
    assert saved > 0.1 * 30 * 300


def test_time_ends_a_thought_and_a_counted_player_has_no_use_for_more(connect4):
    state = connect4.start().state
    short = TimedSearcher(player_of(connect4, 5000), now=Ticks(0.01)).think(
        None, state, seconds=1.0
    )
    assert 1 <= short.visits <= 1000  # a tick a wave, most of which have one leaf
    long = TimedSearcher(player_of(connect4, 50), now=Ticks(0.01)).think(None, state, seconds=100.0)
    assert long.visits == 50
    none = TimedSearcher(player_of(connect4, 1000), now=Ticks(0.01)).think(None, state, seconds=0.0)
    assert none.visits >= 1 and none.choice()[0] in range(7)


def test_a_player_whose_name_says_no_number_uses_all_the_time(connect4):
    player = player_of(connect4, 8, GUMBEL)
    player.has_fixed_simulations = False
    state = connect4.start().state
    assert TimedSearcher(player, now=Ticks(0.01)).think(None, state).visits == 8
    assert TimedSearcher(player, now=Ticks(0.01)).think(None, state, seconds=5.0).visits > 100


def test_a_timed_player_has_its_time_for_each_position(connect4):
    player = TimedPlayer(player_of(connect4, 8), 1.0, now=Ticks(0.01))
    states = np.stack([position.state for position in random_positions(connect4, 3, seed=1)])
    begun = player.timed.now.time
    assert all(
        action in players.legal_actions(connect4, state)
        for action, state in zip(player.choose(states), states)
    )
    assert 3.0 <= player.timed.now.time - begun <= 3.5
    analysis = player.analyse(states[0])
    assert analysis.simulations > 8
    assert analysis.choice in [move.action for move in analysis.moves]


def test_the_tighter_of_two_times_counts(connect4):
    player = TimedPlayer(player_of(connect4, 8), 1.0)
    for seconds, ticks in ((0.5, 0.5), (9.0, 1.0)):
        now = Ticks(0.01)
        TimedSearcher(player, now=now).think(None, connect4.start().state, seconds)
        assert ticks <= now.time - 100.0 <= ticks + 0.1
    assert least(None, 2.0, 1.0) == 1.0 and least(None, None) is None


def test_under_a_time_the_rate_so_far_says_what_is_left(connect4):
    """At ticks of 10 ms, 100 a second. After half a second 50 of 1000 waves are done: in the half
    that is left there is time for as many again, and FASTER more."""
    ticks = Ticks(0.0)
    player = player_of(connect4, 1000)
    move_search = TimedSearcher(player, now=ticks).begin(None, connect4.start().state, seconds=1.0)
    move_search.search.run(50)
    assert move_search.left() == 950  # no time has passed: nothing is known of the rate
    ticks.time += 0.5
    assert move_search.left() == pytest.approx(timed.FASTER * 50)
    ticks.time += 0.5
    assert move_search.left() == 0.0


def test_a_move_that_is_clear_takes_less_than_its_time(connect4):
    position = played(connect4, "414141")  # column 4 wins
    for config, low, high in ((WHOLE, 1.0, 1.1), (MatchConfig(), 0.1, 0.9)):
        now, player = Ticks(0.01), player_of(connect4, 8, config=config)
        player.has_fixed_simulations = False
        search = TimedSearcher(player, now=now).think(None, position.state, seconds=1.0)
        assert connect4.format(search.choice()[0]) == "4" and low <= now.time - 100.0 <= high


# Along a game


def followed(search) -> list[int]:
    """The actions that the search is made to follow from now on."""
    found, advance = [], search.advance
    search.advance = lambda action: (found.append(action), advance(action))
    return found


def test_a_search_follows_the_moves_of_a_game_and_begins_anew_elsewhere(connect4):
    search = player_of(connect4, 30).anytime_search()
    search.go_to((), connect4.start().state)
    actions = followed(search)
    for moves, way in (
        ("4", [3]),
        ("4 1 2", [0, 1]),
        ("4 1 2", []),
        ("4", []),
        ("5 5", []),
        ("5 5 5", [4]),
    ):
        del actions[:]
        position = played(connect4, moves)
        search.go_to(tuple(connect4.parse(move) for move in moves.split()), position.state)
        assert actions == way and np.array_equal(search.forest.root_state[0], position.state)
        assert search.run(30) and search.visits == 30 and search.choice()[0] in position.legal


def test_what_is_known_of_a_position_that_is_asked_again_stays(connect4):
    search = player_of(connect4, 30).anytime_search()
    search.go_to((3,), played(connect4, "4").state)
    search.run(20)
    search.go_to((3,), played(connect4, "4").state)
    assert search.visits == 20


def test_the_same_moves_of_a_game_that_began_otherwise_are_another_game():
    go5 = games.load("go5")
    search = player_of(go5, 10).endless_search()
    other = go5.setup([6], [], 1)
    search.go_to((), go5.start().state)
    search.go_to((12,), other.copy().play(12).state)
    assert np.array_equal(search.forest.root_state[0], other.copy().play(12).state)
    search.go_to((), go5.start().state)
    # from the start that action 6 is legal in, unlike above
    search.go_to((6, 7), go5.start().play(6).play(7).state)
    assert search.run(10) and search.choice()[0] in go5.start().play(6).play(7).legal
    search.set_position(other.state)
    search.moves = ()
    search.go_to((6,), go5.start().play(6).state)  # a stone stands there: not followed
    assert np.array_equal(search.forest.root_state[0], go5.start().play(6).state)


# While the opponent thinks


def test_pondering_makes_the_next_search_ask_less(connect4):
    """What was found behind the opponent's move is used, by the tree or by the answers that are
    remembered."""
    asked = {}
    for ponders in (False, True):
        network = Counting(connect4.actions)
        timed = TimedSearcher(player_of(connect4, 200, network=network), ponders=True)
        moves, position = (3,), played(connect4, "4")
        looks = iter([False] * 250 + [True] * 1000)
        if ponders:
            timed.ponder(moves, position.state, lambda looks=looks: next(looks))
        before = network.rows
        timed.think((3, 3), played(connect4, "4 4").state)
        asked[ponders] = network.rows - before
    assert asked[True] < 0.8 * asked[False]


def test_a_person_who_never_comes_back_does_not_burn_the_processor(connect4, monkeypatch):
    now = Ticks(1.0)
    TimedSearcher(player_of(connect4, 10), True, now).ponder(
        (), connect4.start().state, lambda: False
    )
    assert LONGEST_PONDER <= now.time - 100.0 <= LONGEST_PONDER + 10
    # trees of 1000 simulations: memory ends it before patience does
    monkeypatch.setattr(players, "EDGES", 1)
    timed = TimedSearcher(player_of(connect4, 10), True, lambda: 0.0)
    timed.ponder((), connect4.start().state, lambda: False)
    assert timed.endless.visits == 1000


def test_pondering_beside_a_wait_leaves_no_thread_whatever_happens(connect4):
    timed = TimedSearcher(player_of(connect4, 10), ponders=True)
    before, begun = threading.active_count(), threading.Event()
    timed.endless = timed.player.endless_search()
    wave = timed.endless._step
    timed.endless._step = lambda: (begun.set(), wave())[1]
    with timed.pondering((), connect4.start().state):
        assert begun.wait(60)
    assert threading.active_count() == before and timed.endless.visits >= 1
    with pytest.raises(KeyboardInterrupt), timed.pondering((3,), played(connect4, "4").state):
        raise KeyboardInterrupt
    assert threading.active_count() == before


def test_a_network_that_fails_while_it_ponders_says_so_when_it_moves(connect4):
    class Broken(FakeNetwork):
        def evaluate(self, batch, rows):
            raise FloatingPointError("not finite")

    timed = TimedSearcher(player_of(connect4, 10, network=Broken(7)), ponders=True)
    with timed.pondering((), connect4.start().state):
        pass
    with pytest.raises(FloatingPointError):
        timed.think((), connect4.start().state)


# By name


def test_times_stand_where_simulations_do(connect4):
    player = players.create("mcts:250ms", connect4)
    assert (
        isinstance(player, TimedPlayer) and player.seconds == 0.25 and player.name == "mcts:250ms"
    )
    player.timed.now = Ticks(0.01)
    assert player.choose(played(connect4, "414141").state[None]) == [3]


@pytest.mark.parametrize(
    "word", ["0s", "-1s", "0.5", "1d", "s", "nan", "nans", "1e9s", "inf", "1s1", "25h", "٣s", "²"]
)
def test_nonsense_is_no_time(connect4, word):
    with pytest.raises(ValueError, match="player 'mcts:") as refusal:
        players.create(f"mcts:{word}", connect4)
    assert "\n" not in str(refusal.value)
