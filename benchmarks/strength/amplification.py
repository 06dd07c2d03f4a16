"""What search adds, by kind and number of simulations:
`python benchmarks/strength/amplification.py CHECKPOINT [--positions N]`.

Share of exam positions in which the value is kept. A search whose answer does not improve with its
simulations is not amplifying; this curve chose `match.gumbel_up_to` and `match.c_init`.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from measure import report

import games
from selfplay.config import MatchConfig
from selfplay.matches import exam
from selfplay.matches.player_names import parse_name
from selfplay.matches.players import SearchPlayer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--positions", type=int, default=1000)
    parser.add_argument(
        "--simulations", type=int, nargs="+", default=[0, 16, 32, 64, 128, 200, 400, 800, 1600]
    )
    parser.add_argument("--c-init", type=float, nargs="+", default=[1.25])
    options = parser.parse_args()
    torch.set_num_threads(2)
    found = parse_name(options.checkpoint).checkpoint
    game, network = games.load(found.game), found.network()
    asked = exam.load(found.game).first(options.positions)
    kinds = {"gumbel": MatchConfig(kind="gumbel")}
    kinds |= {f"puct, c {c}": MatchConfig(kind="puct", c_init=c) for c in options.c_init}
    lines = {}
    for name, config in kinds.items():
        for simulations in options.simulations:
            player = SearchPlayer.network("x", game, network, config, simulations)
            share = asked.grade(player.choose(asked.states)).mean()
            lines[f"{name}, {simulations} simulations"] = f"{share:.1%}"
            print(f"  {name}, {simulations}: {share:.1%}", flush=True)
    report(f"{options.checkpoint}, {len(asked)} positions", lines)


if __name__ == "__main__":
    main()
