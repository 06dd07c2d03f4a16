"""Either colour at any time, behind the end of the rules too: what controllers may ask for (Go Text
Protocol 2, section 6.3), and real ones do. Nobody has passed who was not told to."""

import re
from pathlib import Path

import numpy as np
import pytest

import games
from selfplay.config import MatchConfig
from selfplay.faces.engine_session import EngineSession
from selfplay.faces.game_record import Change, Record, Setup
from selfplay.matches.players import SearchPlayer
from selfplay.searching.reference import FakeNetwork
from selfplay.searching.timed import TimedSearcher
from tests.faces.gtp.talk import answers, named, talk

DATA = Path(__file__).parents[2] / "data"


def moves_of(answer: str) -> list[str]:
    return re.findall(r"info move (\S+)", answer.splitlines()[-1])


def test_either_colour_is_asked_for_the_first_move(go9):
    """leela-zero#528: `genmove w` on the empty board was answered by the pass that wins if Black
    has passed."""
    komi, move = answers(go9, "komi 6.5", "genmove w", make_player=named("mcts:400"))
    assert komi == "=" and move != "= pass" and go9.parse(move[2:]) < go9.cells


def test_either_colour_is_analysed_in_a_position_where_nobody_passed(go9):
    """pachi#134: Lizzie and Sabaki analyse either side."""
    said = talk(
        go9, "komi 6.5\nkata-analyze w 5\n", make_player=named("mcts:50"), then="name\n", lines=30
    )
    assert len(set(moves_of(said.partition("\n\n= selfplay")[0]))) > 5
    best = re.findall(r"info move (\S+) visits (\d+)", said.split("\n\n")[1])[-80:]
    assert dict(best).get("pass") != max(dict(best).values(), key=int)


def test_play_goes_on_behind_two_passes(go9):
    """KataGo#51, gogui#28; on KGS play is resumed when players disagree about dead stones."""
    passes = ["play b pass", "play w pass"]
    make_player = named("mcts:20")
    for asked in ("genmove b", "reg_genmove w", "genmove w"):
        said = answers(go9, *passes, "final_score", asked, "final_score", make_player=make_player)
        assert (
            said[2] == "= W+7.5"
            and go9.parse(said[3][2:]) in range(82)
            and said[4].startswith("= ")
        )
    assert answers(go9, *passes, "play b e5", "play w e6", "showboard")[2:4] == ["=", "="]
    said = talk(
        go9, "play b pass\nplay w pass\nkata-analyze b 5\n", make_player=make_player, then="name\n"
    )
    assert moves_of(said.split("\n\n")[2]) and said.endswith("= selfplay\n\n")
    assert "LABEL" in answers(go9, *passes, "selfplay-search", make_player=make_player)[2]


def test_a_third_pass_leaves_the_end_and_is_undone_like_any_move(go9):
    said = answers(
        go9, *["play b pass", "play w pass"], "play w pass", "final_score", *["undo"] * 4
    )
    assert said[2:] == ["=", "= W+7.5", "=", "=", "=", "? cannot undo"]


def test_undo_takes_back_moves_of_any_colour_one_by_one(go9):
    moves = ["b A1", "b B1", "w pass", "b pass", "w C1", "w D1", "b pass"]
    said = answers(
        go9, *[f"play {move}" for move in moves], *["undo", "showboard"] * len(moves), "undo"
    )
    stones = [(board.count("X"), board.count("O")) for board in said[len(moves) + 1 :: 2]]
    assert (
        stones[:-1] == [(2, 2), (2, 1), (2, 0), (2, 0), (2, 0), (1, 0), (0, 0)][: len(stones) - 1]
    )
    assert said[-1] == "? cannot undo"


def test_both_colours_play_several_times_at_othello():
    othello = games.load("othello6")
    black = othello.format(othello.start().legal[0])
    said = answers(
        othello,
        "genmove w",
        "play b pass",
        "undo",
        f"play b {black}",
        "genmove b",
        "undo",
        "undo",
        "undo",
    )
    assert (
        said[0] == "= " + answers(othello, "reg_genmove w")[0][2:]
        and said[1] == "? illegal move: the rules forbid it here"
    )
    assert said[3:] == ["=", said[4], "=", "=", "? cannot undo"] and said[4].startswith("= ")


