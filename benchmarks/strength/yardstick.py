"""How strong is `mcts:N` made? `python benchmarks/strength/yardstick.py`: each exploration constant
against the one in use.

A yardstick must be a good one of its kind, or beating it means nothing.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import figure, parser, report

import games
from native.search.params import PUCT, SearchParams
from selfplay.matches import arena
from selfplay.matches.players import PLAYOUT_EXPLORATION, PlayoutEvaluator, SearchPlayer


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--game", default="connect4")
    made.add_argument("--simulations", type=int, default=1000)
    made.add_argument("--games", type=int, default=200)
    made.add_argument("--c-init", type=float, nargs="+", default=[0.7, 1.25, 2.0, 3.0, 5.0, 8.0])
    options = made.parse_args()
    game = games.load(options.game)

    def player(c: float, seed: int) -> SearchPlayer:
        settings = SearchParams(kind=PUCT, c_init=c, fpu_reduction=0.0, mcts_solver=False)
        return SearchPlayer(
            f"c {c}",
            game,
            PlayoutEvaluator(game),
            settings,
            options.simulations,
            seed,
            False,
        )

    figures = []
    for c in options.c_init:
        result = arena.match(
            game, player(c, 1), player(PLAYOUT_EXPLORATION, 2), options.games, 4, seed=1
        )
        player_name = f"{game.name}, mcts:{options.simulations}"
        what = f"{player_name} with c {c:g} against c {PLAYOUT_EXPLORATION:g}"
        note = f"{result.wins}-{result.draws}-{result.losses}"
        figures.append(figure("yardstick", what, 100 * result.score, "%", note=note))
    report(f"{options.games} games each", figures, options.record)


if __name__ == "__main__":
    main()
