"""Configuration is strict: a mistake is an error that names the key, the file and the nearest right word."""

import msgspec
import pytest

import games
from selfplay import config
from selfplay.evaluator import usable_device


@pytest.mark.parametrize("name", config.presets())
def test_every_preset_loads_and_survives_being_written(name):
    loaded = config.load(name)
    assert config.parse(config.dump(loaded)) == loaded


def test_every_family_of_games_has_a_preset():
    assert {"connect4", "connect4-quick", "dummy", "tictactoe"} <= set(config.presets())
    trained = {config.load(name).game for name in config.presets()}
    assert {games.GAMES[name][0] for name in trained} == set(games.FAMILIES)


def test_a_game_s_options_are_settings():
    assert config.game_of(config.load("go7")).start().final()[1] == -9.0
    assert config.game_of(config.parse('game = "go9"\n[options]\nkomi = 5')).options == {"komi": 5.0, "handicap": 0.0}
    with pytest.raises(ValueError, match="options: go9 has no option 'kome'; it has: komi, handicap"):
        config.game_of(config.parse('game = "go9"\n[options]\nkome = 5'))
    with pytest.raises(ValueError, match="finite"):
        config.game_of(config.parse('game = "go9"\n[options]\nkomi = nan'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('game = "x"\n[learner]\nbatchs = 3', "unknown key 'learner.batchs'; did you mean 'learner.batch'"),
        ('game = "x"\n[lerner]\nbatch = 3', "unknown key 'lerner'; did you mean 'learner'"),
        ('game = "go9"\n[options]\nkomi = "much"', "options.komi: expected a number, got 'much'"),
        ('game = "x"\n[learner]\nbatch = "many"', "learner.batch: expected `int`, got `str`"),
        ('game = "x"\nlearner = 3', "learner: expected `object`, got `int`"),
        ('game = "x"\n[search]\nsimulations = [1, 2.5]', "search.simulations[1]: expected `int`, got `float`"),
        ('game = "x"\n[search]\nsimulations = []', "search.simulations must list numbers from 1 to 1,000,000"),
        ('game = "x"\n[learner]\nbatch = 0', "learner.batch must lie between 2 and"),
        ('game = "x"\n[learner]\naverage = 1.5', "learner.average must lie between 0 and 1"),
        ('game = "x"\n[search]\nkind = "mcts"', "search.kind must be one of gumbel, puct"),
        ("generations = 3", "object missing required field `game`"),
        ("game = ", "not TOML"),
        ('game = "x"\nseed = -1', "seed must lie between 0 and"),
        ('game = "x"\n[learner]\nrate = nan', "learner.rate must lie between"),
        ('game = "x"\n[replay]\nreuse = inf', "replay.reuse must lie between"),
        ('game = "x"\n[search]\ndirichlet_total = -10', "search.dirichlet_total must lie between"),
        ('game = "x"\n[learner]\nrate = true', "learner.rate: expected `float`, got `bool`"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ValueError) as caught:
        config.parse(text, source="mine.toml")
    said = str(caught.value)
    assert "\n" not in said and said.startswith("mine.toml: ")
    for part in message.split("; "):
        assert part.lower() in said.lower()


def test_unknown_presets_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown preset 'conect4'; did you mean 'connect4'"):
        config.load("conect4")
    with pytest.raises(ValueError, match="no such file"):
        config.load("nowhere.toml")


def test_changes_are_applied_and_checked():
    changed = config.load("dummy", ["learner.batch=7", "network.precision=fp32", "search.simulations=[3, 4]"])
    assert (changed.learner.batch, changed.network.precision, changed.search.simulations) == (7, "fp32", [3, 4])
    for bad in ("learner.batch", "=3", "learner.batch.x=3", "learner.btch=3", "game.x=1"):
        with pytest.raises(ValueError):
            config.load("dummy", [bad])


def test_every_number_has_limits():
    """A number that nobody checks is one that hangs or does nothing an hour later."""
    numbers = set()
    for section in msgspec.structs.fields(config.RunConfig):
        if isinstance(section.type, type) and issubclass(section.type, config.Section):
            numbers |= {
                f"{section.name}.{f.name}" for f in msgspec.structs.fields(section.type) if f.type in (int, float)
            }
        elif section.type in (int, float):
            numbers.add(section.name)
    assert numbers == set(config.LIMITS)


def test_a_configuration_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        config.load("dummy").generations = 3
    assert msgspec.structs.replace(config.load("dummy"), generations=3).generations == 3


def test_a_device_that_is_not_there_is_named_with_what_is():
    for name in ("cuda:99", "meta"):
        with pytest.raises(ValueError, match=f"device '{name}' is not there: torch .* can use cpu"):
            usable_device(name)
    with pytest.raises(ValueError, match="no device that torch knows"):
        usable_device("tpu9")
    assert usable_device("cpu").type == "cpu"


def test_a_family_s_bare_name_is_kept_as_the_game_that_it_means():
    """So that a run, its checkpoints and its exam all name one game."""
    assert config.parse('game = "hex"').game == "hex11"
    assert config.load("dummy", ["game=othello"]).game == "othello8"
    assert config.parse('game = "connect4"').game == "connect4"
