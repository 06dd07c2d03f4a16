"""The words of lz-analyze and kata-analyze: each is obeyed or refused, none is ignored (leela-zero,
src/GTP.cpp, `AnalyzeTags`; KataGo, docs/GTP_Extensions.md)."""

import re

import pytest

import games
from selfplay.config import MatchConfig
from selfplay.faces.gtp_analysis import read_wishes
from selfplay.matches.players import SearchPlayer
from selfplay.searching.anytime import AnytimeSearch
from selfplay.searching.reference import FakeNetwork
from tests.faces.gtp.sessions import infos, line_of, session_of
from tests.faces.gtp.talk import answers, named, talk


def test_kata_search_analyze_plays_nothing(connect4):
    """KataGo, docs/GTP_Extensions.md: kata-search_analyze is genmove_analyze that does not make the
    move."""
    said = answers(
        connect4,
        "kata-search_analyze b 5 avoid b 4 1",
        "showboard",
        "genmove w",
        make_player=named("mcts:60"),
    )
    assert re.search(r"\nplay [1-35-7]$", said[0]) and "X" not in said[1]
    assert said[2] == "? it is the other player's turn"


@pytest.mark.parametrize("command", ["lz-analyze", "kata-analyze"])
def test_at_most_and_at_least_so_many_moves_are_written(command):
    game = games.load("go5")
    session = session_of(
        game,
        lambda game: SearchPlayer.of("one", game, FakeNetwork(26), MatchConfig(kind="puct"), 3),
    )
    every = infos(line_of(session, f"{command} b 30"))
    two = infos(line_of(session, f"{command} b interval 30 maxmoves 2"))
    assert len(two) == 2 < len(every) and [info["order"] for info in two.values()] == ["0", "1"]
    assert len(infos(line_of(session, f"{command} b 30 minmoves 26"))) == 26
    assert len(infos(line_of(session, f"{command} b 30 minmoves 26 allow b A1,A2,A3 1"))) == 3
    few = infos(
        line_of(session, command.replace("analyze", "genmove_analyze") + " b 30 minmoves 26")
    )
    visits = [int(info["visits"]) for info in few.values()]
    assert (
        len(few) == 26
        and sum(visits) == 3
        and visits == sorted(visits, reverse=True)
        and visits[-1] == 0
    )
    priors = [float(info["prior"]) for info in few.values() if info["visits"] == "0"]
    assert priors == sorted(priors, reverse=True)


def test_a_line_with_nothing_on_it_is_not_written(tictactoe):
    """An empty line would end the answer (GTP 2, section 2.6)."""
    said = talk(tictactoe, "1 kata-search_analyze b 5 maxmoves 0\n2 name\n", named("mcts:20"))
    assert re.fullmatch(r"=1\nplay [abc][123]\n\n=2 selfplay\n\n", said)


def test_the_whole_search_is_written_where_it_is_asked_for(connect4):
    session = session_of(connect4)
    line = line_of(session, "kata-analyze b 30 rootInfo true maxmoves 1")
    root = re.fullmatch(
        r"info move .* rootInfo visits (\d+) utility (\S+) winrate (\S+) scoreMean 0 .*", line
    )
    moves = infos(line_of(session, "kata-analyze b 30 rootInfo false"))  # the tree goes on
    assert 1 < int(root[1]) <= 1 + sum(int(info["visits"]) for info in moves.values())
    assert float(root[2]) == pytest.approx(2 * float(root[3]) - 1, abs=2e-6)
    mean = sum(int(i["visits"]) * float(i["winrate"]) for i in moves.values()) / sum(
        int(i["visits"]) for i in moves.values()
    )
    assert float(root[3]) == pytest.approx(mean, abs=0.2)


def test_visits_along_a_line_are_written_where_they_are_asked_for(connect4):
    session = session_of(connect4)
    found = infos(
        line_of(session, "kata-analyze b 30 pvVisits true pvEdgeVisits true noResultValue true")
    )
    for info in found.values():
        visits = info["pvVisits"].split(" ")
        assert visits[0] == info["visits"] and len(visits) == len(info["pv"].split(" "))
        assert info["pvEdgeVisits"] == info["pvVisits"] and info["noResultValue"] == "0"
    plain = next(iter(infos(line_of(session, "kata-analyze b 30 pvVisits false")).values()))
    assert not {"pvVisits", "pvEdgeVisits", "noResultValue"} & set(plain)


def test_owners_are_left_out_because_controllers_ask_for_them_always(go5_table):
    """lizzie, LizzieYzy and others send `ownership true` with every command, and read lines without
    it."""
    words = "ownership true ownershipStdev true movesOwnership TRUE movesOwnershipStdev false"
    line = line_of(go5_table, f"kata-analyze b 30 {words}")
    assert len(infos(line)) > 10 and "wnership" not in line


def test_intervals_are_centiseconds_wherever_they_stand(go5_table):
    for words in (
        "50",
        "b 50",
        "interval 50",
        "50 b",
        "b interval 50",
        "w interval 50.0",
        "minmoves 3 interval 50",
    ):
        assert read_wishes(go5_table, words.split(), True).interval == 0.5, words
    assert (
        read_wishes(go5_table, [], False).interval == 1.0
        and read_wishes(go5_table, ["0"], False).interval == 0.01
    )
    assert (
        read_wishes(go5_table, ["w", "5e1"], False).side == 1
        and read_wishes(go5_table, [], False).side == 0
    )


