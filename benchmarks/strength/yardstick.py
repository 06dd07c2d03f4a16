"""How strong is `mcts:N` made? `python benchmarks/strength/yardstick.py`: each exploration constant
against the one in use.

A yardstick must be a good one of its kind, or beating it means nothing.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import report

import games
from native.search.params import PUCT, SearchParams
from selfplay.matches import arena
from selfplay.matches.players import PLAYOUT_EXPLORATION, PlayoutEvaluator, SearchPlayer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--game", default="connect4")
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--games", type=int, default=200)
    parser.add_argument("--c-init", type=float, nargs="+", default=[0.7, 1.25, 2.0, 3.0, 5.0, 8.0])
    options = parser.parse_args()
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

    lines = {}
    for c in options.c_init:
        result = arena.match(
            game, player(c, 1), player(PLAYOUT_EXPLORATION, 2), options.games, 4, seed=1
        )
        lines[f"c {c} against c {PLAYOUT_EXPLORATION}"] = (
            f"{result.score:.1%} ({result.wins} won, {result.draws} drawn, {result.losses} lost)"
        )
        print(f"  {c}: {result.score:.1%}", flush=True)
    report(f"mcts:{options.simulations}, {game.name}, {options.games} games", lines)


if __name__ == "__main__":
    main()
