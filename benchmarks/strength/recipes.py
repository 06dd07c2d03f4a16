"""What do the features of self-play teach?
`python benchmarks/strength/recipes.py [--minutes 5] [--games 200] [--out DIR] [RECIPE ...]`

Runs of equal time on one core each, by PUCT or by Gumbel, that differ in one setting: the network
of each then meets `mcts:1000` and those of the plain runs by the same search, searching with 64
simulations as matches do, in paired games, and sits the exam. Plain runs differ in their seed
alone: what lies between them is what chance does. Finished runs are not trained again.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import measure
from measure import Figure, figure, report

from selfplay.storage import checkpoint

PLAIN = {
    "lockstep": "true",
    "search.kind": "puct",
    "search.simulations": "[32]",
    "replay.rows_per_generation": 12000,
    "learner.threads": 1,
    "actor.local_actors": 1,
    "generations": 1000,
    "ledger.games": 0,
    "ledger.positions": 0,
}
ALL = {
    "shaped": {"exploration.dirichlet_shaped": 0.5},
    "forced": {"exploration.forced_playouts": 2},
    "warm": {"exploration.root_policy_temperature": 1.1},
    "symmetry": {"actor.symmetry": "random"},
    "kept": {"search.tree_reuse": "true"},
    "settled": {"search.decided_value": 0.9},
}
# the outcome counts for more than the search's value
VALUES = {"replay.value_lambda": 0.3, "learner.outcome_weight": 1.0, "learner.value_weight": 0.5}
RECIPES = {
    "plain-1": {"seed": 1},
    "plain-2": {"seed": 2},
    **ALL,
    "all": {key: value for changes in ALL.values() for key, value in changes.items()},
    "gumbel": {"search.kind": "gumbel"},
}
GUMBEL = {
    "gumbel-1": {"seed": 1},
    "gumbel-2": {"seed": 2},
    "single-1": {"seed": 1, "actor.single_share": 0.25},
    "single-2": {"seed": 2, "actor.single_share": 0.25},
    "values-1": {"seed": 1, **VALUES},
    "values-2": {"seed": 2, **VALUES},
}
RECIPES |= {name: {"search.kind": "gumbel", **changes} for name, changes in GUMBEL.items()}
RIVALS = dict.fromkeys(GUMBEL, ("gumbel-1", "gumbel-2"))

TITLES = {  # in the results; others bear their own names
    "shaped": "shaped Dirichlet noise, 0.5",
    "forced": "forced playouts, k = 2",
    "warm": "root temperature 1.1",
    "symmetry": "a random symmetry for each question",
    "kept": "kept trees",
    "settled": "soft resignation beyond 0.9",
    "all": "all six",
    "gumbel": "Gumbel",
    **{
        f"{name}-{seed}": f"{title}, seed {seed}"
        for name, title in (
            ("gumbel", "Gumbel"),
            ("single", "Gumbel, a quarter of the searches single"),
            ("values", "Gumbel, value lambda 0.3, outcome 1, value 0.5"),
        )
        for seed in (1, 2)
    },
}


def selfplay(*arguments: str) -> str:
    """One command on one core."""
    command = [str(Path(sys.executable).with_name("selfplay")), *arguments]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=alone).stdout


def train(name: str, options: argparse.Namespace) -> None:
    if (options.out / name / "result.json").exists():
        return
    settings = PLAIN | RECIPES[name] | {"minutes": options.minutes}
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    selfplay("train", options.preset, "--actors", "0", "--out", str(options.out / name), *words)
    print(f"  {name} is trained", file=sys.stderr, flush=True)


def reached(name: str, options: argparse.Namespace) -> list[Figure]:
    run = options.out / name
    title = f"{options.preset}, {TITLES.get(name, name)}"
    found = checkpoint.find(str(run))
    result = json.loads((run / "result.json").read_text())
    exam, yardstick = result["exam"], result["match"]
    figures = [
        figure("recipes", f"{title}: generations", found.generation, "generations"),
        figure("recipes", f"{title}: positions", found.progress["rows"], "positions"),
        figure("recipes", f"{title}: seconds of training", found.progress["seconds"], "s"),
        figure("recipes", f"{title}: exam, network alone", 100 * exam["network"], "%"),
        figure("recipes", f"{title}: exam, 64 simulations", 100 * exam["search"], "%"),
    ]
    what = f"{title}: score against {yardstick['second']}, 64 simulations, 200 games"
    note = f"{yardstick['wins']}-{yardstick['draws']}-{yardstick['losses']}"
    figures.append(figure("recipes", what, 100 * yardstick["score"], "%", note=note))
    if not options.games:
        return figures
    for plain in [plain for plain in RIVALS.get(name, ("plain-1", "plain-2")) if plain != name]:
        words = ["arena", f"{run}@64", f"{options.out / plain}@64", "--json"]
        (met,) = json.loads(selfplay(*words, "--games", str(options.games)))["matches"]
        what = f"{title}: score against {plain}, 64 simulations, {options.games} games"
        note = f"{met['wins']}-{met['draws']}-{met['losses']}"
        figures.append(figure("recipes", what, 100 * met["score"], "%", note=note))
    return figures


def main() -> None:
    parser = measure.parser(__doc__)
    parser.add_argument(
        "recipes", nargs="*", metavar="RECIPE", help=f"of {', '.join(RECIPES)}; all of them"
    )
    parser.add_argument("--preset", default="connect4-quick")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="runs side by side, a core each"
    )
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--games", type=int, default=200, help="against a plain run; 0: none")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    options = parser.parse_args()
    options.recipes = options.recipes or list(RECIPES)
    if unknown := set(options.recipes) - set(RECIPES):
        parser.error(f"unknown recipes: {', '.join(sorted(unknown))}")
    with ThreadPoolExecutor(options.processes) as pool:
        list(pool.map(lambda name: train(name, options), options.recipes))
        for name, figures in zip(
            options.recipes, pool.map(lambda name: reached(name, options), options.recipes)
        ):
            report(name, figures, options.record)


if __name__ == "__main__":
    main()
