"""What does a precision cost in strength?
`python benchmarks/strength/precisions.py RUN [--positions N] [--games N]`

The run's network on its game's exam in every precision of this machine, alone and with 64
simulations; then each against fp32 with as many simulations, in paired games.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from measure import figure, parser, report

from selfplay.config import game_of
from selfplay.matches import exam
from selfplay.matches.arena import match
from selfplay.matches.players import SearchPlayer
from selfplay.network.precision import usable_precisions
from selfplay.storage import checkpoint

SIMULATIONS = 64
OPENING_PLIES = 6


def main() -> None:
    made = parser(__doc__)
    made.add_argument("run")
    made.add_argument("--positions", type=int)
    made.add_argument("--games", type=int, default=400)
    options = made.parse_args()
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

    def kept(precision: str, simulations: int) -> float:
        share = asked.grade(player(precision, simulations).choose(asked.states)).mean()
        return 100 * float(share)

    figures = []
    for precision in usable_precisions(network):
        what = f"{found.game}, {precision}"
        for how, simulations in (("alone", 0), (f"{SIMULATIONS} simulations", SIMULATIONS)):
            share = kept(precision, simulations)
            figures.append(figure("precisions", f"{what}: exam, {how}", share, "%"))
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
            score = 50 * (1 + float(outcomes.mean()))
            match_name = f"score against fp32, {SIMULATIONS} simulations, {options.games} games"
            note = f"{won}-{drawn}-{lost}"
            figures.append(figure("precisions", f"{what}: {match_name}", score, "%", note=note))
    report(f"{len(asked):,} positions of {found.game}, {found.path}", figures, options.record)


if __name__ == "__main__":
    main()
