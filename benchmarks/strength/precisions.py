"""What does a precision cost in strength?
`python benchmarks/strength/precisions.py RUN [--positions N] [--games N]`

The run's network on its game's exam in every precision of this machine, alone and with 64
simulations; then each against fp32 with as many simulations, in paired games.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from measure import report

from selfplay.config import game_of
from selfplay.matches import exam
from selfplay.matches.arena import match
from selfplay.matches.players import SearchPlayer
from selfplay.network.precision import usable_precisions
from selfplay.storage import checkpoint

SIMULATIONS = 64
OPENING_PLIES = 6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("--positions", type=int)
    parser.add_argument("--games", type=int, default=400)
    options = parser.parse_args()
    found = checkpoint.find(options.run)
    network, config, game, asked = (
        found.network(),
        found.config.match,
        game_of(found.config),
        exam.load(found.game),
    )
    asked = asked.first(options.positions or len(asked))

    def player(precision: str, simulations: int) -> SearchPlayer:
        return SearchPlayer.network(
            precision, game, network, config, simulations, precision=precision
        )

    def kept(precision: str, simulations: int) -> str:
        return f"{asked.grade(player(precision, simulations).choose(asked.states)).mean():.2%}"

    lines = {}
    for precision in usable_precisions(network):
        lines[f"{precision}, exam"] = (
            f"{kept(precision, 0)}, with {SIMULATIONS} simulations {kept(precision, SIMULATIONS)}"
        )
        if precision != "fp32":
            met = match(
                game,
                player(precision, SIMULATIONS),
                player("fp32", SIMULATIONS),
                options.games,
                OPENING_PLIES,
                seed=1,
            )
            outcomes = np.array(met.outcomes)
            won, drawn, lost = (int((np.sign(outcomes) == sign).sum()) for sign in (1, 0, -1))
            lines[f"{precision}, against fp32"] = f"{won}-{drawn}-{lost}"
    report(f"{len(asked):,} positions of {found.game}, {found.path}", lines)


if __name__ == "__main__":
    main()
