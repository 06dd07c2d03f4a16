"""Programs that people use, as their sources say they talk: Lizzie, LizzieYzy and GoGui. What they
send is replayed, and what they would make of the answers is worked out here by their own rules."""

import subprocess
import sys

import pytest

import games
from tests.faces.gtp.talk import answers, named, talk

pytestmark = pytest.mark.slow

NINE = ["--game", "go9"]


class Program:
    """Our command as a child of theirs. Lizzie reads standard error as part of the output."""

    def __init__(self, *arguments: str):
        command, pipe = [sys.executable, "-m", "selfplay.cli", "gtp", *arguments], subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def send(self, *lines: str) -> None:
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def read(self, last: str) -> list[str]:
        """Lines up to the empty one behind a line that begins so."""
        found = []
        while not found or found[-1] or not any(line.startswith(last) for line in found):
            line = self.process.stdout.readline()
            assert line, f"ended: {found}"
            found.append(line.rstrip("\n"))
        return found

    def end(self) -> int:
        self.process.communicate(timeout=30)
        return self.process.returncode


def moves_of(line: str) -> list[dict]:
    """Lizzie's Leelaz.parseInfo and MoveData.fromInfo: words in pairs, whole numbers, `pv` to the
    end."""
    found = []
    for part in line.removeprefix("info ").split(" info "):
        words, move = part.strip().split(" "), {}
        while words[0] != "pv":
            key, value = words.pop(0), words.pop(0)
            move[key] = value if key == "move" else int(value)
        found.append(move | {"pv": words[1:]})
    return found


def test_lizzie_s_exchange(go9):
    """featurecat/lizzie, Leelaz.java: startEngine, ponder, playMove, togglePonder, genmove_analyze,
    normalQuit."""
    program = Program("mcts:50", *NINE)
    program.send("1 name", "2 version", "3 boardsize 9", "4 komi 7.5")
    said = program.read("=4")
    # every answer's number, by parseInt
    assert [int(line.split(" ")[0][1:]) for line in said if line] == [
        1,
        2,
        3,
        4,
    ]
    name, version = said[0].split(" ")[1], said[2].split(" ")[1]
    assert not name.startswith("KataGo") and int(version.split(".")[1]) >= 15, (
        "below 0.15 Lizzie warns"
    )
    program.send("5 lz-analyze 2")
    lines = [program.process.stdout.readline() for _ in range(4)]
    assert lines[0] == "=5\n" and all(line.startswith("info move ") for line in lines[1:])
    program.send("6 play B E5", "7 lz-analyze 2")
    said = program.read("=6")
    # the empty line that ends the analysis comes first
    assert said[-2:] == ["=6", ""] and said[-3] == ""
    lines = [program.process.stdout.readline() for _ in range(3)]
    assert lines[0] == "=7\n"
    position = go9.start().play("E5")
    for move in moves_of(lines[2]):
        assert (
            0 <= move["winrate"] <= 10_000 and move["visits"] > 0 and move["pv"][0] == move["move"]
        )
        assert go9.parse(move["move"]) in position.legal
    program.send(
        "8 name", "9 undo", "10 time_settings 0 1 1", "11 lz-genmove_analyze b 10", "12 clear_board"
    )
    said = program.read("=12")
    (move,) = [line.split(" ")[1] for line in said if line.startswith("play ")]
    assert go9.parse(move) in go9.start().legal
    program.send("13 fixed_handicap 2", "14 genmove w", "15 boardsize 9 13", "16 quit")
    said = program.read("=16")
    assert (
        len(said[0].split(" ")) == 3
        and said[2].startswith("=14 ")
        and said[4] == "?15 unacceptable size"
    )
    assert program.end() == 0


