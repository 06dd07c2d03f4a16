"""The search, slowly: plain Python over `Position`, written from the papers' formulas, for the compiled one to equal.

`tests/test_search.py` compares every kind of search on every game of ours; `selfplay check` compares on a game of one's own.

One object a node, one dictionary entry an edge, no arrays, no cache. It simulates in the same waves: up to `leaves`
simulations wait for the network at once. Root noise is handed in, because it is an input of a search and not a part of it.
"""

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np

from games.game import Position
from native.search import PUCT, Settings


class FakeNetwork:
    """Logits and values from a hash of what the network would see: the same position always gets the same answer."""

    def __init__(self, actions: int, salt: str = ""):
        self.actions, self.salt = actions, salt.encode()

    def answer(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.float32]:
        """(logits f32[A] in [-3, 3], value f32 in [-1, 1] for the mover)."""
        digest = hashlib.blake2b(planes.tobytes() + scalars.tobytes() + self.salt).digest()
        numbers = np.random.default_rng(list(digest[:16])).uniform(-1, 1, self.actions + 1).astype(np.float32)
        return numbers[:-1] * np.float32(3), numbers[-1]

    def evaluate(self, batch, rows: int) -> None:
        for row in range(rows):
            batch.logits[row], batch.value[row] = self.answer(batch.planes[row], batch.scalars[row])


@dataclass
class Edge:
    prior: float
    visits: int = 0
    pending: int = 0
    total: float = 0.0  # of values for the first player
    child: "Node | None" = None


@dataclass
class Node:
    position: Position
    value: float | None = None  # for the first player; None while the network's answer is out
    edges: dict[int, Edge] = field(default_factory=dict)

    @property
    def sign(self) -> int:
        """+1 where the first player chooses, -1 where the second does."""
        return 1 if self.position.mover == 0 else -1

    @property
    def visits(self) -> int:
        """Simulations that went on from here, those in flight included."""
        return sum(edge.visits + edge.pending for edge in self.edges.values())


class Search:
    def __init__(self, position, network, settings: Settings, simulations, leaves=1, root_priors=None, root_noise=None):
        self.network, self.settings, self.goal, self.leaves = network, settings, simulations, leaves
        self.root_priors, self.root_noise = root_priors, root_noise or {}
        self.root = Node(position.copy())
        self.started = 0
        self.waiting: list[tuple[Node, list[Edge]]] = []

    def run(self) -> "Search":
        self.waiting.append((self.root, []))
        while self.waiting:
            leaves, self.waiting = self.waiting, []
            for node, path in leaves:
                self.expand(node)
                self.finish(path, node.value)
            while self.started < self.goal and len(self.waiting) < self.leaves and self.simulate():
                pass
        return self

    def simulate(self) -> bool:
        """One simulation; False if it met a node whose answer is out."""
        self.started += 1
        node, path = self.root, []
        while node.position.outcome is None:
            if node.value is None:
                self.started -= 1
                for edge in path:
                    edge.pending -= 1
                return False
            action = self.select(node)
            edge = node.edges[action]
            edge.pending += 1
            path.append(edge)
            if edge.child is None:
                edge.child = Node(node.position.copy().play(action))
                if edge.child.position.outcome is None:
                    self.waiting.append((edge.child, path))
                    return True
            node = edge.child
        self.finish(path, node.position.outcome)
        return True

    def finish(self, path, value) -> None:
        for edge in path:
            edge.pending -= 1
            edge.visits += 1
            edge.total += value

    def expand(self, node: Node) -> None:
        planes, scalars = node.position.observe()
        logits, value = self.network.answer(planes.reshape(len(planes), -1), scalars)
        legal = node.position.legal
        weights = np.exp(logits[legal].astype(np.float64) - logits[legal].max()).astype(np.float32)
        priors = (weights / weights.astype(np.float64).sum()).astype(np.float32)
        if node is self.root and self.root_priors is not None:
            priors = self.root_priors
        node.edges = {int(action): Edge(float(prior)) for action, prior in zip(legal, priors)}
        node.value = float(value) * node.sign

    def select(self, node: Node) -> int:
        if self.settings.kind == PUCT:
            return best(self.puct_scores(node))
        if node is self.root:
            m = min(self.settings.max_considered, len(node.edges), self.goal)
            wanted = considered_visits(m, self.goal)[self.started - 1]
            scores = self.gumbel_scores()
            return best({a: scores[a] for a, e in node.edges.items() if e.visits + e.pending == wanted})
        policy = improved_policy(node, self.settings)
        total = node.visits
        return best({a: policy[a] - (e.visits + e.pending) / (1 + total) for a, e in node.edges.items()})

    # PUCT

    def puct_scores(self, node: Node) -> dict[int, float]:
        s, n = self.settings, node.visits + 1
        c = s.c_init + math.log((n + s.c_base + 1) / s.c_base)
        unvisited = self.first_play(node)
        scores = {}
        for action, edge in node.edges.items():
            visits = edge.visits + edge.pending
            q = (node.sign * edge.total - s.virtual_loss * edge.pending) / visits if visits else unvisited
            scores[action] = q + edge.prior * c * math.sqrt(n) / (1 + visits)
        return scores

    def first_play(self, node: Node) -> float:
        edges = node.edges.values()
        mean = (node.value + sum(e.total for e in edges)) / (1 + sum(e.visits for e in edges))
        seen = sum(e.prior for e in edges if e.visits + e.pending)
        noisy = node is self.root and self.settings.dirichlet_fraction > 0
        return node.sign * mean - (0 if noisy else self.settings.fpu_reduction * math.sqrt(seen))

    # Gumbel

    def gumbel_scores(self) -> dict[int, float]:
        sigma = completed_q(self.root, self.settings)
        return {
            a: self.root_noise.get(a, 0.0) + math.log(edge.prior + 1e-37) + sigma[a]
            for a, edge in self.root.edges.items()
        }

    # What it says

    def action(self) -> int:
        most = max(edge.visits for edge in self.root.edges.values())
        if self.settings.kind == PUCT:
            return best({a: e.visits for a, e in self.root.edges.items()})
        scores = self.gumbel_scores()
        return best({a: scores[a] for a, e in self.root.edges.items() if e.visits == most})

    def policy(self) -> dict[int, float]:
        if self.settings.kind == PUCT:
            total = sum(edge.visits for edge in self.root.edges.values())
            return {a: edge.visits / total for a, edge in self.root.edges.items()}
        return improved_policy(self.root, self.settings)

    def value(self) -> float:
        """For the first player: Q completed with v_mix, under the policy."""
        policy, mixed = self.policy(), 2 * v_mix(self.root) - 1
        return sum(
            policy[a] * (edge.total / edge.visits if edge.visits else self.root.sign * mixed)
            for a, edge in self.root.edges.items()
        )

    def depth(self) -> int:
        def below(node):
            return 1 + max((below(e.child) for e in node.edges.values() if e.child), default=0)

        return below(self.root)


