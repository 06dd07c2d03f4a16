"""pgx's random play, and its games searched by mctx, as benchmarks/peers/peers.py asks for them
(see benchmarks/peers/peer.py); runs in pgx's own virtual environment and imports nothing of ours.
Tree search is in pgx_search.py, self-play in pgx_selfplay.py.

Random play: every game of a batch plays one uniformly random legal move a step, in compiled code.
What costs pgx needlessly is left out: observations are thrown away, so that XLA never computes
them, and a move is drawn by one random number and a running count of legal moves
(`jax.random.categorical` would draw a number for every action). Two ways of beginning a game again
are tried with every batch size: pgx's own `auto_reset`, which builds a first position at every
step, and a reset of all finished games every 16 steps, where steps of finished games are not
counted. The fastest of all is the one measured.
"""

import json
import sys
import time
from functools import partial
from importlib.metadata import version

import jax
import jax.numpy as jnp
import pgx
import pgx_search
import pgx_selfplay
from pgx.experimental import auto_reset

GAMES = {
    "connect4": "connect_four",
    "othello8": "othello",
    "hex11": "hex",
    "go9": "go_9x9",
    "go19": "go_19x19",
}
# many large positions leave the processor's cache
BATCHES = {
    "go9": (16, 64, 256),
    "go19": (4, 16, 64),
}
DEFAULT_BATCHES = (64, 512, 2048)
STEPS = 16  # a call of compiled code


def chosen(key, mask):
    """One uniformly random legal action a game: key of the batch, mask bool[B, A] -> int32[B]."""
    count = mask.sum(-1)
    index = jnp.floor(jax.random.uniform(key, count.shape) * count).astype(jnp.int32)
    return jnp.argmax(jnp.cumsum(mask, -1) > index[:, None], -1)


def blind(state, like):
    """The state without what it saw: a constant in place of the observation, which is then not
    computed."""
    return state.replace(observation=like.observation)


def steps_with_auto_reset(env, start, state, key):
    """STEPS plies in each game: (state, plies played)."""
    step = jax.vmap(auto_reset(env.step, env.init))
    size = len(start.terminated)

    def one(state, key):
        key, choice = jax.random.split(key)
        state = step(state, chosen(choice, state.legal_action_mask), jax.random.split(key, size))
        return blind(state, start), None

    state, _ = jax.lax.scan(one, state, jax.random.split(key, STEPS))
    return state, size * STEPS


def steps_then_reset(env, start, state, key):
    """STEPS plies in each game that goes on, then finished ones begin again: (state, plies
    played)."""
    step = jax.vmap(env.step)

    def one(state, key):
        playing = (~state.terminated).sum()
        return blind(step(state, chosen(key, state.legal_action_mask)), start), playing

    state, playing = jax.lax.scan(one, state, jax.random.split(key, STEPS))

    def anew(first, current):
        over = state.terminated.reshape((-1,) + (1,) * (current.ndim - 1))
        return jnp.where(over, first, current)

    return jax.tree.map(anew, start, state), playing.sum()


WAYS = {"auto_reset": steps_with_auto_reset, f"reset every {STEPS} steps": steps_then_reset}


class Play:
    """A batch of games that is kept in play between measurements."""

    def __init__(self, env, batch: int, way: str):
        self.key = jax.random.key(1)
        self.start = jax.jit(jax.vmap(env.init))(jax.random.split(self.key, batch))
        self.state, self.setting = self.start, f"batch {batch}, {way}"
        self.steps = jax.jit(partial(WAYS[way], env))
        self.run(0.0)  # compiles

    def run(self, seconds: float) -> tuple[int, float]:
        """(plies, seconds): at least one call."""
        begin, plies = time.perf_counter(), 0
        while True:
            self.key, key = jax.random.split(self.key)
            self.state, played = self.steps(self.start, self.state, key)
            plies += int(played)  # waits for the call to end
            if (spent := time.perf_counter() - begin) >= seconds:
                return plies, spent


def fastest(game: str, seconds: float) -> Play:
    """Every batch size and way is tried for some time; games are first brought out of step with
    each other."""
    env, found = pgx.make(GAMES[game]), []
    for batch in BATCHES.get(game, DEFAULT_BATCHES):
        for way in WAYS:
            play = Play(env, batch, way)
            play.run(seconds)
            plies, spent = play.run(seconds)
            found.append((plies / spent, play))
            print(
                f"  pgx, {game}, {play.setting}: {plies / spent:,.0f}", file=sys.stderr, flush=True
            )
    return max(found, key=lambda pair: pair[0])[1]


def prepared(request: dict, seconds: float):
    game, env = request["game"], pgx.make(GAMES[request["game"]])
    if request["what"] == "play":
        return fastest(game, seconds)
    if request["what"] == "search":
        return pgx_search.fastest(
            env, request["simulations"], request["games"], request["input"], seconds
        )
    return pgx_selfplay.fastest(env, request, seconds)


def main() -> None:
    ready, at_hand = {}, None
    versions = f"pgx {pgx.__version__}, mctx {version('mctx')}, jax {jax.__version__}"
    print(
        json.dumps(
            {"games": list(GAMES), "does": ["play", "search", "selfplay"], "version": versions}
        ),
        flush=True,
    )
    for line in sys.stdin:
        request = json.loads(line)
        seconds, key = request.pop("seconds"), json.dumps(request)
        if at_hand != request | {"input": None}:
            ready.clear()  # only what differs by its input is kept side by side: memory
            at_hand = request | {"input": None}
        if key not in ready:
            ready[key] = prepared(request, seconds)
        count, spent = ready[key].run(seconds)
        print(
            json.dumps({"count": count, "seconds": spent, "setting": ready[key].setting}),
            flush=True,
        )


if __name__ == "__main__":
    main()