def test_a_side_that_has_no_move_at_othello_passes():
    """Black's turn, White's, Black's again: whoever cannot turn a disc must pass, whoever is
    asked."""
    game = games.load("othello4")
    random, found = np.random.default_rng(1), 0
    for _ in range(30):
        position, sequence = game.start(), []
        while position.outcome is None and game.format(position.legal[0]) != "pass":
            action = int(random.choice(position.legal))
            sequence.append(f"play {'bw'[position.mover]} {game.format(action)}")
            position.play(action)
        if position.outcome is None:
            side = "bw"[position.mover]
            assert answers(game, *sequence, f"genmove {side}")[-1] == "= pass"
            assert answers(game, *sequence, f"genmove {'wb'['bw'.index(side)]}")[-1] != "= pass"
            found += 1
    assert found > 3


def test_genmove_at_an_end_where_neither_side_can_move_is_a_pass():
    """Section 6.3.3, genmove: "Fails: never". GoGui's twogtp plays Othello until both have
    passed."""
    game = games.load("othello4")
    position, commands = game.start(), []
    while position.outcome is None:
        word = game.format(int(position.legal[-1]))
        commands.append(f"play {'bw'[position.mover]} {word}")
        position.play(word)
    more = ["genmove b", "reg_genmove b", "genmove w", "play b pass", "final_score", "play b a1"]
    said = answers(game, *commands, *more, *["undo"] * 3, "showboard")[len(commands) :]
    assert (
        said[:4] == ["= pass", "= pass", "= pass", "="]
        and said[4][2] in "BW0"
        and said[5].startswith("? illegal move")
    )
    assert said[-1] == f"= \n{position}"


@pytest.mark.parametrize("value", ["375", "-200", "81.5", "1e300", "-1e308", "0", "6.49"])
def test_any_komi_is_taken_and_counts_in_the_score(go9, value):
    """Section 6.3.2: "The engine must accept the komi even if it should be ridiculous"."""
    said = answers(
        go9, f"komi {value}", "final_score", "genmove b", "undo", make_player=named("mcts:20")
    )
    assert said[0] == "=" and said[2].startswith("= ") and said[3] == "="
    komi = (
        -float(said[1][4:])
        if said[1][2] == "B"
        else float(said[1].removeprefix("= ").removeprefix("W+"))
    )
    assert komi == pytest.approx(float(value), rel=1e-5, abs=1 / 256)


def test_the_network_sees_a_komi_that_it_may_have_learned(go9):
    """Beyond the board's points all komi are one: nobody can win against them. Equal keys mean
    equal observations."""
    looks, keys = {}, {}
    for komi in (-1e308, -375.0, -83.0, -82.0, -81.5, 0.0, 7.5, 81.5, 82.0, 375.0, 1e300):
        position = go9.start(komi=komi)
        scalars = position.observe()[1]
        assert np.isfinite(scalars).all() and abs(scalars[0]) * 15 <= 82.001
        assert looks.setdefault(position.key, scalars.tobytes()) == scalars.tobytes()
        assert keys.setdefault(scalars.tobytes(), position.key) == position.key
        assert np.isfinite(position.final()[1])
    assert len(keys) == 6


def test_a_record_of_another_game_is_refused_and_the_engine_stays_what_it_is(go9):
    said = answers(
        go9,
        "play b E5",
        f"loadsgf {DATA / 'othello.sgf'}",
        "showboard",
        "boardsize 9",
        "clear_board",
    )
    assert said[1].startswith("? cannot load file: ") and said[1].endswith(
        "a game of othello, not go"
    )
    assert "5 . . . . X" in said[2] and said[3:] == ["=", "="]


def test_a_record_that_cannot_be_read_to_its_end_says_so_in_the_answer(tmp_path):
    game, path = games.load("othello8"), tmp_path / "x.sgf"
    path.write_text("(;GM[2]SZ[8];B[f5];W[a1];B[e6])")
    said = answers(
        game, f"loadsgf {path}", "undo", "undo", f"loadsgf {path} 1", f"loadsgf {path} 9"
    )
    assert said[0] == "= read up to move 2, W[a1]: the rules forbid it here" == said[4]
    assert said[1:4] == ["=", "? cannot undo", "="]