REFUSED = [
    ("avoid", "the colour is missing"),
    ("avoid b", "the vertex is missing"),
    ("avoid b D4", "the number of plies is missing"),
    ("avoid b D4 0", "the number of plies is out of range"),
    ("avoid b D4 -1", "the number of plies is out of range"),
    ("avoid b D4 1.5", "the number of plies is no number"),
    ("avoid b D4 1_0", "the number of plies is no number"),
    ("avoid b D4 \u0663", "the number of plies is no number"),
    ("avoid b D4 99999999999", "the number of plies is out of range"),
    ("avoid b D4 interval", "the number of plies is no number"),
    ("avoid x D4 1", "'x' is no colour"),
    ("avoid b Z9 1", "invalid coordinate 'Z9'"),
    ("avoid b D4,Z9 1", "invalid coordinate 'Z9'"),
    ("avoid b , 1", "the vertex is missing"),
    ("avoid b A1:pass 1", "'A1:pass' is no rectangle"),
    ("avoid b A1: 1", "invalid coordinate ''"),
    ("avoid b resign 10", "invalid coordinate 'resign'"),
    ("allow b D4 1 allow b D5 1", "allow is told twice for one colour"),
    ("allow b D4 1 avoid b D5 1", "allow and avoid are told for one colour"),
    ("minmoves", "minmoves is missing"),
    ("minmoves -1", "minmoves is out of range"),
    ("maxmoves many", "maxmoves is no number"),
    ("maxmoves 1e400", "maxmoves is no number"),
    ("minmoves 5 maxmoves 2", "minmoves is above maxmoves"),
    ("minmoves 1 minmoves 2", "minmoves is told twice"),
    ("interval", "the interval is missing"),
    ("interval soon", "the interval is no number"),
    ("interval nan", "the interval is no number"),
    ("interval -5", "the interval is out of range"),
    ("50 interval 60", "the interval is told twice"),
    ("-5", "the interval is out of range"),
    ("b w", "the colour is told twice"),
    ("pvVisits", "pvVisits is missing"),
    ("pvVisits maybe", "pvVisits is true or false, not 'maybe'"),
    ("rootInfo 1", "rootInfo is true or false, not '1'"),
    ("ownership", "ownership is missing"),
    ("reuseRootTree true", "unknown word 'reuseRootTree'"),
    ("avoids b D4 1", "unknown word 'avoids'"),
    ("x" * 5000, "unknown word 'xxxxxxxxxxxxxxxxxxxx'"),
]


@pytest.mark.parametrize("command", ["kata-analyze", "kata-genmove_analyze", "kata-search_analyze"])
def test_what_cannot_be_obeyed_is_refused_with_one_line_before_any_other(go5, command):
    said = answers(
        go5,
        *[f"{command} {words}" for words, _ in REFUSED],
        "showboard",
        make_player=named("mcts:5"),
    )
    for (words, message), answer in zip(REFUSED, said):
        assert answer == f"? cannot parse analyze tags: {message}", words
    assert len(said) == len(REFUSED) + 1 and "X" not in said[-1]


def test_leela_zero_s_dialect_has_fewer_words(go5):
    for words in ("rootInfo true", "ownership true", "pvVisits false"):
        said = answers(go5, f"lz-analyze {words}", make_player=named("mcts:5"))
        assert said == [f"? cannot parse analyze tags: unknown word '{words.split()[0]}'"]
    session = session_of(go5)  # there `avoid` the pass and `allow` some points go together
    assert set(infos(line_of(session, "lz-analyze b 30 allow b D4,D5 10 avoid b pass 10"))) == {
        "D4",
        "D5",
    }


class Diverged(FakeNetwork):
    """A network whose answers are not finite from some moment on."""

    def __init__(self, actions: int, after: int):
        super().__init__(actions)
        self.left = after

    def evaluate(self, batch, rows):
        self.left -= 1
        if self.left < 0:
            raise FloatingPointError("the network answers with numbers that are not finite")
        super().evaluate(batch, rows)


def test_an_analysis_that_fails_ends_its_answer_and_the_next_command_is_answered(connect4):
    def make_player(game):
        return SearchPlayer.of("diverged", game, Diverged(7, 20), MatchConfig(kind="puct"), 30)

    said = talk(connect4, "5 kata-search_analyze b 1\n6 name\n", make_player)
    assert (
        said.startswith("=5\n")
        and said.endswith("not finite\n\n=6 selfplay\n\n")
        and said.count("\n\n") == 2
    )


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division by zero"),
        OverflowError("too large"),
        RecursionError(),
        OSError(5, "I/O"),
        KeyError("x"),
        MemoryError(),
    ],
)
def test_whatever_a_command_raises_is_one_line_and_the_next_is_answered(
    connect4, monkeypatch, error
):
    def fails(*arguments):
        raise error

    monkeypatch.setattr(AnytimeSearch, "go_to", fails)
    monkeypatch.setattr(AnytimeSearch, "set_position", fails)
    said = answers(
        connect4, "7 genmove b", "8 lz-analyze b 5", "9 name", make_player=named("mcts:50")
    )
    assert (
        said[0].startswith("?7 ")
        and "\n" not in said[0]
        and len(said[0]) < 100
        and said[-1] == "=9 selfplay"
    )
    assert said[1].startswith("=8\n?8 ")