def test_lizzieyzy_counts_an_answer_for_each_command(go9):
    """yzyray/lizzieyzy, Leelaz.java: commands without numbers, so nothing but an answer's first
    line may look like one; the list of commands is known by its first line."""
    commands = ["name", "version", "list_commands", "komi 7.5", "boardsize 9"]
    program = Program("mcts:50", *NINE)
    program.send(*commands, "lz-analyze 10")
    said = []
    while len([line for line in said if line.startswith(("=", "?"))]) <= len(commands):
        said.append(program.process.stdout.readline().rstrip("\n"))
    heads = [line for line in said if line.startswith(("=", "?"))]
    assert heads == ["= selfplay", said[2], "= protocol_version", "=", "=", "="]
    # with lower bounds; 15 would be asked without the colour
    assert int(said[2].split(" ")[1].split(".")[1]) == 17
    listed = said[
        said.index("= protocol_version") + 1 : said.index("", said.index("= protocol_version"))
    ]
    assert "lz-analyze" in listed and not any(
        line.startswith(("=", "?", "info", "play ")) for line in listed
    )
    assert program.process.stdout.readline().startswith("info move ")
    unknown = [
        "lz-setoption name Visits value 100",
        "heatmap",
        "rectangular_boardsize 9 13",
        "kata-get-rules",
    ]
    program.send("play B E5", *unknown, "time_left w 10.50 1", "genmove w", "quit")
    said = [
        line for line in program.process.stdout.read().split("\n") if line.startswith(("=", "?"))
    ]
    assert (
        said[0] == "="
        and said[1:5] == ["? unknown command"] * 4
        and said[5] == "="
        and len(said) == 8
    )
    assert go9.parse(said[6].split(" ")[1]) in go9.start().play("E5").legal and program.end() == 0


# GoGui


def test_gogui_twogtp_s_exchange(go9):
    """Remi-Coulom/gogui, twogtp/Program.java and GtpSynchronizer.init, and the end of a game."""
    begin = [
        "protocol_version",
        "name",
        "version",
        "list_commands",
        "boardsize 9",
        "clear_board",
        "komi 6.5",
    ]
    said = answers(
        go9,
        *begin,
        "time_settings 600 0 0",
        "genmove b",
        "play w pass",
        "play b pass",
        "final_score",
        "cputime",
    )
    assert said[:2] == ["= 2", "= selfplay"] and len(said[2]) <= 42  # longer versions are no label
    supported = said[3].removeprefix("= ").split("\n")
    wanted = (
        "undo gg-undo gogui-setup gogui-setup_player gogui-play_sequence set_free_handicap komi "
        "time_settings"
    )
    assert {*wanted.split(" "), "gogui-interrupt", "gogui-analyze_commands", "cputime"} <= set(
        supported
    )
    assert said[8] == "= A9" and said[11] == "= B+74.5" and float(said[12][2:]) > 0


def test_positions_are_set_up(go9):
    said = answers(
        go9,
        "gogui-setup b E5 b C3 w G7",
        "gogui-setup_player w",
        "showboard",
        "genmove w",
        "undo",
        "showboard",
    )
    assert (
        said[:2] == ["=", "="]
        and said[2] == said[5]
        and said[2].count("X") == 2
        and said[2].count("O") == 1
    )
    white = go9.setup([go9.parse("E5"), go9.parse("C3")], [go9.parse("G7")], 1)
    assert said[2] == f"= \n{white}" and said[3] == f"= {go9.format(int(white.legal[0]))}"
    # Black moves unless told otherwise
    assert answers(go9, "gogui-setup b E5", "genmove b")[1] == "= A9"
    refused = [
        "gogui-setup b E5 w E5", "gogui-setup b", "gogui-setup b pass", "gogui-setup x E5",
        "gogui-setup b Z5", "gogui-setup w A2 w B1 b A1",
    ]  # fmt: skip
    assert [answer[:1] for answer in answers(go9, *refused, "showboard")][:-1] == ["?"] * len(
        refused
    )
    assert answers(go9, "play b E5", "gogui-setup b C3", "gogui-setup_player w")[1:] == [
        "? board not empty",
        "? moves have been played",
    ]
    assert answers(games.load("hex5"), "gogui-setup b a1", "play b a2", "undo", "undo")[1:] == [
        "=",
        "=",
        "? cannot undo",
    ]
    assert answers(games.load("connect4"), "gogui-setup b 1") == [
        "? Connect Four cannot begin with stones set up"
    ]


