"""The Go Text Protocol's server thinks: analysis that ends when something comes, clocks,
pondering."""

import re
import time

import pytest

from games.game import win_rate
from selfplay.config import MatchConfig, NetworkConfig
from selfplay.faces.engine_session import EngineSession
from selfplay.faces.gtp_commands import COMMANDS as KNOWN
from selfplay.faces.gtp_time import KATA_SYSTEMS, KGS_SYSTEMS, time_system
from selfplay.matches import players
from selfplay.matches.players import SearchPlayer
from selfplay.network.weights import new_network, shape_for
from selfplay.searching.result import lower_bound, principal_variation
from selfplay.searching.time_control import NO_LIMIT, TimeControl
from tests.faces.gtp.talk import answers, named, talk
from tests.faces.sitting import Parrot

# Analysis


def test_a_stopped_search_says_what_it_has_and_an_unstopped_one_what_the_player_says(connect4):
    player = players.create("mcts:300", connect4, seed=4)
    position = connect4.start().play("4").play("1")
    search = player.anytime_search()
    search.set_position(position.state)
    assert search.run(300) and search.choice()[0] == player.choose(position.state[None])[0]
    search.set_position(position.state)
    looks = iter([False] * 20 + [True] * 1000)
    assert not search.run(300, lambda: next(looks))
    assert 1 <= search.visits < 300 and search.choice()[0] in position.legal
    search.set_position(position.state)
    assert (
        not search.run(300, lambda: True)
        and search.visits == 1
        and search.choice()[0] in position.legal
    )


def test_candidates_are_ranked_for_the_mover_and_their_lines_follow_the_tree(connect4):
    for moves, win in (("414141", "4"), ("7414141", "4")):  # whoever moves wins at once
        position = connect4.start()
        for move in moves:
            position.play(move)
        player = players.create("mcts:1", connect4)
        search = player.endless_search()
        search.set_position(position.state)
        search.run(2000)
        found = player.result_of(search)
        candidates, mover = found.ranked(), position.mover
        best = candidates[0]
        assert found.mover == mover and connect4.format(best.action) == win
        assert win_rate(best.value, mover) > 0.95
        assert principal_variation(search, best.action) == ((best.action,), (best.visits,))
        assert sum(move.visits for move in candidates) == found.simulations == 2000
        for move in candidates:
            rate = win_rate(move.value, mover)
            assert 0.0 <= lower_bound(rate, move.visits) <= rate <= 1.0
            line, visits = principal_variation(search, move.action)
            assert line[0] == move.action and visits[0] == move.visits
            after = position.copy()
            for action in line:
                after.play(action)


def test_a_network_s_searches_can_be_watched_and_stopped_too(tictactoe):
    network = new_network(shape_for(tictactoe, NetworkConfig(blocks=1, channels=4)), 1)
    player = SearchPlayer.network(
        "net", tictactoe, network, MatchConfig(mcts_solver=False), 16, precision="fp32"
    )
    position = tictactoe.start()
    for move in ("a1", "b1", "a2", "b2"):
        position.play(move)
    endless = player.endless_search()  # several leaves in flight
    endless.set_position(position.state)
    endless.run(500)
    candidates = player.result_of(endless).ranked()
    assert sum(move.visits for move in candidates) == 500
    assert tictactoe.format(candidates[0].action) == "a3"
    own = player.anytime_search()  # Gumbel's
    own.set_position(position.state)
    assert own.run(16) and own.choice()[0] == player.choose(position.state[None])[0]
    own = player.anytime_search()  # one that remembers nothing
    own.set_position(position.state)
    looks = iter([False] * 5 + [True] * 100)
    assert (
        not own.run(16, lambda: next(looks))
        and 1 <= own.visits < 16
        and own.choice()[0] in position.legal
    )


def test_the_lower_bound_is_the_normal_one():
    assert lower_bound(0.5, 100) == pytest.approx(0.5 - 1.96 * 0.05)
    assert lower_bound(1.0, 5) == 1.0 and lower_bound(0.1, 1) == 0.0


def test_analysis_grows_until_something_comes(connect4):
    said = talk(connect4, "play b 4\n5 lz-analyze 2\n", named("mcts:10"), then="6 name\n", lines=4)
    head, _, tail = said.removeprefix("=\n\n=5\n").partition("\n\n")
    assert tail == "=6 selfplay\n\n"
    lines = head.split("\n")
    assert len(lines) >= 4 and all(line.startswith("info move ") for line in lines)
    visits = [sum(map(int, re.findall(r"visits (\d+)", line))) for line in lines]
    assert visits == sorted(visits) and visits[-1] > visits[0] > 0
    pattern = (
        r"info move (\d) visits (\d+) winrate (\d+) prior (\d+) lcb (\d+) order (\d+) pv( \d)+"
    )
    found = re.findall(pattern, lines[-1])
    assert [int(f[5]) for f in found] == list(range(7)) and {f[0] for f in found} == set("1234567")
    assert all(0 <= int(f[4]) <= int(f[2]) <= 10_000 for f in found)


