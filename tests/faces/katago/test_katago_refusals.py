"""Queries that cannot be answered, and searches that fail: an error that names the field, and no
other query is disturbed."""

import io
import json
import os

import pytest

import games
from selfplay.config import MatchConfig
from selfplay.faces.katago import LONGEST_QUERY, serve
from selfplay.matches import players
from selfplay.matches.players import SearchPlayer
from selfplay.searching.reference import FakeNetwork
from tests.faces.katago.talk import GO5, TICTACTOE, ask, lines
from tests.faces.sitting import Parrot

REFUSED = [
    (
        {"moves": [["B", "C3"], ["W", "C3"]]},
        "moves",
        "Illegal move 1: C3 (there is a stone already)",
    ),
    ({"moves": [["B", "C9"]]}, "moves", "'C9' is no move of Go 5x5"),
    ({"moves": [["X", "C3"]]}, "moves", "'X' is no player: B and W are"),
    ({"moves": [["B"]]}, "moves", "Expected `array` of length 2, got 1"),
    ({"moves": "C3"}, "moves", "Expected `array`, got `str`"),
    ({"initialStones": [["B", "pass"]]}, "initialStones", "a stone needs a point"),
    (
        {"initialStones": [["B", "C3"], ["W", "C3"]]},
        "initialStones",
        "a stone on C3 cannot be set up",
    ),
    ({"initialPlayer": "nobody"}, "initialPlayer", "'nobody' is no player"),
    ({"boardXSize": 25, "boardYSize": 25}, "boardXSize", "Go 5x5 cannot be played on 25 x 25"),
    ({"boardYSize": 6}, "boardXSize", "Go 5x5 cannot be played on 5 x 6"),
    ({"boardXSize": "5"}, "boardXSize", "Expected `int`, got `str`"),
    ({"komi": 1000}, "komi", "Expected `float` <= 150.0"),
    ({"maxVisits": 0}, "maxVisits", "Expected `int` >= 1"),
    ({"analyzeTurns": [1]}, "analyzeTurns", "invalid turn number 1: the query has 0 moves"),
    ({"analyzeTurns": [0], "priorities": [1, 2]}, "priorities", "must be as many as analyzeTurns"),
    ({"analyzeTurns": []}, "analyzeTurns", "names no turn"),
    ({"analyzeTurns": [10**400]}, "analyzeTurns", "Expected `int"),
    ({"priorities": []}, "priorities", "analyzeTurns is missing"),
    (
        {"analyzeTurns": [0], "priorities": [1], "priority": 2},
        "priorities",
        "cannot be given together with priority",
    ),
    ({"overrideSettings": {"maxVisits": 10**400}}, "overrideSettings", "maxVisits is out of range"),
    ({"overrideSettings": {"maxTime": 10**400}}, "overrideSettings", "maxTime is out of range"),
    (
        {"overrideSettings": {"maxTime": "9" * 5000 + "x"}},
        "overrideSettings",
        "maxTime must be a number, not '99999",
    ),
    ({"overrideSettings": {"maxVisits": True}}, "overrideSettings", "maxVisits must be a number"),
    ({"overrideSettings": {"maxVisits": [[]]}}, "overrideSettings", "maxVisits must be a number"),
    (
        {"overrideSettings": {"maxVisits": 2.5}},
        "overrideSettings",
        "maxVisits must be a whole number",
    ),
    (
        {"allowMoves": [{"player": "B", "moves": ["C3"], "untilDepth": 1}] * 2},
        "allowMoves",
        "once for each player",
    ),
    (
        {"avoidMoves": [{"player": "B", "moves": ["Z" * 10**4], "untilDepth": 1}]},
        "avoidMoves",
        "ZZZ'... (10,000 letters) is no move",
    ),
    (
        {"avoidMoves": [{"player": "B", "moves": ["C3"], "untilDepth": 0}]},
        "avoidMoves",
        "Expected `int` >= 1",
    ),
    ({"moves": [["B", "\0\n"]]}, "moves", "'\\x00\\n' is no move of Go 5x5"),
    ({"reportDuringSearchEvery": 0}, "reportDuringSearchEvery", "Expected `float` >= 0.001"),
    (
        {"avoidMoves": [{"player": "B", "moves": ["C3"]}]},
        "avoidMoves",
        "Object missing required field `untilDepth`",
    ),
    (
        {"overrideSettings": {"maxTime": "soon"}},
        "overrideSettings",
        "maxTime must be a number, not 'soon'",
    ),
    (
        {"overrideSettings": {"maxTime": "nan"}},
        "overrideSettings",
        "maxTime must be a number, not 'nan'",
    ),
    (
        {"overrideSettings": {"maxVisits": 0}},
        "overrideSettings",
        "maxTime and maxVisits must be above 0",
    ),
    (
        {"overrideSettings": {"reportAnalysisWinratesAs": "RED"}},
        "overrideSettings",
        "must be one of BLACK, WHITE",
    ),
    ({"overrideSettings": []}, "overrideSettings", "Expected `object`, got `array`"),
    ({"rules": 3}, "rules", "Expected `str | object`, got `int`"),
    ({"action": "sing"}, "action", "must be one of query_version, query_models"),
    ({"action": ["terminate"]}, "action", "must be one of query_version, query_models"),
    ({"action": "terminate"}, "terminateId", "Object missing required field `terminateId`"),
    (
        {"action": "terminate_all", "turnNumbers": 3},
        "turnNumbers",
        "Expected `array | null`, got `int`",
    ),
]


