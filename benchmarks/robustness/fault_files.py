"""Files that the rows of fault_rows.py put beside their commands: records, runs that are altered,
hostile games."""

KO = "(;GM[1]FF[4]SZ[9]KM[6.5]AB[ba][ab][bc]AW[ca][db][cc][bb]PL[B];B[cb];W[bb]KO[];B[ee])"
SENDING_TWO = (
    "(;GM[1]FF[4]SZ[9]RU[Japanese]KM[6.5]AB[ab][bb][ac]"
    "[bc][cc]AW[ba][cb][da][db][dc]PL[W];W[aa];B[ca];W[ba]"
    ";B[ee])"
)
RESUMED = (
    "(;GM[1]FF[4]SZ[9]KM[6.5]RU[Japanese];B[ee];W[cc];B[]"
    ";W[]C[disagree: play on];B[cd];W[dc];B[];W[])"
)
SET_UP = "(;GM[1]FF[4]SZ[9]KM[6.5];B[ee];W[cc];B[gc];AE[cc]AW[cg]AB[ce];W[gg])"
DIVERGES = """
game = "tictactoe"
generations = 6
[network]
blocks = 1
channels = 8
precision = "fp32"
[search]
simulations = [4]
[actor]
games = 8
in_process = 1
cache_entries = 16
[replay]
rows_per_generation = 200
window_min = 100
[learner]
batch = 64
rate = 10.0
weight_decay = 0.3
clip = 1000000
warmup = 0
threads = 1
[ledger]
games = 2
positions = 20
"""
CRAFT_GAME = """
import json, pathlib, sys, zlib
path = pathlib.Path("r/checkpoints/0002/checkpoint.json")
facts = json.loads(path.read_text())
facts.pop("crc32")
facts["game"] = facts["config"]["game"] = sys.argv[1]
crc = zlib.crc32(json.dumps(facts, sort_keys=True).encode())
path.write_text(json.dumps(facts | {"crc32": crc}))
config = pathlib.Path("r/config.toml")
lines = [line for line in config.read_text().splitlines() if not line.startswith("#")]
text = "\\n".join(lines).replace('game = "tictactoe"', f'game = "{sys.argv[1]}"')
config.write_text(text + "\\n")
"""
CRAFT_SHARD = """
from pathlib import Path
try:
    from selfplay.storage.arrays import read_arrays, write_arrays
except ImportError:
    from selfplay.storage.files import read_arrays, write_arrays
path = sorted(Path("r/games").glob("*.safetensors"))[0]
arrays = {name: array.copy() for name, array in read_arrays(path).items()}
arrays["first_move"][1] = 10**12
arrays["action"][0] = 65535
write_arrays(path, arrays)
"""
CRAFT_SHAPE = """
import json, pathlib, sys, zlib
path = pathlib.Path("r/checkpoints/0002/checkpoint.json")
facts = json.loads(path.read_text())
facts.pop("crc32")
facts["shape"]["blocks"] = int(sys.argv[1])
crc = zlib.crc32(json.dumps(facts, sort_keys=True).encode())
path.write_text(json.dumps(facts | {"crc32": crc}))
"""
SOLVER = """
import games
from native.solver import Solver
game = games.load("go5")
position = game.start(komi=0.5)
for word in ("A1 B2 C2 A5 E3 B3 A4 D5 C4 B1 D1 D2 D3 C3 E5 B4 E1 C1 B5 A3 C5 A5 E4 E2 E1 D1 A4 E1 "
             "D4 C2 D5 A2 A1 E2 B1 A2 A5 C2").split():
    position.play(word)
solver = Solver(game.rules, game.state_bytes, game.actions, game.max_plies)
for moves in ("B3 E1 D2 B2 B4 C1 C3 A3", "B3 pass D2 E1 pass B2 B4 C1 C3 A3"):
    end = position.copy()
    for word in moves.split():
        end.play(word)
    print("value", end.outcome if end.outcome is not None else solver.value(end.state))
"""
HOSTILE = 'import pathlib\npathlib.Path("PWNED").write_text("")\n'
ANALYSIS = "\n".join(
    [
        '{"id":"a","moves":[],"rules":"","boardXSize":7,"boardYSize":6,"priorities":[]}',
        (
            f'{{"id":"b","moves":[],"rules":"","boardXSize":7,"boardYSize":6,"overrideSettings'
            f'":{{"maxVisits":{"9" * 401}}}}}'
        ),
        (
            f'{{"id":"c","moves":[],"rules":"","boardXSize":7,"boardYSize":6,"overrideSettings'
            f'":{{"maxTime":{"9" * 401}}}}}'
        ),
        '{"id":"d","moves":[],"rules":"","boardXSize":7,"boardYSize":6,"analyzeTurns":[]}',
        '{"id":"last","moves":[["B","4"]],"rules":"","boardXSize":7,"boardYSize":6,"maxVisits":5}',
        "",
    ]
)