@pytest.mark.parametrize("end", ["\n", "x", "# only a comment"])
def test_a_single_byte_ends_an_analysis(connect4, end):
    assert (
        talk(connect4, "lz-analyze b 1\n", named("mcts:10"), then=end, lines=1).count("info") >= 1
    )


def test_kata_analyze_gives_rates_in_0_to_1(connect4):
    command = "kata-analyze w interval 1 maxmoves 3 minmoves 3 ownership true avoid b 4 1\n"
    assert talk(connect4, command, named("mcts:10")).startswith("? it is the other player's turn")
    said = talk(connect4, command.replace(" w ", " b "), named("mcts:10"), then="quit\n", lines=1)
    rates = [float(rate) for rate in re.findall(r" winrate (\S+) ", said)]
    bounds = [float(rate) for rate in re.findall(r" lcb (\S+) ", said)]
    assert len(rates) >= 3 and all(0 <= bound <= rate <= 1 for bound, rate in zip(bounds, rates))
    assert "scoreLead 0 " in said and said.endswith("\n\n=\n\n")


def test_a_whole_tree_waits_for_the_next_command(tictactoe, monkeypatch):
    monkeypatch.setattr("selfplay.matches.players.EDGES", 1)  # 1000 simulations
    # long before half a minute
    said = talk(tictactoe, "lz-analyze 3000\n", named("mcts:10"), then="1 name\n", lines=1)
    assert said.count("info move a1") == 1 and said.endswith("=1 selfplay\n\n")


def test_a_move_s_search_can_be_watched(connect4):
    said = talk(connect4, "3 lz-genmove_analyze b 1\nshowboard\nundo\n", named("mcts:3000"))
    head, board, undone = said.split("\n\n")[:3]
    assert head.startswith("=3\ninfo move ") and re.fullmatch(r"play [1-7]", head.split("\n")[-1])
    assert board.count("X") == 1 and undone == "="


def test_a_short_time_cuts_a_long_search(connect4):
    begin = time.monotonic()
    said = answers(
        connect4,
        "time_settings 0 1 10",
        "genmove b",
        "time_left w 1 5",
        "genmove w",
        make_player=named("mcts:5000000"),
    )
    assert said[1][2:] in "1234567" and time.monotonic() - begin < 20.0  # of some minutes


def test_time_systems_are_told_as_kgs_and_katago_tell_them(connect4):
    told = {
        "none": NO_LIMIT,
        "absolute 300": TimeControl(300.0),
        "byoyomi 300 30 5": TimeControl(300.0, period=30.0, moves=1, periods=5),
        "byoyomi 300 30 0": TimeControl(300.0),
        "canadian 300 600 25": TimeControl(300.0, period=600.0, moves=25, periods=1),
        "canadian 300 0 0": TimeControl(300.0),
        "fischer 300 2.5": TimeControl(300.0, increment=2.5),
        "fischer-capped 300 2.5 600 -1": TimeControl(300.0, increment=2.5, most_main=600.0),
        "fischer-capped 300 2.5 -1 60": TimeControl(300.0, increment=2.5, most_a_move=60.0),
    }
    for words, control in told.items():
        assert time_system(words.split(), KATA_SYSTEMS) == control
        assert answers(connect4, f"kata-time_settings {words}") == ["="]
        is_known = words.split()[0] in KGS_SYSTEMS
        assert answers(connect4, f"kgs-time_settings {words}")[0].startswith(
            "=" if is_known else "?"
        )
    assert answers(connect4, "kata-list_time_settings") == [
        "= none absolute byoyomi canadian fischer fischer-capped"
    ]


@pytest.fixture
def session(connect4):
    return EngineSession(connect4, named("mcts:20"), inbox=Slow(10**9))


def do(session, *lines):
    for line in lines:
        name, *arguments = line.split()
        KNOWN[name](session, arguments)


def test_the_plain_protocol_s_time_is_absolute_overtime_or_none(session):
    do(session, "time_settings 300 60 20")
    assert session.clock.control == TimeControl(300.0, period=60.0, moves=20, periods=1)
    do(session, "time_settings 300 0 0")
    assert session.clock.control == TimeControl(300.0)
    do(session, "time_settings 0 0 0")
    assert session.clock.control == TimeControl(0.0) and session.clock.budget(0) > 0
    do(session, "time_settings 0 1 0")
    assert session.clock.control == NO_LIMIT