def test_what_cannot_be_done_is_said_with_the_field_and_the_next_query_is_answered(go5):
    queries = [GO5 | {"id": str(number)} | change for number, (change, _, _) in enumerate(REFUSED)]
    *said, last = ask(go5, *queries, GO5 | {"id": "z", "maxVisits": 3})
    assert last["id"] == "z" and len(last["moveInfos"]) > 0
    for number, (answer, (_, field, message)) in enumerate(zip(said, REFUSED, strict=True)):
        assert answer.keys() == {"error", "field", "id"} and answer["id"] == str(number), answer
        assert (
            answer["field"] == field and message in answer["error"] and "\n" not in answer["error"]
        ), answer
        assert len(answer["error"]) <= 300


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nonsense", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[1, 2]", 'a request is a JSON object with a text "id"'),
        (b"{}", 'a request is a JSON object with a text "id"'),
        (b'{"id": 3}', 'a request is a JSON object with a text "id"'),
        (b'{"id": "' + b"x" * LONGEST_QUERY + b'"}', "line too long: at most 1048576 bytes"),
    ],
    ids=["nonsense", "bytes", "depth", "array", "empty", "number", "length"],
)
def test_lines_that_are_no_request_are_said_to_be_none(go5, line, message, tmp_path):
    (tmp_path / "in").write_bytes(
        b"\n" + line + b"\n  \n" + lines(GO5 | {"id": "z", "maxVisits": 3})
    )
    output = io.StringIO()
    with open(tmp_path / "in", "rb") as file:
        serve(go5, lambda game: players.create("mcts:5", game), file.fileno(), output)
    error, answer = map(json.loads, output.getvalue().splitlines())
    assert error.keys() == {"error"} and message in error["error"] and answer["id"] == "z"


def test_rules_that_are_not_played_and_fields_that_are_not_used_are_warned_of(go5):
    def warned(**change):
        return [
            said["field"]
            for said in ask(go5, GO5 | {"id": "a", "maxVisits": 3} | change)
            if "warning" in said
        ]

    assert (
        warned(rules="japanese")
        == warned(rules={"scoring": "TERRITORY"})
        == warned(rules={"ko": "SIMPLE"})
        == ["rules"]
    )
    assert (
        warned(rules="Chinese_OGS") == warned(rules={"scoring": "AREA", "ko": "POSITIONAL"}) == []
    )
    assert warned(rootPolicyTemperature=1.5, maxvisits=3) == ["maxvisits", "rootPolicyTemperature"]
    assert warned(overrideSettings={"wideRootNoise": 0.04, "maxVisits": 2}) == ["overrideSettings"]
    assert warned(includeOwnershipStdev=True, includeMovesOwnership=False) == [
        "includeOwnershipStdev"
    ]
    assert [
        said for said in ask(games.load("tictactoe"), TICTACTOE | {"id": "a"}) if "warning" in said
    ] == []


def test_who_does_not_search_is_refused(go5):
    with pytest.raises(ValueError, match="parrot does not search"):
        ask(go5, player=Parrot)


