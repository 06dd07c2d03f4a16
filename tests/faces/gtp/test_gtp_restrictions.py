"""`allow` and `avoid` of lz-analyze and kata-analyze: moves that are left out of a search, for one
player and so deep (leela-zero, src/GTP.cpp, `AnalyzeTags`; KataGo, docs/GTP_Extensions.md)."""

import re
import time

import numpy as np
import pytest

import games
from selfplay.faces.gtp_analysis import read_wishes
from selfplay.matches import players
from tests.faces.gtp.sessions import infos, line_of, session_of
from tests.faces.gtp.talk import answers, named


@pytest.mark.parametrize("command", ["lz-analyze", "kata-analyze"])
def test_only_the_moves_that_are_allowed_are_searched(go5_table, command):
    """lizzie#772, leela-zero PR#1949: what `allow b D4,D5 1` asks for."""
    assert set(infos(line_of(go5_table, f"{command} b 30 allow b D4,D5 1"))) == {"D4", "D5"}
    assert set(infos(line_of(go5_table, f"{command} b 30 allow b A1:B2 3"))) == {
        "A1",
        "A2",
        "B1",
        "B2",
    }
    free = infos(line_of(go5_table, f"{command} b 30"))
    assert len(free) > 4 and set(free) - {"D4", "D5"}


@pytest.mark.parametrize("command", ["lz-analyze", "kata-analyze", "kata-search_analyze"])
def test_the_moves_that_are_avoided_are_not_searched(go5_table, command):
    free = list(infos(line_of(go5_table, f"{command} b 30")))
    best, second = free[:2]
    assert best not in infos(line_of(go5_table, f"{command} b 30 avoid b {best} 10"))
    both = infos(
        line_of(go5_table, f"{command} avoid b {best} 10 avoid b {second},pass 1 interval 30")
    )
    assert both and not {best, second, "pass"} & set(both)
    # the other player's
    assert best in infos(line_of(go5_table, f"{command} b 30 avoid w {best} 10"))


def test_avoided_moves_are_avoided_so_deep_and_no_deeper():
    """`avoid w C2 4`: White does not answer on C2 in the first four plies, and may in the fifth."""
    session = session_of(games.load("go5"), lambda game: players.create("mcts:300", game, seed=1))
    word = ",".join(session.game.format(a) for a in range(25) if a != session.game.parse("C2"))
    wishes = read_wishes(
        session, f"b avoid w {word} 2 avoid b {word.replace('C3,', '')},C2 1".split(), True
    )
    search = session.timed.at((), session.position.state, wishes.avoid_until)
    search.run(3000)
    assert {move.action for move in session.player.result_of(search).ranked()} == {
        session.game.parse("C3"),
        session.game.parse("pass"),
    }
    c3 = next(
        edge
        for edge, action in enumerate(search.node()[0])
        if session.game.format(int(action)) == "C3"
    )
    answers_of_white = search.node(0, int(search.node()[4][c3]))
    assert {session.game.format(int(a)) for a in answers_of_white[0]} == {"C2", "pass"}
    c2 = list(answers_of_white[0]).index(session.game.parse("C2"))
    black = search.node(0, int(answers_of_white[4][c2]))
    assert len(black[0]) > 10  # ply 2 is free for Black
    deeper = [search.node(0, int(child)) for child in black[4] if child >= 0]
    assert max(len(white[0]) for white in deeper) > 10  # and ply 3 for White


def test_a_restricted_search_and_a_free_one_never_go_on_from_each_other(go5_table):
    """The thinker keeps its tree between commands: a stale one would show moves that are forbidden
    now, or lack some."""
    for _ in range(2):
        free = infos(line_of(go5_table, "kata-analyze b 30"))
        only = infos(line_of(go5_table, "kata-analyze b 30 allow b A1 1"))
        assert set(only) == {"A1"} and len(free) > 10
    go5_table.play(0, go5_table.game.parse("A1"))
    assert len(infos(line_of(go5_table, "kata-analyze w 30"))) > 10
    assert set(infos(line_of(go5_table, "kata-genmove_analyze w 30 allow w E5 1"))) == {"E5"}
    go5_table.clear()


@pytest.mark.parametrize("ponders", [False, True])
@pytest.mark.parametrize("command", ["lz-genmove_analyze", "kata-genmove_analyze"])
def test_a_move_is_chosen_from_those_allowed(command, ponders):
    go5 = games.load("go5")
    said = answers(
        go5,
        f"{command} b 5 allow b A1,B1 1",
        "genmove w",
        "showboard",
        make_player=named("mcts:60"),
        ponders=ponders,
    )
    assert (
        re.search(r"\nplay [AB]1$", said[0]) and said[2].count("X") == 1 and said[2].count("O") == 1
    )


def test_a_player_who_is_left_no_move_is_told_so(go5, tictactoe):
    every = ",".join(go5.format(action) for action in range(go5.actions))
    assert answers(go5, f"lz-analyze b avoid b {every} 1", make_player=named("mcts:5")) == [
        "? no move is left that is allowed"
    ]
    said = answers(
        tictactoe, "play b a1", "kata-analyze w allow w a1 1", make_player=named("mcts:5")
    )
    assert said[1] == "? no move is left that is allowed"


def test_a_side_without_a_move_somewhere_below_ends_no_search(tictactoe):
    """White may not move in the second ply at all: each of Black's moves counts with its own
    evaluation, as in KataGo."""
    session = session_of(tictactoe)
    every = ",".join(tictactoe.format(action) for action in range(9))
    begin = time.monotonic()
    found = infos(line_of(session, f"kata-analyze b 5 avoid w {every} 2 pvVisits true"))
    assert (
        len(found) == 9
        and all(" " not in info["pv"] for info in found.values())
        and time.monotonic() - begin < 30
    )


def test_restrictions_are_read_for_every_game():
    for name in ("tictactoe", "othello6", "hex5", "gomoku9", "breakthrough5", "go7"):
        session = session_of(games.load(name))
        first, last = (session.game.format(int(session.position.legal[i])) for i in (0, -1))
        wishes = read_wishes(session, f"avoid b {first} 3 avoid w {last} 1".split(), False)
        assert np.count_nonzero(wishes.avoid_until) == 2
        assert (
            wishes.avoid_until[0, session.position.legal[0]] == 3
            and wishes.avoid_until[1, session.position.legal[-1]] == 1
        )