def test_a_sequence_is_played_whole_or_not_at_all(go9):
    said = answers(go9, "gogui-play_sequence B E5 W C3 B PASS", "undo", "showboard")
    assert said == ["=", "=", f"= \n{go9.start().play('E5').play('C3')}"]
    said = answers(
        go9,
        "play b A1",
        "gogui-play_sequence w E5 b E5",
        "showboard",
        "gogui-play_sequence",
        "undo",
        "undo",
    )
    assert said[1] == "? illegal move E5: there is a stone already"
    assert said[2] == f"= \n{go9.start().play('A1')}" and said[3:] == ["=", "=", "? cannot undo"]
    whole = " ".join(f"{'bw'[ply % 2]} K10" for ply in range(722))  # the longest game on 19x19
    assert answers(games.load("go19"), f"gogui-play_sequence {whole}")[0].startswith(
        "? illegal move K10"
    )


def test_several_moves_are_undone(go9):
    moves = ["play b E5", "play w C3", "play b D4"]
    assert answers(go9, *moves, "gg-undo 2", "showboard")[-1] == f"= \n{go9.start().play('E5')}"
    assert answers(
        go9, *moves, "gg-undo 4", "gg-undo -1", "gg-undo x", "gg-undo", "gg-undo 2", "gg-undo"
    )[3:] == [
        "? cannot undo",
        "? cannot undo",
        "? syntax error: the number of moves is no number",
        "=",
        "=",
        "? cannot undo",
    ]


def test_the_menu_names_commands_that_gogui_can_draw(go9):
    """AnalyzeDefinition: type/label/command. GtpUtil.parseDoubleBoard: a row a line, from the
    top."""
    menu = [
        entry.split("/")
        for entry in answers(go9, "gogui-analyze_commands")[0].removeprefix("= ").split("\n")
    ]
    assert {kind for kind, _, _ in menu} <= {"string", "dboard", "gfx"}
    listed = answers(go9, "list_commands")[0].removeprefix("= ").split("\n")
    assert all(command in listed for _, _, command in menu)
    owners = (
        answers(go9, "play b A1", "play w J9", "selfplay-owners")[2]
        .removeprefix("= \n")
        .split("\n")
    )
    board = [[float(number) for number in row.split(" ")] for row in owners]
    assert len(board) == 9 and all(len(row) == 9 for row in board)
    assert board[8][0] == 1 and board[0][8] == -1 and sum(map(sum, board)) == 0


def test_a_search_is_drawn(go9, tictactoe):
    won = ["play b a1", "play w b1", "play b a2", "play w b2"]  # a3 wins
    said = (
        answers(tictactoe, *won, "selfplay-search", make_player=named("mcts:400"))[-1]
        .removeprefix("= ")
        .split("\n")
    )
    labels, values = (dict(zip(line.split(" ")[1::2], line.split(" ")[2::2])) for line in said[:2])
    assert (
        said[0].startswith("LABEL ")
        and said[1].startswith("INFLUENCE ")
        and said[2].startswith("TEXT a3, Black wins 9")
    )
    assert (
        max(labels, key=lambda word: int(labels[word])) == "a3"
        and values["a3"] == "1.00"
        and "400 visits" in said[2]
    )
    assert sum(map(int, labels.values())) == pytest.approx(100, abs=5)
    for make_player, message in ((named("random"), "random does not search"),):
        assert answers(go9, "selfplay-search", make_player=make_player) == [f"? {message}"]
    said = answers(tictactoe, *won, "play b a3", "selfplay-search", make_player=named("mcts:10"))
    assert said[-1] == "? the game is over"


@pytest.mark.parametrize("command", ["genmove b", "reg_genmove b", "lz-genmove_analyze b 6000"])
def test_an_interrupt_ends_a_search_which_plays_what_it_has(connect4, command):
    """GoGui's manual, Interrupting Commands: `# interrupt` while a command is running. Of some
    minutes nothing is left."""
    said = talk(connect4, f"1 {command}\n# interrupt\n2 name\n", named("mcts:5000000"))
    first, second = said.removesuffix("\n\n").split("\n\n")
    assert first.startswith("=1") and first[-1] in "1234567" and second == "=2 selfplay"


def test_an_interrupt_of_nothing_is_a_comment(connect4):
    assert answers(
        connect4,
        "# interrupt",
        "name",
        "gogui-interrupt",
        "genmove b",
        make_player=named("mcts:20"),
    )[:2] == [
        "= selfplay",
        "=",
    ]
