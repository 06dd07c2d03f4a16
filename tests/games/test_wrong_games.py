"""Own games that are wrong: one line with file, line and a sentence, or the law that they break;
never a crash."""

import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
import pytest

import games
from games import guards, own
from games.game import Game, Layout
from games.laws import check
from native.abi import FINAL, GOES_ON, KEY, LEGAL, MOVER, OBSERVE, PLAY, START, rule
from selfplay.commands import prove as command
from tests.commands.cli.shell import selfplay

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("other_home")]
SOURCE = Path(games.__file__).with_name("tictactoe.py").read_text()
TOP = ""  # to replace it is to put something before everything


# Fields


WRONG_FIELDS = [
    ({"rows": 0}, "rows must be a whole number from 1 to 1,000, not 0"),
    ({"rows": 3.0}, "rows must be a whole number from 1 to 1,000, not 3.0"),
    ({"columns": True}, "columns must be a whole number"),
    ({"planes": -1}, "planes must be a whole number from 1"),
    ({"scalars": -1}, "scalars must be a whole number from 0"),
    ({"actions": 0}, "actions must be a whole number from 1"),
    ({"actions": 8}, "actions must be layout.planes x cells + layout.extra = 9, not 8"),
    ({"layout": Layout("rows")}, "layout must be a Layout of the kind cells or columns"),
    ({"max_plies": 0}, "max_plies must be a whole number from 1"),
    ({"max_plies": 10**12}, "max_plies must be a whole number from 1 to 100,000,000"),
    ({"dtype": np.dtype(np.int32)}, "dtype must be a structured NumPy dtype"),
    (
        {"dtype": np.dtype([("a", object)])},
        "dtype must be a structured NumPy dtype of plain numbers",
    ),
    ({"dtype": np.dtype([("a", np.uint8, 1 << 25)])}, "dtype must take 1 to 16,777,216 bytes"),
    ({"cell_maps": np.zeros((1, 8), np.int32)}, "cell_maps must be [1, 9], not [1, 8]"),
    (
        {"cell_maps": np.arange(9)[None]},
        "cell_maps must be an array int32[symmetries, 9], not int64[1, 9]",
    ),
    ({"action_maps": np.arange(9, dtype=np.int32)[None]}, "action_maps must be [8, 9], not [1, 9]"),
    ({"action_maps": None}, "action_maps must be an array"),
    ({"format": "d4"}, "format must be a function, not d4"),
    ({"name": "tic\ntac"}, "name must be a text of 1 to 100 letters on one line"),
    ({"title": "x" * 10**5}, "title must be a text of 1 to 100 letters"),
    ({"options": {"komi": float("nan")}}, "options.komi must be a finite number, not nan"),
    ({"owner_symbols": "X"}, "owner_symbols must be two letters"),
    ({"rules": None}, "rules must be native.abi.Rules"),
]


@pytest.mark.parametrize(
    ("field", "message"), WRONG_FIELDS, ids=[message[:40] for _, message in WRONG_FIELDS]
)
def test_a_game_refuses_a_field_that_cannot_be(tictactoe, field, message):
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(tictactoe, **field)
    said = str(caught.value)
    assert said.startswith("Game: ") and message in said and "\n" not in said and len(said) < 300


def test_a_rule_in_another_s_place_is_refused(tictactoe):
    with pytest.raises(ValueError, match=r"rules.legal must be compiled by @rule\(LEGAL\)"):
        dataclasses.replace(tictactoe, rules=tictactoe.rules._replace(legal=tictactoe.rules.play))


# Rules, on memory with guard bytes around it


@rule(LEGAL)
def writes_too_many(state, actions_out):
    for i in range(12):
        actions_out[i] = i
    return 9


@rule(LEGAL)
def says_a_billion(state, actions_out):
    return 1_000_000_000


@rule(LEGAL)
def says_less_than_none(state, actions_out):
    return -3


@rule(LEGAL)
def lists_no_action(state, actions_out):
    actions_out[0] = 9
    return 1


@rule(LEGAL)
def writes_before(state, actions_out):
    actions_out[-1 - 9] = 1  # Numba wraps -1 to the end, and not -10
    return 0


@rule(PLAY)
def writes_behind(state, action):
    state[len(state) + 3] = 1
    return GOES_ON


@rule(PLAY)
def goes_on_for_ever(state, action):
    return GOES_ON


@rule(PLAY)
def is_worth_five(state, action):
    return 5.0


@rule(PLAY)
def raises(state, action):
    if action >= 0:
        raise ValueError("no")
    return 0.0


@rule(MOVER)
def is_the_seventh(state):
    return 7


@rule(START)
def starts_behind(state, options):
    state[:] = 0
    state[len(state)] = 1


@rule(OBSERVE)
def has_a_plane_more(state, planes_out, scalars_out):
    for cell in range(9):
        planes_out[2, cell] = 1.0


