"""Configuration is strict: a mistake is an error that names the key, the file and the nearest right
word."""

import os
import re
import subprocess
import sys
import typing
from pathlib import Path

import msgspec
import pytest

import games
from native.search import params
from selfplay import config, config_file
from selfplay.network.hardware import usable_device

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", config_file.presets())
def test_every_preset_loads_and_survives_being_written(name):
    loaded = config_file.load(name)
    assert config_file.parse(config_file.dump(loaded)) == loaded


def test_every_family_of_games_has_a_preset():
    assert {"connect4", "connect4-quick", "dummy", "tictactoe"} <= set(config_file.presets())
    trained = {config_file.load(name).game for name in config_file.presets()}
    assert {games.GAMES[name][0] for name in trained} == set(games.FAMILIES)


@pytest.mark.slow
def test_a_game_s_options_are_settings():
    assert config.game_of(config_file.load("go7")).start().final()[1] == -9.0
    assert config.game_of(config_file.parse('game = "go9"\n[options]\nkomi = 5')).options == {
        "komi": 5.0,
        "handicap": 0.0,
    }
    with pytest.raises(
        ValueError, match="options: go9 has no option 'kome'; it has: komi, handicap"
    ):
        config.game_of(config_file.parse('game = "go9"\n[options]\nkome = 5'))
    with pytest.raises(ValueError, match="finite"):
        config.game_of(config_file.parse('game = "go9"\n[options]\nkomi = nan'))
    written = config_file.dump(
        config_file.parse('game = "go9"\n[options]\n"my \\"komi\\" = 1\\u007f" = 5')
    )
    assert config_file.parse(written).options == {'my "komi" = 1\x7f': 5.0}


# Depth, dots and digits without end: tomlkit#510, tomlplusplus#292, tomlc99#99.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'game = "x"\n[learner]\nbatchs = 3',
            "unknown key 'learner.batchs'; did you mean 'learner.batch'",
        ),
        ('game = "x"\n[lerner]\nbatch = 3', "unknown key 'lerner'; did you mean 'learner'"),
        ('game = "go9"\n[options]\nkomi = "much"', "options.komi: expected a number, got 'much'"),
        ('game = "x"\n[learner]\nbatch = "many"', "learner.batch: expected `int`, got `str`"),
        ('game = "x"\nlearner = 3', "learner: expected `object`, got `int`"),
        (
            'game = "x"\n[search]\nsimulations = [1, 2.5]',
            "search.simulations[1]: expected `int`, got `float`",
        ),
        (
            'game = "x"\n[search]\nsimulations = []',
            "search.simulations must list numbers from 1 to 1,000,000",
        ),
        ('game = "x"\n[learner]\nbatch = 0', "learner.batch must lie between 2 and"),
        ('game = "x"\n[learner]\nema_decay = 1.5', "learner.ema_decay must lie between 0 and 1"),
        ('game = "x"\n[search]\nkind = "mcts"', "search.kind must be one of gumbel, puct"),
        ("generations = 3", "object missing required field `game`"),
        ("game = ", "not TOML"),
        ('game = "x"\nseed = -1', "seed must lie between 0 and"),
        ('game = "x"\n[learner]\nlearning_rate = nan', "learner.learning_rate must lie between"),
        ('game = "x"\n[replay]\nsamples_per_row = inf', "replay.samples_per_row must lie between"),
        (
            'game = "x"\n[exploration]\ndirichlet_concentration = -10',
            "exploration.dirichlet_concentration must lie between",
        ),
        (
            'game = "x"\n[learner]\nrate = true',
            "learner.learning_rate: expected `float`, got `bool`",
        ),
        ('game = "x"\nseed = 18446744073709551616', "seed must lie between 0 and"),
        (f'game = "x"\nseed = {"9" * 400}', "seed must lie between 0 and; (400 letters)"),
        (f'game = "x"\nseed = {"9" * 5000}', "not TOML: Exceeds the limit (4300 digits)"),
        (
            f'game = "x"\n[learner]\nrate = {"9" * 400}',
            "learner.learning_rate: number out of range",
        ),
        (f'game = "x"\n[options]\nkomi = {"9" * 400}', "options.komi: must be a finite number"),
        ('game = "x"\n[options]\nkomi = inf', "options.komi: must be a finite number, not inf"),
        ('game = "x"\nminutes = inf', "minutes must lie between 0 and"),
        ('game = "x"\nseed = 1979-05-27', "seed: expected `int`, got `date`"),
        (
            'game = "x"\n[options]\nkomi = 07:32:00',
            "options.komi: expected a number, got datetime.time",
        ),
        ('game = "x"\ngame_digest = "abc"', "game_digest must be the sha256"),
        ('game = ["x"]', "game: expected `str`, got `array`"),
        ("a = " + "{a=" * 500, "not TOML: nested too deeply"),
        ("a = " + "[" * 30_000, "not TOML: nested too deeply"),
        ("a = " + "[" * 200_000, "larger than any configuration"),
        ("a" + ".a" * 20_000 + " = 1", "line 1 has more than 100 dots"),
        ("[" + "a." * 20_000 + "a]", "line 1 has more than 100 dots"),
        (f'"{"k" * 50_000}" = 1', "unknown key 'kkk; (50,000 letters)"),
        ('"a\\nb" = 1', "unknown key 'a"),
        (
            f'game = "x"\n[network]\nprecision = "{"p" * 50_000}"',
            "network.precision must be one of; (50,000 letters)",
        ),
        (
            f'game = "x"\n[search]\nsimulations = [{"0," * 9000}]',
            "search.simulations must list numbers",
        ),
        (
            f'game = "x"\n[options]\nkomi = "{"k" * 50_000}"',
            "options.komi: expected a number, got 'kkk",
        ),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ValueError) as caught:
        config_file.parse(text, source="mine.toml")
    said = str(caught.value)
    assert "\n" not in said and said.startswith("mine.toml: ") and len(said) < 400
    for part in message.split("; "):
        assert part.lower() in said.lower()


