"""An outside implementation in a process and a virtual environment of its own, as
benchmarks/peers/peers.py measures it.

Each environment is made the first time (that needs the package index) and used again later. A peer,
`peer_NAME.py`, prints one JSON line when it is ready, {"games": [...], "does": ["play", ...],
"version": "..."}, and answers each request by one:

    {"what": "play", "game": "go9", "seconds": 2.0}
        uniformly random legal play: plies
    {"what": "search", ..., "simulations": 32, "games": 128, "input": false}
        trees with a free evaluator: simulations
    {"what": "selfplay", ..., "simulations": 32, "blocks": 4, "channels": 32, "planes": 3}
        searched positions

with {"count": n, "seconds": s, "setting": "..."}. The first request of its kind may take long,
because it compiles and tries batch sizes.
"""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = {  # name -> what pip installs
    "open_spiel": ["open_spiel==2.0.2"],
    "pgx": ["pgx==2.6.0", "jax==0.10.2", "mctx==0.0.71"],
}
SINGLE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
}


def environment(folder: Path, requirements: list[str]) -> Path:
    """The Python of a virtual environment that holds the requirements, made unless it is there."""
    python, installed = folder / "bin" / "python", folder / "requirements.txt"
    if not (installed.is_file() and installed.read_text().split() == requirements):
        print(f"  installing {' '.join(requirements)} into {folder}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
        # last: a broken installation is not taken for a whole one
        installed.write_text("\n".join(requirements))
    return python


class Peer:
    """RuntimeError if it ends or keeps silent for too long; asked again, it begins anew."""

    def __init__(self, name: str, folder: Path, timeout: float):
        self.command = [str(environment(folder / name, PEERS[name])), str(HERE / f"peer_{name}.py")]
        self.name, self.timeout, self.process = name, timeout, None
        self.begin()

    def begin(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, bufsize=0, env=os.environ | SINGLE_THREAD
        )
        hello = self.answer()
        self.games, self.does, self.version = hello["games"], hello["does"], hello["version"]

    def answer(self) -> dict:
        """The next line, which comes whole; a peer prints nothing unasked."""
        ready, _, _ = select.select([self.process.stdout], [], [], self.timeout)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            reason = "ended" if ready else f"did not answer in {self.timeout:.0f} s"
            self.close()
            raise RuntimeError(f"{self.name} {reason}")
        return json.loads(line)

    def ask(self, request: dict, seconds: float) -> tuple[float, str]:
        """(what it did a second, how)."""
        if self.process is None:
            self.begin()
        self.process.stdin.write(json.dumps(request | {"seconds": seconds}).encode() + b"\n")
        answer = self.answer()
        return answer["count"] / answer["seconds"], answer["setting"]

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
