"""The engine behind KaTrain and others: answers to queries of KataGo's analysis engine
(docs/Analysis_Engine.md), and whose win rates they are."""

import pytest

import games
from tests.faces.katago.talk import ENDED, GO5, TICTACTOE, ask, hashing, only


def test_visits_are_those_asked_for_and_the_root_s_rate_is_their_mean(go5):
    said = only(
        ask(go5, GO5 | {"id": "a", "maxVisits": 41, "moves": [["B", "C3"]]}, player=hashing)
    )
    root, moves = said["rootInfo"], said["moveInfos"]
    assert said["id"] == "a" and said["turnNumber"] == 1 and said["isDuringSearch"] is False
    assert (
        root["visits"] == 41
        and sum(move["visits"] for move in moves) == 40
        and root["currentPlayer"] == "W"
    )
    assert [move["order"] for move in moves] == list(range(len(moves)))
    assert [move["visits"] for move in moves] == sorted(
        (move["visits"] for move in moves), reverse=True
    )
    mean = (root["rawWinrate"] + sum(move["visits"] * move["winrate"] for move in moves)) / 41
    assert root["winrate"] == pytest.approx(mean, abs=1e-5)
    for info in (root, *moves):
        assert (
            info["utility"] == pytest.approx(2 * info["winrate"] - 1, abs=1e-5)
            and info["scoreLead"] == 0.0
        )
    for move in moves:
        assert move["pv"][0] == move["move"] and 0 <= move["prior"] <= 1
        position = go5.start().play("C3")
        for word in move["pv"]:
            position.play(word)


def test_rates_are_black_s_unless_the_query_says_otherwise(tictactoe):
    """Whoever moves wins at once, by a3. X is Black."""
    for moves, mover in (
        ([["B", "a1"], ["W", "b1"], ["B", "a2"], ["W", "b2"]], "BLACK"),
        (
            [["B", "c1"], ["W", "a1"], ["B", "b1"], ["W", "a2"], ["B", "c2"]],
            "WHITE",
        ),
    ):
        for named in (None, "BLACK", "WHITE", "SIDETOMOVE"):
            settings = {"overrideSettings": {"reportAnalysisWinratesAs": named}} if named else {}
            query = TICTACTOE | {"id": "a", "moves": moves, "maxVisits": 400} | settings
            said = only(ask(tictactoe, query))
            best = said["moveInfos"][0]
            wins = named == "SIDETOMOVE" or (named or "BLACK") == mover
            assert best["move"] == "a3" and best["winrate"] == best["lcb"] == (1.0 if wins else 0.0)
            assert said["rootInfo"]["winrate"] > 0.9 if wins else said["rootInfo"]["winrate"] < 0.1
            # the bound is the mover's worse case, whoever is told of it
            for move in said["moveInfos"]:
                assert move["lcb"] <= move["winrate"] if wins else move["lcb"] >= move["winrate"]


def test_a_game_that_is_over_has_exact_points_and_owners(go5):
    """Black has one stone and so the whole board: 25 points less komi."""
    black, empty = ENDED, [["B", "C3"], ["W", "pass"], ["B", "pass"]]
    query = GO5 | {"id": "a", "komi": 6.5, "includeOwnership": True, "includePolicy": True}
    said = only(ask(go5, query | {"moves": empty}))
    assert (
        said["rootInfo"]["scoreLead"] == 18.5
        and said["rootInfo"]["winrate"] == 1.0
        and said["moveInfos"] == []
    )
    assert said["ownership"] == [1] * 25 and said["policy"] == [-1.0] * 26
    said = only(
        ask(
            go5, query | {"moves": empty, "overrideSettings": {"reportAnalysisWinratesAs": "WHITE"}}
        )
    )
    assert said["rootInfo"]["scoreLead"] == -18.5 and said["rootInfo"]["winrate"] == 0.0
    assert said["ownership"] == [-1] * 25
    said = only(ask(go5, query | {"moves": black}))
    assert said["rootInfo"]["scoreLead"] == -6.5 and said["ownership"] == [0] * 25


def test_owners_are_left_out_while_the_game_goes_on_and_a_warning_says_so(go5):
    warning, said = ask(go5, GO5 | {"id": "a", "includeOwnership": True, "maxVisits": 5})
    assert warning == {
        "warning": "left out: owners are known when the game is over",
        "field": "includeOwnership",
        "id": "a",
    }
    assert "ownership" not in said


def test_the_policy_has_a_place_for_every_point_and_the_pass(go5):
    said = only(
        ask(go5, GO5 | {"id": "a", "includePolicy": True, "moves": [["B", "B5"]]}, player=hashing)
    )
    # B5, the second point from the top left
    assert len(said["policy"]) == 26 and said["policy"][1] == -1.0
    legal = [share for share in said["policy"] if share >= 0]
    assert len(legal) == 25 and sum(legal) == pytest.approx(1.0, abs=1e-4)
    assert {move["move"]: move["prior"] for move in said["moveInfos"]}.items() <= {
        ("pass" if index == 25 else "ABCDE"[index % 5] + str(5 - index // 5)): share
        for index, share in enumerate(said["policy"])
    }.items()
    tictactoe = games.load("tictactoe")
    # no pass
    assert (
        only(ask(tictactoe, TICTACTOE | {"id": "a", "includePolicy": True}))["policy"][-1] == -1.0
    )


def test_a_line_s_visits_are_told_where_they_are_asked_for(go5):
    said = only(
        ask(go5, GO5 | {"id": "a", "maxVisits": 200, "includePVVisits": True, "analysisPVLen": 2})
    )
    for move in said["moveInfos"]:
        assert (
            len(move["pvVisits"]) == len(move["pv"]) <= 2 and move["pvVisits"][0] == move["visits"]
        )
        assert move["pvVisits"] == sorted(move["pvVisits"], reverse=True)
    assert "pvVisits" not in only(ask(go5, GO5 | {"id": "a"}))["moveInfos"][0]


def test_turns_are_answered_once_each(go5):
    moves = [["B", "C3"], ["W", "B2"], ["B", "D4"]]
    said = ask(go5, GO5 | {"id": "a", "moves": moves, "analyzeTurns": [3, 0, 1], "maxVisits": 10})
    assert sorted(answer["turnNumber"] for answer in said) == [0, 1, 3]
    assert only(ask(go5, GO5 | {"id": "a", "moves": moves}))["turnNumber"] == 3
