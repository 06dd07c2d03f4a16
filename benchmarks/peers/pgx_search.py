"""mctx's Gumbel search over pgx's games with an evaluator that costs nothing; part of
benchmarks/peers/peer_pgx.py.

Priors are uniform over the legal actions and values zero. Positions are kept in the nodes, as mctx
does, but without their observation: XLA then never computes it, as nothing looks at it. With
"input" every new position's observation is computed, its sum being a vanishing part of the value.
The whole search is one call of compiled code.
"""

import time

import jax
import jax.numpy as jnp
import mctx

BATCHES = (1, 8, 32, 128)
MEMORY = 3 << 30  # bytes of trees; XLA may hold them twice
CALL_SECONDS = 10.0  # at most, of a search of a batch
EDGE_BYTES = 24  # an action of a node in mctx: six arrays of four bytes


def uniform_logits(state):
    return jnp.where(state.legal_action_mask, 0.0, jnp.finfo(jnp.float32).min)


def model(env, like, evaluate):
    """mctx's recurrent function: a move in each game; `like` is a batch of states, for the
    observations left out.

    `evaluate`: state with its observation -> (logits f32[B, A], value f32[B] for the mover).
    """
    step, rows = jax.vmap(env.step), jnp.arange(len(like.terminated))

    def recurrent(params, key, action, state):
        after = step(state.replace(observation=like.observation), action)
        logits, value = evaluate(params, after)
        reward = after.rewards[rows, state.current_player]
        discount = jnp.where(after.terminated, 0.0, -1.0)
        out = mctx.RecurrentFnOutput(
            reward=reward, discount=discount, prior_logits=logits, value=value
        )
        return out, unseen(after)

    return recurrent


def unseen(state):
    """The state without its observation, as nodes keep it."""
    return state.replace(observation=jnp.zeros((len(state.terminated), 0)))


def free(params, state):
    return uniform_logits(state), jnp.zeros(len(state.terminated))


def free_but_seen(params, state):
    seen = state.observation.reshape(len(state.terminated), -1).sum(-1, dtype=jnp.float32)
    return uniform_logits(state), 1e-30 * seen


class Search:
    """Searches of `batch` first positions side by side."""

    def __init__(self, env, simulations: int, batch: int, input: bool):
        self.simulations, self.batch, self.key = simulations, batch, jax.random.key(1)
        self.setting = f"Gumbel, batch {batch}{', observations computed' if input else ''}"
        self.start = jax.jit(jax.vmap(env.init))(jax.random.split(self.key, batch))
        recurrent = model(env, self.start, free_but_seen if input else free)

        @jax.jit
        def search(key, state):
            logits, value = free(None, state)
            root = mctx.RootFnOutput(prior_logits=logits, value=value, embedding=unseen(state))
            illegal = ~state.legal_action_mask
            return mctx.gumbel_muzero_policy(
                None, key, root, recurrent, simulations, illegal
            ).action_weights

        self.search = search
        self.run(0.0)  # compiles

    def run(self, seconds: float) -> tuple[int, float]:
        """(simulations, seconds): at least one call."""
        begin, searches = time.perf_counter(), 0
        while True:
            self.key, key = jax.random.split(self.key)
            self.search(key, self.start).block_until_ready()
            searches += self.batch
            if (spent := time.perf_counter() - begin) >= seconds:
                return searches * self.simulations, spent


def node_bytes(env) -> int:
    """A node's memory in mctx."""
    state = jax.eval_shape(env.init, jax.random.key(0)).replace(observation=None)
    return (
        sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
        + EDGE_BYTES * env.num_actions
    )


def fastest(env, simulations: int, games: int, input: bool, seconds: float) -> Search:
    """Of batches of up to `games` that fit into memory. Larger ones are tried until one is much
    slower, as many large trees that leave the processor's cache are, or a call would take too
    long."""
    best, best_rate, most = None, 0.0, MEMORY // (node_bytes(env) * (simulations + 1))
    for batch in [b for b in BATCHES if b <= min(games, most)] or [1]:
        if batch * simulations > best_rate * CALL_SECONDS and best:
            break
        search = Search(env, simulations, batch, input)
        count, spent = search.run(seconds / 2)
        if count / spent > best_rate:
            best, best_rate = search, count / spent
        elif count / spent < 0.7 * best_rate:
            break
    return best
