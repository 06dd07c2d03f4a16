"""Queries side by side: stopped, reported on, in the order of their priorities, bound by time."""

from selfplay.config import MatchConfig
from selfplay.matches.players import SearchPlayer
from selfplay.searching.reference import FakeNetwork
from tests.faces.katago.talk import GO5, ask, only

ENDLESS = GO5 | {"id": "endless", "maxVisits": 10_000_000, "reportDuringSearchEvery": 0.01}
DURING = '"isDuringSearch":true'


def test_a_terminate_stops_a_search_which_tells_what_it_has(go5):
    stop = {"id": "t", "action": "terminate", "terminateId": "endless"}
    said = ask(go5, ENDLESS, on=DURING, then=[stop, GO5 | {"id": "next"}])
    during, (last, echo, after) = said[:-3], said[-3:]
    assert during and all(
        answer["isDuringSearch"] and answer["id"] == "endless" for answer in during
    )
    visits = [answer["rootInfo"]["visits"] for answer in (*during, last)]
    assert visits == sorted(visits) and visits[-1] < 10_000_000
    assert last["id"] == "endless" and last["isDuringSearch"] is False and last["moveInfos"]
    assert echo == stop and after["id"] == "next"


def test_what_waits_is_terminated_without_results(go5, monkeypatch):
    monkeypatch.setattr("selfplay.faces.review.ReviewSearch.__init__.__defaults__", (1,))
    waiting = GO5 | {"id": "waits", "moves": [["B", "C3"], ["W", "B2"]], "analyzeTurns": [0, 1, 2]}
    one = {"id": "t", "action": "terminate", "terminateId": "waits", "turnNumbers": [1, 7]}
    said = ask(
        go5, ENDLESS, waiting, on=DURING, then=[one, {"id": "all", "action": "terminate_all"}]
    )
    said = [answer for answer in said if not answer.get("isDuringSearch")]
    assert (
        said[0] == {"id": "waits", "turnNumber": 1, "isDuringSearch": False, "noResults": True}
        and said[1] == one
    )
    assert said[2]["id"] == "endless" and said[2]["moveInfos"]
    assert [(a["turnNumber"], a["noResults"]) for a in said[3:5]] == [
        (0, True),
        (2, True),
    ] and said[5]["id"] == "all"


def test_the_most_urgent_waiting_is_searched_first_and_equals_in_their_order(go5, monkeypatch):
    monkeypatch.setattr("selfplay.faces.review.ReviewSearch.__init__.__defaults__", (1,))
    moves = [["B", "C3"], ["W", "B2"]]
    turns = GO5 | {
        "id": "turns",
        "moves": moves,
        "analyzeTurns": [0, 1, 2],
        "priorities": [5, -1, 7],
        "maxVisits": 5,
    }
    queries = [
        GO5 | {"id": name, "priority": urgency, "maxVisits": 5}
        for name, urgency in zip("abc", (0, 6, 0))
    ]
    said = ask(go5, *queries, turns)
    order = [(answer["id"], answer["turnNumber"]) for answer in said]
    # All lines are read before the first wave.
    assert order == [("turns", 2), ("b", 0), ("turns", 0), ("a", 0), ("c", 0), ("turns", 1)]


def test_short_searches_overtake_long_ones(go5):
    said = ask(go5, GO5 | {"id": "long", "maxVisits": 600}, GO5 | {"id": "short", "maxVisits": 5})
    assert [answer["id"] for answer in said] == ["short", "long"]


def test_a_search_ends_by_time(go5):
    said = only(
        ask(
            go5, GO5 | {"id": "a", "maxVisits": 10_000_000, "overrideSettings": {"maxTime": "0.05"}}
        )
    )
    assert 2 <= said["rootInfo"]["visits"] < 10_000_000


def test_at_the_input_s_end_searches_are_finished_unless_told_otherwise(go5):
    assert only(ask(go5, GO5 | {"id": "a", "maxVisits": 300}))["rootInfo"]["visits"] == 300
    assert ask(go5, GO5 | {"id": "a", "maxVisits": 300}, is_patient=False) == []


def test_actions_are_answered_with_themselves(go5):
    said = ask(
        go5, *[{"id": "x", "action": f"query_{what}", "mine": 1} for what in ("version", "models")]
    )
    assert said[0] == {
        "id": "x",
        "action": "query_version",
        "mine": 1,
        "version": "0.1.0",
        "git_hash": "<omitted>",
    }
    assert said[1]["models"][0]["name"] == "mcts:30" and said[1]["mine"] == 1


def test_a_cleared_cache_asks_the_network_again(go5):
    class Counting(FakeNetwork):
        rows = 0

        def evaluate(self, batch, rows):
            Counting.rows += rows
            super().evaluate(batch, rows)

    def counted(*queries) -> int:
        Counting.rows = 0
        ask(
            go5,
            *queries,
            player=lambda g: SearchPlayer.of("c", g, Counting(g.actions), MatchConfig(), 30),
        )
        return Counting.rows

    query, clear = GO5 | {"id": "a", "maxVisits": 2}, {"id": "c", "action": "clear_cache"}
    once = counted(query)
    assert counted(query, clear, query) == 2 * once > 0
