"""Positions that queries of KataGo's analysis engine describe, and the moves that they forbid."""

import pytest

import games
from selfplay.faces.game_record import turned
from tests.faces.katago.talk import ENDED, GO5, ask, hashing, only


def hash_after(game, *queries) -> list[str]:
    return [
        answer["rootInfo"]["thisHash"] for answer in ask(game, *queries) if "rootInfo" in answer
    ]


def test_moves_stones_and_players_make_the_position_they_say(go5):
    position = go5.start(komi=0.5).play("C3").play("B2")
    query = GO5 | {"id": "a", "komi": 0.5, "maxVisits": 3}
    assert hash_after(go5, query | {"moves": [["b", "c3"], ["white", "B2"]]}) == [
        f"{position.key:016X}"
    ]
    twice = turned(go5.start(komi=0.5).play("C3"), 0).play("B2")
    assert hash_after(go5, query | {"moves": [["B", "C3"], ["B", "B2"]]}) == [f"{twice.key:016X}"]
    stones = [["B", "C3"], ["B", "B2"]]
    handicap = go5.setup([go5.parse("C3"), go5.parse("B2")], [], 1, komi=0.5)
    for player in ({}, {"initialPlayer": "W"}):  # White moves behind Black's stones
        assert hash_after(go5, query | {"initialStones": stones} | player) == [
            f"{handicap.key:016X}"
        ]
    black = go5.setup([go5.parse("C3"), go5.parse("B2")], [], 0, komi=0.5)
    assert hash_after(go5, query | {"initialStones": stones, "initialPlayer": "B"}) == [
        f"{black.key:016X}"
    ]
    white = go5.setup([], [], 1, komi=0.5).play("C3")
    assert hash_after(go5, query | {"moves": [["W", "C3"]]}) == [f"{white.key:016X}"]


def test_play_goes_on_behind_two_passes(go5):
    """KataGo's board history clears an end as soon as somebody moves on."""
    query = GO5 | {
        "id": "a",
        "maxVisits": 20,
        "moves": [*ENDED, ["B", "C3"]],
        "analyzeTurns": [2, 3],
    }
    over, on = sorted(ask(go5, query), key=lambda said: said["turnNumber"])
    assert over["moveInfos"] == [] and on["moveInfos"] and on["rootInfo"]["currentPlayer"] == "W"
    assert (
        on["rootInfo"]["thisHash"]
        == f"{turned(go5.start().play('pass').play('pass'), 0).play('C3').key:016X}"
    )


def test_points_may_be_told_as_numbers(go5):
    """docs/Analysis_Engine.md: strings like "(0,13)" give the X and Y coordinates; from the top
    left, as KataGo counts."""
    plain = GO5 | {
        "id": "a",
        "maxVisits": 3,
        "moves": [["B", "D5"]],
        "initialStones": [["W", "A1"]],
    }
    numbers = plain | {"moves": [["B", "(3,0)"]], "initialStones": [["W", "( 0, 4 )"]]}
    assert hash_after(go5, plain) == hash_after(go5, numbers)
    for word in ("(5,0)", "(0,5)", "(-1,0)", "(0)", "(0,0", "(0,0,0)", "(" + "9" * 10_000 + ",0)"):
        (error,) = ask(go5, plain | {"moves": [["B", word]]})
        assert (
            error["field"] == "moves"
            and "is no move of Go 5x5" in error["error"]
            and len(error["error"]) < 100
        )


def test_stones_are_set_up_in_every_game_that_has_stones():
    for name, black, white in (
        ("hex5", "a1", "b2"),
        ("gomoku9", "A1", "B2"),
        ("othello6", "c3", "d3"),
    ):
        game = games.load(name)
        query = {
            "id": "a",
            "rules": "",
            "boardXSize": game.columns,
            "boardYSize": game.rows,
            "maxVisits": 3,
        }
        stones = {"initialStones": [["B", black], ["W", white]], "initialPlayer": "W", "moves": []}
        expected = game.setup([game.parse(black)], [game.parse(white)], 1)
        assert hash_after(game, query | stones) == [f"{expected.key:016X}"], name
        # White begins, and no stones are set up
        first = {"moves": [["W", game.format(game.start().legal[0])]]}
        assert "error" not in only(ask(game, query | first)) or name == "othello6"


