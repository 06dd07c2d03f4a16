"""The published search over our rules: mctx's policies with our settings, and our games as its
model. For tests/conformance/proof.py.

An embedding is the number of a position in a table, which grows as mctx asks for positions by
moves. A reward is the outcome for the player who moved; the discount is -1 where the other player
moves next, 1 where the same one does and 0 at the end. Everything is padded with illegal actions to
one width W, so that games share a batch and mctx compiles once for all of them. (mctx's
rescale_values takes illegal actions in, so there the width must be the game's own.)

Beside settings two things are changed: PUCT's values, through a parameter of mctx (`puct_values`),
and mctx's random draws. Gumbel variables are handed in, and the noise of 1e-7 that breaks ties of
PUCT is left out.
"""

from dataclasses import dataclass
from functools import cache, partial
from unittest.mock import patch

import jax
import jax.numpy as jnp
import mctx
import numpy as np

from games.game import Position
from native.search.params import PUCT, SearchParams
from selfplay.searching.reference import FakeNetwork

ILLEGAL = np.finfo(np.float64).min  # mctx's own logit of an illegal action


def use_float64() -> None:
    """For the whole process: a call from mctx back into Python comes on a thread that no narrower
    setting reaches. In mctx's usual float32 values that lie close together would swap."""
    jax.config.update("jax_enable_x64", True)


# The game as mctx sees it


@dataclass
class Node:
    position: Position
    logits: np.ndarray  # f64[W], ILLEGAL where an action is
    value: float  # for the mover


class Table:
    """Every position that mctx has reached, of all games, by number."""

    def __init__(self, width: int):
        self.width, self.nodes, self.children = width, [], {}
        self.roots: dict[tuple[str, bytes], int] = {}

    def root(self, position: Position) -> int:
        key = position.game.name, position.state.tobytes()
        if key not in self.roots:
            self.roots[key] = self.add(position)
        return self.roots[key]

    def add(self, position: Position) -> int:
        planes, scalars = position.observe()
        answer, value = FakeNetwork(position.game.actions).answer(
            planes.reshape(len(planes), -1), scalars
        )
        logits = np.full(self.width, ILLEGAL)
        if position.outcome is None:
            logits[position.legal] = answer[position.legal]
        self.nodes.append(Node(position, logits, float(value)))
        return len(self.nodes) - 1

    def child(self, number: int, action: int) -> int:
        """mctx simulates below the end of a game too: there every move leads back to the end."""
        if self.nodes[number].position.outcome is not None:
            return number
        if (number, action) not in self.children:
            self.children[number, action] = self.add(
                self.nodes[number].position.copy().play(action)
            )
        return self.children[number, action]

    def step(self, numbers, actions):
        """A move in each row: (number i32[B], logits f64[B, W], value, reward and discount
        f64[B])."""
        found = [self.child(int(number), int(action)) for number, action in zip(numbers, actions)]
        told = [
            transition(self.nodes[int(a)].position, self.nodes[b].position)
            for a, b in zip(numbers, found)
        ]
        rewards, discounts = np.array(told, np.float64).T
        return np.array(found, np.int32), *self.answers(found), rewards, discounts

    def answers(self, numbers) -> tuple[np.ndarray, np.ndarray]:
        nodes = [self.nodes[number] for number in numbers]
        return np.stack([node.logits for node in nodes]), np.array([node.value for node in nodes])


def transition(before: Position, after: Position) -> tuple[float, float]:
    """(reward, discount): what a move was worth to the player who made it."""
    if before.outcome is not None:
        return 0.0, 0.0
    if after.outcome is not None:
        return (after.outcome if before.mover == 0 else -after.outcome), 0.0
    return 0.0, (1.0 if after.mover == before.mover else -1.0)


# mctx with our settings


def is_legal(tree, node):
    return tree.children_prior_logits[node] > ILLEGAL


def puct_values(tree, node, *, settings: SearchParams):
    """Q, with first-play urgency where unvisited. Illegal actions are shut out here: mctx does so
    at the root alone."""
    visited = tree.children_visits[node] > 0
    seen = jnp.sum(jnp.where(visited, jax.nn.softmax(tree.children_prior_logits[node]), 0.0))
    is_noisy = (node == 0) & (settings.dirichlet_fraction > 0)
    reduction = jnp.where(is_noisy, 0.0, settings.fpu_reduction)
    first_play = tree.node_values[node] - reduction * jnp.sqrt(seen)
    return jnp.where(
        visited, tree.qvalues(node), jnp.where(is_legal(tree, node), first_play, -jnp.inf)
    )


def q_transform(settings: SearchParams):
    if settings.kind == PUCT:
        return partial(puct_values, settings=settings)
    # mctx's Q lies in [-1, 1] until it is stretched to [0, 1]; ours is always in [0, 1].
    scale = settings.c_scale if settings.min_max else settings.c_scale / 2
    scales = {"value_scale": scale, "maxvisit_init": settings.c_visit}
    return partial(
        mctx.qtransform_completed_by_mix_value, rescale_values=settings.min_max, **scales
    )


def model(table: Table):
    """Our rules and the table's answers as mctx's recurrent function."""

    def step(_, key, action, number):
        del key
        row = jax.ShapeDtypeStruct(number.shape, np.float64)
        logits = jax.ShapeDtypeStruct((*number.shape, table.width), np.float64)
        shapes = (jax.ShapeDtypeStruct(number.shape, np.int32), logits, row, row, row)
        number, logits, value, reward, discount = jax.pure_callback(
            table.step, shapes, number, action
        )
        return mctx.RecurrentFnOutput(
            reward=reward, discount=discount, prior_logits=logits, value=value
        ), number

    return step


def policy_of(settings: SearchParams):
    if settings.kind == PUCT:
        exploration = {"pb_c_init": settings.c_init, "pb_c_base": settings.c_base}
        return partial(mctx.muzero_policy, dirichlet_fraction=0.0, temperature=0.0, **exploration)
    return partial(mctx.gumbel_muzero_policy, max_num_considered_actions=settings.max_considered)


@cache
def published_search(settings: SearchParams, simulations: int, table: Table):
    """mctx's search, compiled: (logits f64[B, W], value f64[B], number i32[B], Gumbel f64[B, W]) ->
    what roots hold."""
    transform = q_transform(settings)
    search = partial(
        policy_of(settings),
        None,
        jax.random.key(0),
        recurrent_fn=model(table),
        qtransform=transform,
    )

    @jax.jit
    def run(logits, value, number, gumbel):
        root = mctx.RootFnOutput(prior_logits=logits, value=value, embedding=number)
        with (
            patch.object(jax.random, "gumbel", lambda *_, **__: gumbel),
            patch.object(jax.random, "uniform", lambda *_, **__: 0.0),
        ):
            out = search(root=root, num_simulations=simulations, invalid_actions=logits == ILLEGAL)
        tree, summary = out.search_tree, out.search_tree.summary()
        return {
            "visits": summary.visit_counts.astype(int),
            "q": summary.qvalues,
            "action": out.action,
            "policy": out.action_weights,
            "completed": jax.vmap(transform, (0, None))(tree, 0),
        }

    return run
