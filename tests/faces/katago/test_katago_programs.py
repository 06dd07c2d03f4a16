"""The exchanges of programs that review games with KataGo's analysis engine, as their sources write
them."""

import json
import subprocess
import sys

import pytest

from tests.faces.katago.talk import lines

pytestmark = pytest.mark.slow


def katago(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "selfplay.cli", "analysis", *arguments]


def test_katrain_s_exchange():
    """Started with KataGo's options; the query that KaTrain 1.20 writes for a node, its ponder
    query and what stops it."""
    query = {
        "rules": "japanese", "priority": 1, "analyzeTurns": [2], "maxVisits": 25, "komi": 6.5,
        "boardXSize": 9, "boardYSize": 9, "includeOwnership": True, "includeMovesOwnership": True,
        "includePolicy": True, "initialStones": [], "initialPlayer": "B",
        "moves": [["B", "E5"], ["W", "C3"]],
        "overrideSettings": {
            "reportAnalysisWinratesAs": "BLACK", "wideRootNoise": 0.04, "maxTime": 8.0,
        },
        "reportDuringSearchEvery": 0.5, "id": "QUERY:1",
    }  # fmt: skip
    ponder = query | {"id": "QUERY:2", "maxVisits": 10_000_000, "reportDuringSearchEvery": 0.25}
    options = [
        "-model",
        "mcts:20",
        "-config",
        "analysis_config.cfg",
        "-override-config",
        "homeDataDir=/root/.katrain",
    ]
    process = subprocess.Popen(
        katago("--game", "go9", *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def send(request):
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()

    def receive():
        while "warning" in (said := json.loads(process.stdout.readline())):
            assert said["id"].startswith("QUERY:")
        return said

    send(query)
    said = receive()
    assert said["id"] == "QUERY:1" and said["turnNumber"] == 2 and len(said["policy"]) == 82
    assert said["rootInfo"]["visits"] == 25 and {"winrate", "scoreLead"} <= said["rootInfo"].keys()
    needed = {"move", "visits", "winrate", "scoreLead", "order", "pv", "prior", "lcb"}
    assert all(needed <= move.keys() for move in said["moveInfos"])
    send(ponder)
    assert receive()["isDuringSearch"] is True
    send({"action": "terminate", "terminateId": "QUERY:2", "id": "QUERY:3"})
    while (said := receive())["id"] == "QUERY:2" and said["isDuringSearch"]:
        pass
    assert said["isDuringSearch"] is False and receive()["terminateId"] == "QUERY:2"
    process.terminate()  # KaTrain's way to end it
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "selfplay: stopped\n")


def test_lizzieyzy_s_review_of_a_game():
    """One query for all turns, for the side to move; what its AnalysisEngine reads of each answer
    must be there."""
    moves = [["B", "E5"], ["W", "C3"], ["B", "pass"], ["W", "pass"]]
    query = {
        "id": "mainTrunk", "maxVisits": 11, "includePVVisits": True, "rules": "tromp-taylor",
        "komi": 7.5, "boardXSize": 9, "boardYSize": 9, "moves": moves, "analyzeTurns": [1, 2, 3, 4],
        "overrideSettings": {"reportAnalysisWinratesAs": "SIDETOMOVE"},
    }  # fmt: skip
    done = subprocess.run(
        katago("mcts:20", "--game", "go9", "-quit-without-waiting"),
        input=json.dumps(query).encode(),
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    done = subprocess.run(
        katago("mcts:20", "--game", "go9"), input=lines(query), capture_output=True, timeout=60
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, b"") and {
        answer["turnNumber"] for answer in said
    } == {1, 2, 3, 4}
    for answer in said:
        for move in answer["moveInfos"]:
            assert {
                "order",
                "move",
                "visits",
                "winrate",
                "lcb",
                "prior",
                "scoreLead",
                "scoreStdev",
                "pv",
            } <= move.keys()
            assert len(move["pvVisits"]) == len(move["pv"])
    assert next(answer for answer in said if answer["turnNumber"] == 4)["moveInfos"] == []