def test_a_player_of_one_board_refuses_others(go5):
    def only_five(game):
        if game.name != "go5":
            raise ValueError(f"'net' plays go5, not {game.name}")
        return players.create("mcts:5", game)

    refused, answer = ask(
        go5,
        GO5 | {"id": "a", "boardXSize": 7, "boardYSize": 7},
        GO5 | {"id": "b"},
        player=only_five,
    )
    assert (
        refused == {"error": "'net' plays go5, not go7", "field": "boardXSize", "id": "a"}
        and answer["id"] == "b"
    )


class Failing(FakeNetwork):
    """A network that fails at a position that it knows by one more stone, as one that has diverged
    or that has no memory."""

    def __init__(self, actions: int, error: BaseException):
        super().__init__(actions)
        self.error = error

    def evaluate(self, batch, rows):
        if batch.planes[:rows, :2].sum(axis=(1, 2)).max() >= 5:
            raise self.error
        super().evaluate(batch, rows)


ERRORS = [
    (FloatingPointError("not finite"), "not finite"),
    (MemoryError(), "not enough memory"),
    (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    (OverflowError("x\ny " * 1000), "OverflowError: x y x y"),
    (RecursionError(), "RecursionError"),
    (OSError(5, "Input/output error"), "Input/output error"),
]


@pytest.mark.parametrize(
    ("error", "message"), ERRORS, ids=[type(error).__name__ for error, _ in ERRORS]
)
def test_a_search_that_fails_ends_its_query_with_an_error_and_no_other(go5, error, message):
    stones = [["B", "A1"], ["W", "A3"], ["B", "E5"], ["W", "E3"], ["B", "C3"]]
    bad = GO5 | {"id": "bad", "moves": stones, "analyzeTurns": [4, 5], "maxVisits": 50}
    good = GO5 | {"id": "good", "maxVisits": 2}

    def make_player(game):
        return SearchPlayer.of(
            "failing", game, Failing(game.actions, error), MatchConfig(kind="puct"), 30
        )

    said = ask(
        go5,
        bad,
        player=make_player,
        on="error",
        then=[good, bad | {"id": "again"}, good | {"id": "last"}],
    )
    errors = [answer for answer in said if "error" in answer]
    assert [answer["id"] for answer in errors][0] == "bad" and {
        answer["id"] for answer in errors
    } >= {"again"}
    assert all(message in answer["error"] and "\n" not in answer["error"] for answer in errors)
    assert len(errors) <= 4 and all(len(answer["error"]) <= 300 for answer in errors)


def test_who_is_searched_beside_a_failing_search_is_answered_too_and_who_waits_is_searched(
    go5, monkeypatch
):
    # a query waits for the one tree
    monkeypatch.setattr("selfplay.faces.review.ReviewSearch.__init__.__defaults__", (1,))
    stones = [["B", "A1"], ["W", "A3"], ["B", "E5"], ["W", "E3"], ["B", "C3"]]
    queries = [
        GO5 | {"id": "a", "moves": stones},
        GO5 | {"id": "b", "maxVisits": 2},
        GO5 | {"id": "c", "moves": stones},
    ]
    player = SearchPlayer.of(
        "f", go5, Failing(go5.actions, FloatingPointError("not finite")), MatchConfig(), 30
    )
    said = ask(go5, *queries, player=lambda game: player)
    assert [(answer["id"], "error" in answer) for answer in said] == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]


def test_whatever_a_query_raises_is_its_error(go5, monkeypatch):
    monkeypatch.setattr("selfplay.faces.katago.Request", lambda *arguments: 1 // 0)
    query = GO5 | {"id": "a"}
    assert (
        ask(go5, query, query)
        == [{"error": "ZeroDivisionError: integer division or modulo by zero", "id": "a"}] * 2
    )


def test_an_output_that_is_closed_is_not_a_query_s_fault(go5):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    reading, writing = os.pipe()
    os.write(writing, lines(GO5 | {"id": "a"}, {"id": "b", "action": "query_version"}))
    os.close(writing)
    with pytest.raises(BrokenPipeError):
        serve(go5, lambda game: players.create("mcts:5", game), reading, Closed())


def test_a_byte_order_mark_and_line_ends_of_other_systems_are_skipped(go5):
    """PowerShell writes the mark before what it pipes."""
    reading, writing = os.pipe()
    os.write(
        writing, b"\xef\xbb\xbf" + lines(GO5 | {"id": "a", "maxVisits": 2}).replace(b"\n", b"\r\n")
    )
    os.close(writing)
    serve(go5, lambda game: players.create("mcts:5", game), reading, output := io.StringIO())
    assert json.loads(output.getvalue())["id"] == "a"
