"""What search adds, by kind and number of simulations:
`python benchmarks/strength/amplification.py CHECKPOINT [--positions N]`.

Share of exam positions in which the value is kept. A search whose answer does not improve with its
simulations is not amplifying; this curve chose `match.gumbel_up_to` and `match.c_init`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from measure import figure, parser, report

import games
from selfplay.config import MatchConfig
from selfplay.matches import exam
from selfplay.matches.player_names import parse_name
from selfplay.matches.players import SearchPlayer


def main() -> None:
    made = parser(__doc__)
    made.add_argument("checkpoint")
    made.add_argument("--positions", type=int, default=1000)
    made.add_argument(
        "--simulations", type=int, nargs="+", default=[0, 16, 32, 64, 128, 200, 400, 800, 1600]
    )
    made.add_argument("--c-init", type=float, nargs="+", default=[1.25])
    options = made.parse_args()
    torch.set_num_threads(2)
    found = parse_name(options.checkpoint).checkpoint
    game, network = games.load(found.game), found.network()
    asked = exam.load(found.game).first(options.positions)
    kinds = {"Gumbel": MatchConfig(kind="gumbel")}
    kinds |= {f"PUCT, c {c}": MatchConfig(kind="puct", c_init=c) for c in options.c_init}
    figures = []
    for name, config in kinds.items():
        for simulations in options.simulations:
            player = SearchPlayer.network("x", game, network, config, simulations)
            share = 100 * float(asked.grade(player.choose(asked.states)).mean())
            what = f"{found.game}, {name}, {simulations} simulations: exam"
            figures.append(figure("amplification", what, share, "%"))
    report(f"{options.checkpoint}, {len(asked)} positions", figures, options.record)


if __name__ == "__main__":
    main()