def best(scores: dict[int, float]) -> int:
    """The action with the highest score; the lowest such action."""
    return max(sorted(scores), key=scores.__getitem__)


def v_mix(node: Node) -> float:
    """The value that stands in for untried actions, for the node's mover, in [0, 1]."""
    visited = [e for e in node.edges.values() if e.visits]
    own, n, mass = (node.sign * node.value + 1) / 2, sum(e.visits for e in visited), sum(e.prior for e in visited)
    if not n or mass <= 0:
        return own
    mean = sum(e.prior * (node.sign * e.total / e.visits + 1) / 2 for e in visited) / mass
    return (own + n * mean) / (1 + n)


def completed_q(node: Node, settings: Settings) -> dict[int, float]:
    """sigma(qhat) of every action, for the node's mover."""
    mixed = v_mix(node)
    q = {a: (node.sign * e.total / e.visits + 1) / 2 if e.visits else mixed for a, e in node.edges.items()}
    if settings.min_max:
        low, high = min(q.values()), max(q.values())
        q = {a: (x - low) / max(high - low, 1e-8) for a, x in q.items()}
    scale = (settings.c_visit + max(e.visits for e in node.edges.values())) * settings.c_scale
    return {a: scale * x for a, x in q.items()}


def improved_policy(node: Node, settings: Settings) -> dict[int, float]:
    sigma = completed_q(node, settings)
    highest = max(sigma.values())
    weights = {a: edge.prior * math.exp(sigma[a] - highest) for a, edge in node.edges.items()}
    total = sum(weights.values())
    return {a: w / total if total > 0 else 1 / len(weights) for a, w in weights.items()}


def considered_visits(m: int, n: int) -> list[int]:
    """The published table, entry by entry: how many visits simulation t's action has."""
    if m <= 1:
        return list(range(n))
    log2m, visits, k, table = math.ceil(math.log2(m)), [0] * m, m, []
    while len(table) < n:
        for _ in range(max(1, n // (log2m * k))):
            table += visits[:k]
            visits = [v + 1 if i < k else v for i, v in enumerate(visits)]
        k = max(2, k // 2)
    return table[:n]