def test_time_that_is_told_counts_and_between_that_one_s_own_count(session):
    times = iter([10.0, 17.0, 20.0, 20.0])
    session.now = lambda: next(times, 20.0)
    do(session, "time_settings 100 0 0", "time_left w 44 0")
    assert [str(left) for left in session.clock.sides] == ["1:40", "0:44"]
    session.timed.now = lambda: 0.0
    do(session, "genmove b")
    assert [str(left) for left in session.clock.sides] == ["1:33", "0:44"]
    do(session, "time_left b -0.5 0")
    assert str(session.clock.sides[0]) == "0:00.0"
    do(session, "clear_board")  # a new game has its time
    assert [str(left) for left in session.clock.sides] == ["1:40", "1:40"]


def test_no_move_takes_longer_than_the_most_that_is_set(session):
    seen = []
    begin = session.timed.begin
    session.timed.begin = lambda moves, state, seconds, *rest: (
        seen.append(seconds),
        begin(moves, state, seconds, *rest),
    )[1]
    do(
        session,
        "genmove b",
        "kata-set-param maxTime 0.01",
        "genmove w",
        "kata-time_settings fischer 3000 3",
        "genmove b",
    )
    assert seen == [None, 0.01, 0.01]
    do(session, "kata-set-param maxTime 5000", "genmove w")
    # 39 plies are left, 20 of them White's
    assert seen[3] == pytest.approx(0.9 * (3000 / 20 + 3) - 0.05)


def test_parameters_are_named_as_katago_names_them(connect4):
    assert answers(connect4, "kata-list-params") == ["= maxTime ponderingEnabled"]
    said = answers(
        connect4, "kata-get-param maxTime", "kata-set-param maxTime 2.5", "kata-get-param maxTime"
    )
    assert float(said[0][2:]) > 1e9 and said[1:] == ["=", "= 2.5"]
    get, put = "kata-get-param ponderingEnabled", "kata-set-param ponderingEnabled True"
    assert answers(connect4, get, put, get) == ["= false", "=", "= true"]
    assert answers(connect4, get, ponders=True) == ["= true"]


# Pondering


class Slow:
    """An inbox into which the next command comes when somebody has looked so often."""

    def __init__(self, looks: int):
        self.left = looks

    def has_more(self) -> bool:
        self.left -= 1
        return self.left < 0

    def is_interrupted(self) -> bool:
        return False


def pondered(session, looks: int = 10) -> int:
    """How often a command was looked for, which is once a wave, before the table waited for it."""
    session.inbox = Slow(looks)
    session.ponder()
    return looks - max(0, session.inbox.left)


def test_the_player_thinks_on_behind_its_own_move_and_nowhere_else(session):
    do(session, "kata-set-param ponderingEnabled true")
    assert pondered(session) == 0  # nobody has asked it for a move
    do(session, "genmove b")
    assert pondered(session) == 10 and session.timed.endless.visits >= 1
    do(session, "name", "time_left b 10 0")
    assert pondered(session) == 10  # words between do not end it
    do(session, "stop")
    assert pondered(session) == 0
    do(session, "genmove w")
    assert pondered(session) == 10
    do(session, "play b 2")
    assert pondered(session) == 0  # it is asked soon
    do(session, "genmove w", "undo")
    assert pondered(session) == 0
    do(session, "genmove w", "kata-set-param ponderingEnabled false")
    assert pondered(session) == 0


def test_when_the_game_is_over_nobody_thinks(tictactoe):
    session = EngineSession(tictactoe, named("mcts:50"), inbox=Slow(10**9), ponders=True)
    do(session, "play b a1", "play w a2", "play b b1", "play w b2", "genmove b")
    assert session.position.outcome == 1.0 and pondered(session) == 0


def test_a_player_that_does_not_search_does_not_ponder(connect4):
    session = EngineSession(connect4, Parrot, inbox=Slow(10**9), ponders=True)
    do(session, "genmove b")
    assert pondered(session) == 0


def test_a_pondering_engine_plays_and_answers_as_always(connect4):
    commands = [
        "genmove b",
        "name",
        "play w 1",
        "genmove b",
        "undo",
        "genmove b",
        "clear_board",
        "genmove b",
        "quit",
    ]
    said = answers(connect4, *commands, make_player=named("mcts:50"), ponders=True)
    assert (
        said[1] == "= selfplay"
        and all(said[i][2:] in "1234567" for i in (0, 3, 5, 7))
        and said[2::2][:3] == ["="] * 3
    )