@rule(OBSERVE)
def has_a_scalar_more(state, planes_out, scalars_out):
    scalars_out[0] = 1.0


@rule(FINAL)
def owns_a_cell_more(state, owner_out):
    owner_out[9] = 1
    return 0.0


@rule(KEY)
def changes_what_it_looks_at(state):
    state[0] += 1
    return state[0]


WRONG_RULES = [
    (
        "legal",
        writes_too_many,
        guards.MEMORY,
        "legal wrote outside the list of actions, 36 bytes after no moves",
    ),
    ("legal", writes_before, guards.MEMORY, "legal wrote outside the list of actions"),
    ("legal", says_a_billion, guards.SORTED, "legal gave 1000000000 actions, of 9 that there are"),
    ("legal", says_less_than_none, guards.SORTED, "legal gave -3 actions"),
    ("legal", lists_no_action, guards.SORTED, "legal gave [9], of 9 actions"),
    ("play", writes_behind, guards.MEMORY, "play wrote outside the position"),
    ("play", goes_on_for_ever, guards.ENDS, "still goes on after 9 plies"),
    ("play", is_worth_five, guards.BOUNDED, "play gave 5.0"),
    ("play", raises, guards.RAISES, "play raised ValueError: no"),
    ("mover", is_the_seventh, guards.MOVER, "mover gave 7"),
    ("start", starts_behind, guards.MEMORY, "start wrote outside the position"),
    ("observe", has_a_plane_more, guards.MEMORY, "observe wrote outside the planes, 72 bytes"),
    ("observe", has_a_scalar_more, guards.MEMORY, "observe wrote outside the scalars, 0 bytes"),
    ("final", owns_a_cell_more, guards.MEMORY, "final wrote outside the owners, 9 bytes"),
    ("key", changes_what_it_looks_at, guards.LOOKING, "when the others had been asked"),
]


@pytest.mark.parametrize(
    ("name", "wrong", "law", "said"), WRONG_RULES, ids=[said for *_, said in WRONG_RULES]
)
def test_a_rule_that_harms_is_named_before_any_other_law_is_asked(
    tictactoe, name, wrong, law, said
):
    harmful = dataclasses.replace(tictactoe, rules=tictactoe.rules._replace(**{name: wrong}))
    (found,) = check(harmful, 5)
    assert found.law == law and said in found.explanation


def test_a_position_too_small_for_its_rules_is_found(tictactoe):
    """The dtype that the rules overlay is larger than the one that the game states: they read or
    write guard bytes."""
    small = dataclasses.replace(tictactoe, dtype=np.dtype([("stones", np.int32)]))
    assert guards.find_harm(small).law in (guards.MEMORY, guards.EMPTY)


def test_the_package_s_games_do_no_harm(game):
    assert guards.find_harm(game, guards.FEW) is None


def test_a_list_of_moves_that_cannot_be_is_refused_where_people_ask(tictactoe):
    for wrong in (says_a_billion, says_less_than_none):
        position = dataclasses.replace(
            tictactoe, rules=tictactoe.rules._replace(legal=wrong)
        ).start()
        with pytest.raises(
            ValueError, match=r"tictactoe: legal gave -?\d+ actions, of 9 that there are"
        ):
            assert position.legal is None
    position = dataclasses.replace(
        tictactoe, rules=tictactoe.rules._replace(legal=writes_too_many)
    ).start()
    assert position.legal.tolist() == list(range(9))  # what it wrote behind hit nothing of ours


# Files


WRONG_FILES = [
    ("def start(", "def start((", r"line \d+: .*syntax"),
    (TOP, "x = '\0'\n", "null bytes"),
    (TOP, "x = '\udcff'\n", r"line 1: .*utf-8"),
    (TOP, "x = " + "(" * 300 + ")" * 300 + "\n", "line 1: too many nested parentheses"),
    (TOP, "x = " + "-" * 100_000 + "1\n", "wrong.py"),
    (TOP, "import sys; sys.exit(3)\n", "line 1: the file ends the program"),
    (TOP, "raise KeyError('x' * 10**5)\n", "line 1: KeyError: .*letters"),
    (TOP, "\n\nf = lambda: f()\nf()\n", "line 3: RecursionError"),
    (
        TOP,
        "import no_such_module\n",
        "line 1: ModuleNotFoundError: No module named 'no_such_module'",
    ),
    (TOP, "class Odd(BaseException):\n    def __str__(self): 1 / 0\nraise Odd\n", "line 3: Odd"),
    ("GAME = Game(", "GAME = dict(", "defines no GAME of type games.Game"),
    ("GAME = Game(", "GAEM = Game(", "defines no GAME of type games.Game"),
    ("GAME = Game(", "GAME = Gmae(", r"line \d+: NameError: name 'Gmae' is not defined"),
    ("    rows=", "    rosw=", r"line \d+: TypeError: .*unexpected keyword argument 'rosw'"),
    (
        "@rule(LEGAL)\n",
        "@rule(7)\n",
        r"line \d+: this rule does not compile: TypeError: invalid signature",
    ),
    (
        "def mover(state):\n",
        "def mover(state):\n    return 'a' + 1\n",
        r"line \d+: this rule does not compile: No impl.*add\(",
    ),
    (
        "def mover(state):\n",
        "def mover(state):\n    return nothing\n",
        "this rule does not compile: NameError: name 'nothing'",
    ),
    (
        "def mover(state):\n",
        "def mover():\n",
        "this rule does not compile: TypeError: Signature mismatch",
    ),
]


