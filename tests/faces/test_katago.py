"""The engine behind KaTrain and others: queries and answers of KataGo's analysis engine
(docs/Analysis_Engine.md), as JSON lines; whose win rates; searches side by side, stopped and
reported on."""

import io
import json
import os

import pytest

import games
from selfplay.config import MatchConfig
from selfplay.faces.game_record import turned
from selfplay.faces.katago import LONGEST, serve
from selfplay.matches import players
from selfplay.matches.players import SearchPlayer
from selfplay.searching.reference import FakeNetwork
from tests.faces.sitting import Parrot

GO5 = {"rules": "tromp-taylor", "boardXSize": 5, "boardYSize": 5, "moves": []}
TICTACTOE = {"rules": "", "boardXSize": 3, "boardYSize": 3, "moves": []}
ENDED = [["B", "pass"], ["W", "pass"]]


class Output(io.StringIO):
    """What the engine says; `then` is sent behind the first line that has the text `on`, and the
    input ends."""

    def __init__(self, pipe: int, on: str, then: bytes):
        super().__init__()
        self.pipe, self.on, self.then = pipe, on, then

    def write(self, text: str) -> int:
        if self.on and self.on in text:
            self.on = ""
            os.write(self.pipe, self.then)
            os.close(self.pipe)
        return super().write(text)


def lines(*queries: dict) -> bytes:
    return "".join(json.dumps(query) + "\n" for query in queries).encode()


def ask(game, *queries: dict, player="mcts:30", on="", then=(), is_patient=True) -> list[dict]:
    """Everything that is answered, in order."""
    reading, writing = os.pipe()
    os.write(writing, lines(*queries))
    output = Output(writing, on, lines(*then))
    if not on:
        os.close(writing)
    make_player = (
        player if callable(player) else lambda wanted: players.create(player, wanted, seed=1)
    )
    serve(game, make_player, reading, output, is_patient)
    os.close(reading)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def only(answers: list[dict]) -> dict:
    (answer,) = [answer for answer in answers if "warning" not in answer]
    return answer


def hashing(game) -> SearchPlayer:
    """A player whose network's answers are hashes of what it sees."""
    return SearchPlayer.of("hash", game, FakeNetwork(game.actions), MatchConfig(kind="puct"), 30)


# Backend


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


# Positions


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


# What goes wrong

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
        "ZZZ...' is no move",
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
        (b'{"id": "' + b"x" * LONGEST + b'"}', "line too long: at most 1048576 bytes"),
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


# Actions, time and order

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
