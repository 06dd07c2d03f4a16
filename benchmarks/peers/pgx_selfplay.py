"""Self-play of pgx's games by mctx's Gumbel search with a network in plain JAX; part of
benchmarks/peers/peer_pgx.py.

The network has the convolutions of ours (selfplay/network/network.py: a stem, blocks of two, the
heads' mixing), so the same operations, and less around them: no pooling, no normalisation. pgx's
observations are cut or filled to as many planes as ours have. Each position is searched with the
network at every leaf, the search's action is played, a finished game begins again. Both precisions
and a few batches are tried; the fastest is measured.
"""

import time

import jax
import jax.numpy as jnp
import mctx
from pgx.experimental import auto_reset
from pgx_search import model, unseen

BATCHES = (32, 128)
MOVES = 4  # a call of compiled code
OUTCOME_PLANES, HIDDEN = 8, 64  # as ours


def new_weights(sizes: dict, rows: int, columns: int, actions: int, dtype) -> dict:
    """Random convolutions [H, W, in, out] and layers [in, out], each with a bias."""
    keys = iter(jax.random.split(jax.random.key(0), 100))
    c, cells = sizes["channels"], rows * columns

    def layer(*shape):
        inputs = 1
        for size in shape[:-1]:
            inputs *= size
        return (jax.random.normal(next(keys), shape) * inputs**-0.5).astype(dtype), jnp.zeros(
            shape[-1], dtype
        )

    return {
        "stem": layer(3, 3, sizes["planes"], c),
        "blocks": [(layer(3, 3, c, c), layer(3, 3, c, c)) for _ in range(sizes["blocks"])],
        "policy": (layer(1, 1, c, c), layer(c * cells // places(actions, cells), 1), layer(c, 1)),
        "outcome": (
            layer(1, 1, c, OUTCOME_PLANES),
            layer(OUTCOME_PLANES * cells, HIDDEN),
            layer(HIDDEN, 3),
        ),
    }


def places(actions: int, cells: int) -> int:
    """Actions that lie somewhere on the board: its cells, or its columns. A pass lies nowhere."""
    return cells if actions >= cells else actions


def convolve(x, weights):
    kernel, bias = weights
    return (
        jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        + bias
    )


def network(weights: dict, observation, actions: int):
    """Observation [B, H, W, P] -> (policy logits f32[B, A], value f32[B] for the mover)."""
    x, batch = jax.nn.relu(convolve(observation, weights["stem"])), len(observation)
    for first, second in weights["blocks"]:
        x = jax.nn.relu(x + convolve(jax.nn.relu(convolve(x, first)), second))
    mix, (place, _), (extra, _) = weights["policy"]
    count = places(actions, x.shape[1] * x.shape[2])
    h = jax.nn.relu(convolve(x, mix))
    by_place = h.transpose(0, 2, 1, 3).reshape(batch, count, -1) @ place  # [B, places, 1]
    logits = jnp.concatenate([by_place[..., 0], (h.mean((1, 2)) @ extra)[:, : actions - count]], 1)
    mix, (hidden, _), (decide, _) = weights["outcome"]
    h = jax.nn.relu(convolve(x, mix)).reshape(batch, -1)
    outcome = jax.nn.softmax((jax.nn.relu(h @ hidden) @ decide).astype(jnp.float32))
    return logits.astype(jnp.float32), outcome[:, 0] - outcome[:, 2]


def seen(observation, planes: int, dtype):
    """As many planes as asked: cut, or filled with zeros."""
    kept = observation[..., :planes].astype(dtype)
    return jnp.pad(kept, ((0, 0), (0, 0), (0, 0), (0, planes - kept.shape[-1])))


class SelfPlay:
    """`batch` games that are kept in play between measurements."""

    def __init__(self, env, sizes: dict, batch: int, dtype):
        self.key, self.batch = jax.random.key(1), batch
        self.setting = f"batch {batch}, {jnp.dtype(dtype).name}"
        self.state = jax.jit(jax.vmap(env.init))(jax.random.split(self.key, batch))
        _, rows, columns, _ = self.state.observation.shape
        self.weights = new_weights(sizes, rows, columns, env.num_actions, dtype)
        self.moves = jax.jit(moves(env, sizes, self.state, dtype))
        self.run(0.0)  # compiles

    def run(self, seconds: float) -> tuple[int, float]:
        """(positions, seconds): at least one call."""
        begin, positions = time.perf_counter(), 0
        while True:
            self.key, key = jax.random.split(self.key)
            self.state = jax.block_until_ready(self.moves(self.weights, self.state, key))
            positions += self.batch * MOVES
            if (spent := time.perf_counter() - begin) >= seconds:
                return positions, spent


def moves(env, sizes: dict, like, dtype):
    """A function that searches and plays MOVES moves in each game: (weights, state, key) ->
    state."""

    def evaluate(weights, state):
        logits, value = network(
            weights, seen(state.observation, sizes["planes"], dtype), env.num_actions
        )
        return jnp.where(state.legal_action_mask, logits, jnp.finfo(jnp.float32).min), value

    recurrent, step = model(env, like, evaluate), jax.vmap(auto_reset(env.step, env.init))

    def move(weights, state, key):
        search_key, reset_key = jax.random.split(key)
        logits, value = evaluate(weights, state)
        root = mctx.RootFnOutput(prior_logits=logits, value=value, embedding=unseen(state))
        illegal = ~state.legal_action_mask
        found = mctx.gumbel_muzero_policy(
            weights, search_key, root, recurrent, sizes["simulations"], illegal
        )
        return step(state, found.action, jax.random.split(reset_key, len(value)))

    def play(weights, state, key):
        keys = jax.random.split(key, MOVES)
        return jax.lax.fori_loop(0, MOVES, lambda i, state: move(weights, state, keys[i]), state)

    return play


def fastest(env, sizes: dict, seconds: float) -> SelfPlay:
    best, best_rate = None, 0.0
    for dtype in (jnp.float32, jnp.bfloat16):
        for batch in [b for b in BATCHES if b <= sizes["games"]] or [sizes["games"]]:
            play = SelfPlay(env, sizes, batch, dtype)
            count, spent = play.run(seconds / 2)
            if count / spent > best_rate:
                best, best_rate = play, count / spent
    return best