@pytest.mark.parametrize(
    ("right", "wrong", "message"), WRONG_FILES, ids=[m for *_, m in WRONG_FILES]
)
def test_a_file_that_cannot_be_run_is_told_in_one_line_with_file_and_line(
    right, wrong, message, tmp_path
):
    assert right in SOURCE
    path = tmp_path / "wrong.py"
    path.write_bytes(SOURCE.replace(right, wrong, 1).encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=message) as caught:
        games.load(str(path))
    said = str(caught.value)
    assert said.startswith(str(path)) and "\n" not in said and len(said) < 600


@pytest.mark.parametrize(
    ("field", "wrong", "message"),
    [
        ("draw", "lambda position: nothing", "draw failed: .*line 2: NameError"),
        ("draw", "lambda position: 7", "draw failed: .*TypeError: a text is wanted, not int"),
        ("format", "lambda action: 1 / 0", "format failed: .*line 2: ZeroDivisionError"),
        ("parse", "lambda text: None", "parse failed: .*TypeError"),
    ],
)
def test_what_a_game_s_python_functions_raise_is_told_as_the_file_s(
    field, wrong, message, tmp_path
):
    """The file takes its rules from the package, so that nothing is compiled."""
    path = tmp_path / "wrong.py"
    path.write_text(
        "import games; from dataclasses import replace\nGAME = replace(games.load('tictactoe'), "
        f"{field}={wrong})\n"
    )
    game = games.load(str(path))
    uses = {
        "draw": lambda: str(game.start()),
        "format": lambda: game.format(0),
        "parse": lambda: game.parse("a1"),
    }
    with pytest.raises(ValueError, match=message):
        uses[field]()


def test_check_survives_what_ends_a_process(tmp_path, capsys):
    """A write far off is a signal, `os._exit` no exception: `check` asks in another process and
    tells what came."""
    for wrong, code, message in (
        (
            ("def mover(state):\n", "def mover(state):\n    state[1 << 40] = 1\n"),
            1,
            "mover crashed (SIGSEGV)",
        ),
        (
            (TOP, "import os; os._exit(3)\n"),
            2,
            "the file ends the program that loads it (exit code 3)",
        ),
    ):
        path = tmp_path / f"wrong{code}.py"
        path.write_text(SOURCE.replace(*wrong, 1))
        assert (found := selfplay("check", str(path), capsys=capsys))[
            0
        ] == code and message in found[1] + found[2]
    code, out, err = selfplay(
        "play", str(tmp_path / "wrong1.py"), "--first", "random", capsys=capsys
    )
    assert code == 2 and out == "" and err.count("\n") == 1 and "mover crashed (SIGSEGV)" in err


def test_check_names_the_law_and_tries_no_other(tmp_path, capsys, monkeypatch):
    path = tmp_path / "wrong.py"
    path.write_text(
        SOURCE.replace(
            "def legal(state, actions_out):\n",
            "def legal(state, actions_out):\n    actions_out[12] = 1\n",
            1,
        )
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, out, _ = selfplay("check", str(path), capsys=capsys)
    assert (
        code == 1
        and f"FAILS  {guards.MEMORY}\n       legal wrote outside the list of actions" in out
    )
    assert out.count("not tried") == len(command.laws()) - 1
    with pytest.raises(
        ValueError, match=f"wrong.py breaks the law that {guards.MEMORY}: legal wrote outside"
    ):
        games.load(str(path))
    assert own.read(str(path)).digest not in own.HARMLESS


def test_a_broken_entry_point_is_one_line(monkeypatch):
    from importlib.metadata import EntryPoint

    broken = EntryPoint("broken", "no_such_package:GAME", games.ENTRY_POINTS)
    monkeypatch.setattr(games, "entry_points", lambda group, name=None: [broken])
    with pytest.raises(
        ValueError, match="the entry point 'broken' cannot be loaded: ModuleNotFoundError"
    ):
        games.load("broken")


def test_a_game_is_told_apart_from_what_only_looks_like_one():
    assert isinstance(games.load("tictactoe"), Game)
    with pytest.raises(ValueError, match="unknown game") as caught:
        games.load("g" * 10**5)
    assert len(str(caught.value)) < 400
