"""Are two checkouts the same program? `python benchmarks/robustness/same.py OLD NEW` (folders; NEW
is usually `.`).

Each plays, learns and searches by the same seeds in processes of its own: a short run in one thread
and fp32, whose games and checkpoints must hold the same bytes; and searches of fixed positions,
whose visits, moves, values and policies must be equal. Exit code 1 and the names of what differs,
if anything does.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import commit, figure, parser, report

PROGRAM = """
import hashlib, json, sys
import numpy as np
import games
from games.laws import random_positions
try:
    from native.search.params import GUMBEL, PUCT, SearchParams as Params
    from selfplay.matches.players import create
    from selfplay.searching.reference import FakeNetwork
    from selfplay.searching.searcher import Searcher
    new = True
except ImportError:  # as it was called up to commit 90869d6
    from native.settings import GUMBEL, PUCT, Settings as Params
    from selfplay.players import create
    from selfplay.reference import FakeNetwork
    from selfplay.searcher import Searcher
    new = False
OLD = {"cpuct_stdev_scale": "c_spread", "mcts_solver": "solves"}
def params(**values):
    names = {} if new else OLD
    return Params(**{names.get(name, name): value for name, value in values.items()})
SEARCHES = {
    "gumbel": params(kind=GUMBEL),
    "puct": params(kind=PUCT, dirichlet_fraction=0.25, forced_playouts=2.0),
    "puct as in matches": params(kind=PUCT, cpuct_stdev_scale=0.85, lcb=5.0),
    "puct without the solver": params(kind=PUCT, mcts_solver=False),
}
def visits(result):  # ascending by action
    if hasattr(result, "visits"):  # as it was called up to commit 1315d88
        return result.visits.tobytes()
    return np.array([move.visits for move in result.moves], np.int32).tobytes()
found = {}
for name in sys.argv[1:]:
    game = games.load(name)
    states = np.stack([position.state for position in random_positions(game, 12, seed=3)])
    for kind, chosen in SEARCHES.items():
        for leaves in (1, 4):
            searcher = Searcher(game, FakeNetwork(game.actions), chosen, 96, 4, leaves, 0, 7)
            digest = hashlib.sha256()
            for state in states:
                result = searcher.search(state[None])
                for array in (result.action, result.value, result.policy, *searcher.root()[:4]):
                    digest.update(np.ascontiguousarray(array).tobytes())
            found[f"search: {name}, {kind}, {leaves} in flight"] = digest.hexdigest()
    player, digest = create("mcts:60", game, seed=5), hashlib.sha256()
    for state in states:  # one by one and together: searches that must not share random numbers
        digest.update(visits(player.analyse(state)))
    digest.update(player.choose(states).tobytes() + visits(player.analyse(states[0])))
    search = player.open_search() if hasattr(player, "open_search") else player.anytime_search()
    search.begin(states[0]) if hasattr(search, "begin") else search.set_position(states[0])
    search.run(60)
    digest.update(search.root()[1].tobytes())
    found[f"player: {name}, mcts:60"] = digest.hexdigest()
print(json.dumps(found))
"""
GAMES = ("tictactoe", "connect4", "go5", "othello6", "gomoku9", "hex5", "breakthrough5")
TRAIN = ("-m", "selfplay.cli", "train")
RUN = (
    "--actors",
    "0",
    "--set",
    "actor.in_process=1",
    "--set",
    "network.precision=fp32",
    "--set",
    "learner.threads=1",
    "--set",
    "generations=3",
)


def signature(checkout: Path, presets: list[str]) -> dict[str, str]:
    """{what: its digest} of one checkout."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}

    def ask(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{checkout}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    found = json.loads(ask("-c", PROGRAM, *GAMES))
    # once there was no other way
    lockstep = ["--lockstep"] if "--lockstep" in ask(*TRAIN, "--help") else []
    for preset in presets:
        with tempfile.TemporaryDirectory() as folder:
            ask(*TRAIN, preset, "--out", f"{folder}/run", *lockstep, *RUN)
            for path in sorted(Path(folder, "run").rglob("*.safetensors")):
                name = path.relative_to(Path(folder, "run"))
                found[f"run: {preset}, {name}"] = digest_of(path.read_bytes())
    return found


def digest_of(file: bytes) -> str:
    """Of a safetensors file, whose header's metadata stand in no order."""
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:end]), sort_keys=True)
    return hashlib.sha256(header.encode() + file[end:]).hexdigest()


def main() -> int:
    made = parser(__doc__)
    made.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    made.add_argument(
        "--presets", nargs="+", default=["dummy", "tictactoe"], help="whose runs are compared"
    )
    options = made.parse_args()
    paths = [path.resolve() for path in options.checkouts]
    old, new = (signature(path, options.presets) for path in paths)
    different = sorted(name for name in old | new if old.get(name) != new.get(name))
    for name in different:
        print(f"differs: {name}")
    what, unit = "searches, shards and checkpoints", "searches and files"
    more = {"commit": commit(paths[1]), "note": f"old: {commit(paths[0])}"}
    nothing = {"asked": 0, "at_most": True}
    figures = [
        figure("checkouts", f"{what} compared", len(old), unit, **more),
        figure("checkouts", f"{what} that differ", len(different), unit, **more, **nothing),
    ]
    report("two checkouts", figures, options.record)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