def test_unknown_presets_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown preset 'conect4'; did you mean 'connect4'"):
        config_file.load("conect4")
    with pytest.raises(ValueError, match="no such file"):
        config_file.load("nowhere.toml")


def test_changes_are_applied_and_checked():
    changed = config_file.load(
        "dummy", ["learner.batch=7", "network.precision=fp32", "search.simulations=[3, 4]"]
    )
    assert (changed.learner.batch, changed.network.precision, changed.search.simulations) == (
        7,
        "fp32",
        [3, 4],
    )
    for bad in (
        "learner.batch", "=3", "learner.batch.x=3", "learner.btch=3", "game.x=1",
        "a" + ".a" * 100_000 + "=1", "learner.learning_rate=" + "[" * 100_000, "seed=" + "9" * 5000,
        "x" * 100_000, "x" * 100_000 + "=1", "learner.learning_rate=1\nseed = 3",
        "options=" + "{a=" * 300 + "1" + "}" * 300,
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            config_file.load("dummy", [bad])
        assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


TOML = 'game = "tictactoe"  # an ümlaut\n'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["without", "with"])
def test_a_file_is_utf_8_in_every_locale_with_a_byte_order_mark_and_without(mark, tmp_path):
    """TOML 1.0: "a TOML file must be a valid UTF-8 encoded Unicode document"; TOML 1.1 lets a mark
    stand (toml#438)."""
    (tmp_path / "mine.toml").write_bytes(mark + TOML.encode())
    program = (
        "from selfplay import config_file; import sys; print(config_file.load(sys.argv[1]).game)"
    )
    settings = {
        "PYTHONUTF8": "0",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", program, str(tmp_path / "mine.toml")]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("tictactoe\n", "")


def test_a_file_that_is_no_text_is_named_with_the_line(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"seed = 1\n" + TOML.encode("latin-1"))
    (tmp_path / "large.toml").write_bytes(b"#" * 10**7)
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    wanted = {
        "latin": "latin.toml: line 2 is not UTF-8",
        "large": "larger than any",
        "pipe": "no such file",
        "folder": "no such",
    }
    for name, message in wanted.items():
        with pytest.raises(ValueError, match=message):
            config_file.load(str(tmp_path / f"{name}.toml"))
    with pytest.raises(ValueError, match="no regular file"):
        config_file.read_text(tmp_path / "pipe.toml")  # at once: nobody writes there


def test_a_game_s_file_is_found_beside_the_toml_file_that_names_it(tmp_path, monkeypatch):
    """As include paths are in the files that hold them (AlphaGo.jl#5, ray#28082); the working
    directory comes second."""
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    toml = tmp_path / "there" / "mine.toml"
    toml.write_text('game = "mine.py"\n')
    with pytest.raises(
        ValueError, match=r"no such game file: neither .*/there/mine.py nor mine.py"
    ):
        config_file.load(str(toml))
    (tmp_path / "here" / "mine.py").write_text("# here\n")
    assert config_file.load(str(toml)).game == str(tmp_path / "here" / "mine.py")
    (tmp_path / "there" / "mine.py").write_text("# there\n")
    assert config_file.load(str(toml)).game == str(tmp_path / "there" / "mine.py")
    # the user's own word
    assert config_file.load(str(toml), ["game=mine.py"]).game == str(tmp_path / "here" / "mine.py")
    assert config_file.load("../there/mine.toml").game == str(tmp_path / "there" / "mine.py")


def numbers_of(section: type, prefix: str = "") -> dict[str, object]:
    """{key: type} of every number of a section and of those in it."""
    found = {}
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, config.Section):
            found |= numbers_of(field.type, f"{field.name}.")
        elif field.type in (int, float) or typing.get_origin(field.type) is typing.Annotated:
            found[prefix + field.name] = field.type
    return found