def test_a_move_s_number_counts_moves_and_not_what_is_set_up(go9, tmp_path):
    path = tmp_path / "x.sgf"
    path.write_text("(;GM[1]SZ[9];B[ee];W[cc];AB[ce]AE[cc];W[gg])")
    said = answers(go9, *[f"loadsgf {path} {n}" for n in (3, 2, 4)], "undo", "undo", "showboard")
    assert said[:5] == ["="] * 5 and "O" in said[5]  # behind both undos White's stone on C7 is back
    boards = [
        answers(go9, f"loadsgf {path} {n}", "final_status_list alive")[1][2:].split()
        for n in (1, 2, 3, 4)
    ]
    assert [sorted(found) for found in boards] == [[], ["E5"], ["C5", "E5"], ["C5", "E5", "G3"]]


class Silent:
    """An inbox in which nothing comes."""

    def has_more(self):
        return False

    def is_interrupted(self):
        return False


def session_of(game, make_player=None) -> EngineSession:
    return EngineSession(game, make_player or named("mcts:60"), Silent())


def test_a_table_s_position_is_always_its_record_s(go5):
    """After any sequence of plays, moves and undos of either side; what is refused changes
    nothing."""
    random = np.random.default_rng(2)
    for game in (go5, games.load("othello4"), games.load("hex3")):
        session = session_of(game, named("random"))
        for _ in range(50):
            before = session.record
            try:
                what, side = random.random(), int(random.integers(2))
                if what < 0.6:
                    session.play(side, int(random.integers(game.actions)))
                elif what < 0.8:
                    session.move(side)
                else:
                    session.undo()
            except ValueError:
                assert session.record == before
            assert session.position.state.tobytes() == session.record.position().state.tobytes()
            assert session.position.outcome == session.record.position().outcome


def test_a_search_of_the_same_moves_with_another_mover_is_another_search(go5):
    """Thoughts follow the moves played; a turn that was given, or stones that were set up, begin
    them anew."""
    session = session_of(
        go5,
        lambda game: SearchPlayer.of(
            "h", game, FakeNetwork(game.actions), MatchConfig(kind="puct"), 60
        ),
    )
    for record in (
        Record(go5),
        Record(go5, Setup(mover=1)),
        Record(go5, Setup({"komi": 0.5})),
        Record(go5, steps=(Change(((12, 1),)),)),
        Record(go5, steps=(Change(mover=1),)),
    ):
        session.lay(record)
        for side in (0, 1, 0):
            session.choose(side)
            root = (
                session.timed.own.forest.root_state[0]
                if session.timed.own
                else session.timed.endless.forest.root_state[0]
            )
            position = record.position()
            if position.mover != side:
                go5.resume(position, side)
            fresh = TimedSearcher(session.player)
            expected = fresh.think(None, position.state).choice()
            assert (
                go5.dtype
                and root.view(go5.dtype)["mover"][0] == side
                and session.choose(side) == expected[0]
            )


def test_pondering_stops_where_the_other_side_is_asked_or_the_end_is_near(go5):
    session = session_of(go5)
    session.ponders = True
    session.move(0)
    assert session.answered is session.record
    session.undo()
    assert session.answered is None
    session.move(1)
    session.play(1, int(session.position.legal[0]))
    assert session.answered is not session.record
    session.ponder()  # nobody waits: it returns at once


def test_an_outside_engine_that_cannot_be_told_the_way_says_so_in_one_line(go5):
    class Told:
        name, needs_moves, precision = "gtp:told", True, None

        def choose(self, states, moves=None):
            return np.array([0 if not moves[0] else 1], np.int32)

        def analyse(self, state):
            return None

    session = session_of(go5, lambda game: Told())
    assert session.move(0) == 0
    with pytest.raises(
        ValueError, match="gtp:told can only be told games that begin as go5 always does"
    ) as caught:
        session.move(0)
    assert "\n" not in str(caught.value) and len(session.record.steps) == 1
    assert session.move(1) == 1