def test_komi_beyond_the_board_is_kept_for_the_score(go5):
    said = only(ask(go5, GO5 | {"id": "a", "komi": 150, "moves": ENDED}))
    assert said["rootInfo"]["scoreLead"] == -150


def test_another_board_of_the_family_is_taken_with_its_options(go5):
    said = only(
        ask(
            go5.with_options(komi=3.5),
            GO5 | {"id": "a", "boardXSize": 7, "boardYSize": 7, "moves": ENDED},
        )
    )
    assert said["rootInfo"]["scoreLead"] == -3.5


# one after the other: the root is found in the cache from the second on
@pytest.mark.parametrize("trees", [1, 8])
def test_moves_that_must_not_be_tried_are_not(go5, trees, monkeypatch):
    monkeypatch.setattr("selfplay.faces.review.ReviewSearch.__init__.__defaults__", (trees,))
    query = GO5 | {"id": "a", "maxVisits": 101}
    plain = only(ask(go5, query, player=hashing))
    best = [move["move"] for move in plain["moveInfos"][:3]]
    avoided = query | {"avoidMoves": [{"player": "B", "moves": best, "untilDepth": 1}]}
    allowed = query | {"allowMoves": [{"player": "B", "moves": best, "untilDepth": 1}]}
    whites = query | {"avoidMoves": [{"player": "W", "moves": best, "untilDepth": 1}]}
    wanted = [wish | {"id": name} for name, wish in zip("abc", (avoided, allowed, whites))]
    first, second, third = sorted(ask(go5, *wanted, player=hashing), key=lambda said: said["id"])
    tried = [{move["move"] for move in said["moveInfos"]} for said in (first, second, third)]
    assert tried[0] and not tried[0] & set(best) and tried[1] == set(best) and tried[2] > set(best)
    for said in (first, second, third):
        assert (
            said["rootInfo"]["visits"] == 101
            and sum(move["visits"] for move in said["moveInfos"]) == 100
        )
    assert sum(move["prior"] for move in second["moveInfos"]) == pytest.approx(1.0, abs=1e-5)
    nothing = query | {"allowMoves": [{"player": "B", "moves": [], "untilDepth": 1}]}
    said = only(ask(go5, nothing, player=hashing))
    assert said["moveInfos"] == [] and said["rootInfo"]["winrate"] == said["rootInfo"]["rawWinrate"]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_moves_are_bound_as_deep_as_the_query_says(go5, depth):
    """KataGo, docs/Analysis_Engine.md: "moves are prohibited before that ply"."""
    only_c2 = [
        {"player": side, "moves": ["C2" if side == "W" else "C3"], "untilDepth": depth}
        for side in "BW"
    ]
    said = only(
        ask(go5, GO5 | {"id": "a", "maxVisits": 400, "allowMoves": only_c2}, player=hashing)
    )
    assert [move["move"] for move in said["moveInfos"]] == ["C3"]
    line = said["moveInfos"][0]["pv"]
    assert (line[1] == "C2") == (depth > 1) and (len(line) == 2 or depth < 3 or line[2] == "pass")
    # Black may take C3 alone, and has taken it: the position behind C2 counts with its own value
    if depth == 3:
        assert line == ["C3", "C2"] and said["rootInfo"]["visits"] == 400


def test_no_game_ends_without_a_result_and_so_it_is_told(go5):
    said = only(ask(go5, GO5 | {"id": "a", "includeNoResultValue": True, "includePVVisits": True}))
    assert said["rootInfo"]["noResultValue"] == said["moveInfos"][0]["noResultValue"] == 0.0
    assert said["moveInfos"][0]["pvEdgeVisits"] == said["moveInfos"][0]["pvVisits"]


def test_a_first_report_alone_is_one_report(go5):
    query = GO5 | {"id": "a", "maxVisits": 2000, "firstReportDuringSearchAfter": 0.001}
    assert [answer["isDuringSearch"] for answer in ask(go5, query)] == [True, False]
