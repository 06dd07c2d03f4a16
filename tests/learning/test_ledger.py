"""The ledger measures the search that self-play uses, without what makes self-play explore."""

import msgspec
import numpy as np
import pytest

from games.laws import random_positions
from native.search import params
from native.search.params import GUMBEL, PUCT
from selfplay import config, config_file
from selfplay.actors.actor import Actor
from selfplay.learning.ledger import Ledger
from selfplay.network.weights import new_network, shape_for, weights_of
from selfplay.searching.searcher import Searcher

EXPLORES = {  # a setting -> its value where nothing explores
    "gumbel_scale": 0.0,
    "dirichlet_fraction": 0.0,
    "dirichlet_shaped": 0.0,  # of noise that is not there
    "root_policy_temperature": 1.0,
    "forced_playouts": 0.0,
}
# Every constant of a search, none of them the default or what matches have.
SEARCHES = {
    "gumbel": [
        "kind=gumbel",
        "max_considered=5",
        "c_visit=20.0",
        "c_scale=0.3",
        "min_max=true",
        "mcts_solver=false",
    ],
    "puct": [
        "kind=puct",
        "c_init=2.5",
        "cpuct_stdev_scale=0.4",
        "fpu_reduction=0.4",
        "mcts_solver=false",
    ],
    "puct with absolute first play": [
        "kind=puct",
        "fpu_absolute=true",
        "fpu_value=-0.5",
        "exploration.forced_playouts=2.0",
    ],
    "puct with a warm root": [
        "kind=puct",
        "exploration.root_policy_temperature=1.3",
        "exploration.dirichlet_shaped=0.5",
        "exploration.dirichlet_fraction=0.4",
    ],
}


def run_config(search: list[str], *others: str) -> config.RunConfig:
    return config_file.load(
        "dummy",
        [
            *(
                change if "." in change.partition("=")[0] else f"search.{change}"
                for change in search
            ),
            "network.precision=fp32",
            *others,
        ],
    )


def ledger_of(settings: config.RunConfig):
    """(the ledger, its players with 24 simulations and alone, over a network that plays badly)."""
    ledger = Ledger(settings)
    ledger.precision = "fp32"
    network = new_network(shape_for(ledger.game, settings.network), 3)
    return ledger, ledger._players(network, "3", 24), network


@pytest.mark.parametrize("name", SEARCHES)
def test_every_constant_of_the_search_is_self_play_s(name):
    settings = run_config(SEARCHES[name])
    _, (search, alone), _ = ledger_of(settings)
    played = config.search_params(settings.search, settings.exploration)._asdict()
    assert search.params._asdict() == alone.params._asdict() == played | EXPLORES
    assert search.params.kind == (PUCT if "puct" in name else GUMBEL)
    assert (search.simulations, alone.simulations, search.precision) == (24, 0, "fp32")


def test_what_self_play_s_search_is_has_every_setting_that_a_run_can_change():
    """A constant of `search.*` that does not reach the compiled search would be one that nothing
    obeys."""
    changed = run_config(
        [
            change
            for name in ("gumbel", "puct with absolute first play")
            for change in SEARCHES[name]
        ]
    )
    reached = config.search_params(changed.search, changed.exploration)
    for section, names in (
        (changed.search, params.SELECTION),
        (changed.exploration, params.EXPLORATION),
    ):
        for name in names:
            assert getattr(reached, name) == pytest.approx(getattr(section, name)), name


def test_a_match_s_settings_have_no_part_in_it():
    matches = [
        "match.kind=gumbel",
        "match.c_init=9.0",
        "match.lcb=50.0",
        "match.cpuct_stdev_scale=1.0",
        "match.symmetries=8",
    ]
    (plain, _), (other, _) = (
        ledger_of(run_config(SEARCHES["puct"], *more))[1] for more in ([], matches)
    )
    assert plain.params._asdict() == other.params._asdict()
    states = np.stack([position.state for position in random_positions(plain.game, 30, seed=1)])
    np.testing.assert_array_equal(plain.choose(states), other.choose(states))


@pytest.mark.parametrize("others", [[], ["actor.leaves=3"], ["actor.symmetry=random"]])
@pytest.mark.parametrize("name", ["puct", "puct with absolute first play"])
def test_it_finds_the_moves_that_self_play_finds_where_nothing_explores(name, others):
    """The games of an actor whose noise, temperature and openings are off, move by move."""
    off = ("dirichlet_fraction", "temperature_start", "temperature_end", "forced_playouts")
    quiet = [f"exploration.{name}=0.0" for name in off]
    settings = run_config(
        SEARCHES[name] + quiet, "actor.opening_fraction=0.0", "actor.games=1", *others
    )
    _, (search, _), network = ledger_of(settings)
    # From an empty tree at each move, with as many simulations as the ledger's.
    player = Actor(
        msgspec.structs.replace(settings, search=with_simulations(settings.search, 24)),
        network.shape,
        seed=1,
    )
    player.load(weights_of(network), 0, 24, "fp32")
    played, _ = player.play(1)
    position = player.game.start()
    for action in played.sequences()[0]:
        assert search.choose(position.state[None])[0] == action
        position.play(int(action))
    assert position.outcome is not None


def with_simulations(search: config.SearchConfig, count: int) -> config.SearchConfig:
    return msgspec.structs.replace(search, simulations=[count])


def test_it_searches_to_the_end_where_matches_may_stop():
    _, (search, _), _ = ledger_of(run_config(SEARCHES["puct"]))
    states = np.stack([search.game.start().state] * 2)
    search.choose(states)
    (searcher,) = search.searchers.values()
    assert isinstance(searcher, Searcher) and not searcher.stops_early
    assert searcher.forest.num_finished[:2].tolist() == [24, 24]


def test_noise_is_what_play_adds_and_nothing_else():
    search, exploration = config.SearchConfig(), config.ExplorationConfig()
    plain, noisy = (config.search_params(search, more)._asdict() for more in (None, exploration))
    assert {name for name in plain if plain[name] != noisy[name]} == {
        "gumbel_scale",
        "dirichlet_fraction",
    }