@pytest.mark.parametrize(
    "key, kind", numbers_of(config.RunConfig).items(), ids=lambda value: str(value)[:40]
)
def test_every_number_has_limits(key, kind):
    """A number that nobody checks is one that hangs or does nothing an hour later."""
    number, bounds = typing.get_args(kind)
    for outside in (bounds.ge - max(1, abs(bounds.ge)), 2 * bounds.le + 1, float("nan")):
        with pytest.raises(ValueError, match=re.escape(key) + " must |expected `int`"):
            config_file.parse(
                'game = "tictactoe"', [f"{key}={number(outside) if outside == outside else 'nan'}"]
            )


def test_there_are_as_many_parameters_of_a_search_as_its_two_sections_have():
    keys = {*config.SearchConfig.__struct_fields__, *config.ExplorationConfig.__struct_fields__}
    assert keys >= set(params.NAMES) == {"kind", *params.SELECTION, *params.EXPLORATION}


OLD = """
game = "tictactoe"
[search]
solves = false
temperature_start = 0.5
[learner]
rate = 0.25
"""


def test_keys_of_older_versions_are_read_and_their_names_of_now_are_told(tmp_path, caplog):
    (tmp_path / "old.toml").write_text(OLD)
    found = config_file.load(str(tmp_path / "old.toml"), ["replay.reuse=3", "learner.rate=0.5"])
    assert (found.search.mcts_solver, found.exploration.temperature_start) == (False, 0.5)
    assert (found.learner.learning_rate, found.replay.samples_per_row) == (0.5, 3.0)
    for old, new in (
        ("search.solves", "search.mcts_solver"),
        ("replay.reuse", "replay.samples_per_row"),
    ):
        assert f"{old} is called {new} now" in caplog.text
    caplog.clear()
    # what a run stored
    assert config_file.parse(OLD).learner.learning_rate == 0.25 and not caplog.text
    with pytest.raises(ValueError, match="unknown key 'search.solves'"):
        config_file.parse(OLD.replace("solves = false", "solves = false\nmcts_solver = true"))


@pytest.mark.parametrize("old, new", config_file.OLD_KEYS.items())
def test_every_old_key_leads_to_a_key(old, new):
    section, name = new.split(".")
    assert name in getattr(config.RunConfig(game="x"), section).__struct_fields__
    assert (
        old.split(".")[1]
        not in getattr(config.RunConfig(game="x"), old.split(".")[0]).__struct_fields__
    )


def test_a_configuration_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        config_file.load("dummy").generations = 3
    assert msgspec.structs.replace(config_file.load("dummy"), generations=3).generations == 3


def test_a_device_that_is_not_there_is_named_with_what_is():
    for name in ("cuda:99", "meta"):
        with pytest.raises(ValueError, match=f"device '{name}' is not there: torch .* can use cpu"):
            usable_device(name)
    with pytest.raises(ValueError, match="no device that torch knows"):
        usable_device("tpu9")
    assert usable_device("cpu").type == "cpu"


def test_a_family_s_bare_name_is_kept_as_the_game_that_it_means():
    """So that a run, its checkpoints and its exam all name one game."""
    assert config_file.parse('game = "hex"').game == "hex11"
    assert config_file.load("dummy", ["game=othello"]).game == "othello8"
    assert config_file.parse('game = "connect4"').game == "connect4"
