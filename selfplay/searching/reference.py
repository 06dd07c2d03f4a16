"""The search, slowly: plain Python over `Position`, written from the papers' formulas, for the
compiled one to equal.

`tests/native/test_search.py` compares every kind of search on every game of ours; `selfplay check`
compares on a game of one's own.

One object a node, one dictionary entry an edge, no arrays, no cache. It simulates in the same batch
steps: up to `leaves` simulations wait for the network at once. Root noise is handed in, because it
is an input of a search and not a part of it.
"""

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np

from games.game import Position
from native.search.params import PUCT, SearchParams


class FakeNetwork:
    """Logits and values from a hash of what the network would see: the same position always gets
    the same answer."""

    def __init__(self, actions: int, salt: str = ""):
        self.actions, self.salt = actions, salt.encode()

    def answer(self, planes: np.ndarray, scalars: np.ndarray) -> tuple[np.ndarray, np.float32]:
        """(logits f32[A] in [-3, 3], value f32 in [-1, 1] for the mover)."""
        digest = hashlib.blake2b(planes.tobytes() + scalars.tobytes() + self.salt).digest()
        numbers = (
            np.random.default_rng(list(digest[:16]))
            .uniform(-1, 1, self.actions + 1)
            .astype(np.float32)
        )
        return numbers[:-1] * np.float32(3), numbers[-1]

    def evaluate(self, batch, rows: int) -> None:
        for row in range(rows):
            batch.logits[row], batch.value[row] = self.answer(batch.planes[row], batch.scalars[row])


@dataclass
class Edge:
    prior: float
    visits: int = 0
    in_flight: int = 0
    value_sum: float = 0.0  # sum of values for the first player
    child: "Node | None" = None

    @property
    def exact(self) -> float | None:
        return None if self.child is None else self.child.exact


@dataclass
class Node:
    position: Position
    value: float | None = None  # for the first player; None while the network's answer is out
    edges: dict[int, Edge] = field(default_factory=dict)
    exact: float | None = None  # for the first player, once proven
    depth: int = 0  # plies below the root
    # values of the finished simulations that went on from here
    values: list[float] = field(default_factory=list)

    @property
    def sign(self) -> int:
        """+1 where the first player chooses, -1 where the second does."""
        return 1 if self.position.mover == 0 else -1

    @property
    def visits(self) -> int:
        """Simulations that went on from here, those in flight included."""
        return sum(edge.visits + edge.in_flight for edge in self.edges.values())


class Search:
    def __init__(
        self,
        position,
        network,
        settings: SearchParams,
        simulations,
        leaves=1,
        root_priors=None,
        root_noise=None,
        avoid_until=None,
    ):
        """`avoid_until` i32[2, A] restricts the search, see `native.search.forest.restrict`."""
        self.network, self.settings, self.num_simulations, self.leaves = (
            network,
            settings,
            simulations,
            leaves,
        )
        self.root_priors, self.root_noise = root_priors, root_noise or {}
        self.avoid_until = avoid_until
        self.root = Node(position.copy())
        self.num_started = 0
        self.waiting: list[tuple[Node, list[tuple[Node, Edge]]]] = []

    def run(self) -> "Search":
        self.waiting.append((self.root, []))
        while self.waiting:
            leaves, self.waiting = self.waiting, []
            for node, path in leaves:
                self.expand(node)
                self.finish(path, node.value)
            while (
                self.root.exact is None
                and self.num_started < self.num_simulations
                and len(self.waiting) < self.leaves
            ):
                if not self.simulate():
                    break
        return self

    def simulate(self) -> bool:
        """One simulation; False if it met a node whose answer is out."""
        self.num_started += 1
        node, path = self.root, []
        while node.exact is None:
            if node.value is None:
                self.num_started -= 1
                for _, edge in path:
                    edge.in_flight -= 1
                return False
            if not node.edges:  # nothing is allowed here
                self.finish(path, node.value)
                return True
            action = self.select(node)
            edge = node.edges[action]
            edge.in_flight += 1
            path.append((node, edge))
            if edge.child is None:
                edge.child = Node(node.position.copy().play(action), depth=node.depth + 1)
                edge.child.exact = edge.child.value = edge.child.position.outcome
                if edge.child.exact is None:
                    self.waiting.append((edge.child, path))
                    return True
            node = edge.child
        self.finish(path, node.exact)
        return True

    def finish(self, path, value) -> None:
        """Add a simulation's value along its path, then prove from the leaf upwards what can be
        proven now."""
        for node, edge in path:
            edge.in_flight -= 1
            edge.visits += 1
            edge.value_sum += value
            node.values.append(value)
        for node, edge in reversed(path):
            if self.settings.mcts_solver and edge.exact is not None:
                edge.value_sum = edge.visits * edge.exact
                if node.exact is None:
                    node.exact = proven(node)

    def expand(self, node: Node) -> None:
        planes, scalars = node.position.observe()
        logits, value = self.network.answer(planes.reshape(len(planes), -1), scalars)
        legal = self.allowed(node)
        node.value = float(value) * node.sign
        if not len(legal):
            return
        weights = np.exp(logits[legal].astype(np.float64) - logits[legal].max()).astype(np.float32)
        priors = (weights / weights.astype(np.float64).sum()).astype(np.float32)
        if node is self.root:
            priors = (
                self.root_priors
                if self.root_priors is not None
                else root_policy_temperature(priors, self.settings)
            )
        node.edges = {int(action): Edge(float(prior)) for action, prior in zip(legal, priors)}

    def allowed(self, node: Node) -> np.ndarray:
        legal = node.position.legal
        return (
            legal
            if self.avoid_until is None
            else legal[self.avoid_until[node.position.mover, legal] <= node.depth]
        )

    def select(self, node: Node) -> int:
        if self.settings.kind == PUCT:
            return best(self.puct_scores(node))
        if node is self.root:
            m = min(self.settings.max_considered, len(node.edges), self.num_simulations)
            wanted = considered_visits(m, self.num_simulations)[self.num_started - 1]
            scores = self.gumbel_scores()
            return best(
                {a: scores[a] for a, e in node.edges.items() if e.visits + e.in_flight == wanted}
            )
        policy = improved_policy(node, self.settings)
        total = node.visits
        return best(
            {
                a: policy[a] - (e.visits + e.in_flight) / (1 + total)
                for a, e in self.worth(node).items()
            }
        )

    def worth(self, node: Node) -> dict[int, Edge]:
        """The edges that are not proven lost for the mover; all where the node itself is proven."""
        if not self.settings.mcts_solver or node.exact is not None:
            return node.edges
        return {a: e for a, e in node.edges.items() if e.exact is None or e.exact * node.sign > -1}

    # PUCT

    def puct_scores(self, node: Node) -> dict[int, float]:
        s, n = self.settings, node.visits + 1
        c = self.exploration(node)
        unvisited = self.first_play(node)
        scores = {}
        for action, edge in self.worth(node).items():
            visits = edge.visits + edge.in_flight
            q = (
                (node.sign * edge.value_sum - s.virtual_loss * edge.in_flight) / visits
                if visits
                else unvisited
            )
            scores[action] = q + edge.prior * c * math.sqrt(n) / (1 + visits)
            if node is self.root and 0 < visits < self.forced(edge):
                scores[action] = math.inf
        return scores

    def exploration(self, node: Node) -> float:
        s = self.settings
        c = s.c_init + math.log((node.visits + 1 + s.c_base + 1) / s.c_base)
        return c * (1 + s.cpuct_stdev_scale * (value_stdev(node) / 0.4 - 1))

    def forced(self, edge: Edge) -> float:
        return math.sqrt(self.settings.forced_playouts * edge.prior * self.root.visits)

    def first_play(self, node: Node) -> float:
        if self.settings.fpu_absolute:
            return self.settings.fpu_value
        edges = node.edges.values()
        mean = (node.value + sum(e.value_sum for e in edges)) / (1 + sum(e.visits for e in edges))
        seen = sum(e.prior for e in edges if e.visits + e.in_flight)
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
        if optimal := self.optimal():
            return best({a: e.visits for a, e in optimal.items()})
        edges = self.worth(self.root)
        most = max(edge.visits for edge in edges.values())
        if most == 0:  # all that were visited are lost
            rank = (
                self.gumbel_untried
                if self.settings.kind
                else {a: e.prior for a, e in edges.items()}
            )
            return best({a: rank[a] for a in edges})
        if self.settings.kind == PUCT:
            return (
                self.by_bound()
                if self.settings.lcb and self.root.exact is None
                else best({a: e.visits for a, e in edges.items()})
            )
        scores = self.gumbel_scores()
        return best({a: scores[a] for a, e in edges.items() if e.visits == most})

    @property
    def gumbel_untried(self) -> dict[int, float]:
        return {
            a: self.root_noise.get(a, 0.0) + math.log(e.prior + 1e-37)
            for a, e in self.root.edges.items()
        }

    def optimal(self) -> dict[int, Edge]:
        """The edges that keep the proven value of a root that is proven not lost."""
        exact = self.root.exact
        if exact is None or exact * self.root.sign <= -1:
            return {}
        return {a: e for a, e in self.root.edges.items() if e.visits and e.exact == exact}

    def by_bound(self) -> int:
        edges, s = self.worth(self.root), self.settings
        most = max(edge.visits for edge in edges.values())
        bounds = {}
        for action, edge in edges.items():
            if edge.visits and edge.visits >= 0.15 * most:
                deviation = (
                    0.0 if edge.exact is not None and s.mcts_solver else value_stdev(edge.child)
                )
                bounds[action] = (
                    self.root.sign * edge.value_sum / edge.visits
                ) - s.lcb * deviation / math.sqrt(edge.visits)
        return best(bounds)

    def policy(self) -> dict[int, float]:
        edges = self.root.edges
        if optimal := self.optimal():
            return {a: 1 / len(optimal) if a in optimal else 0.0 for a in edges}
        if self.settings.kind != PUCT:
            return improved_policy(self.root, self.settings)
        counts = {
            a: self.pruned(edge) if a in self.worth(self.root) else 0.0 for a, edge in edges.items()
        }
        total = sum(counts.values())
        if total == 0:
            return {a: float(a == self.action()) for a in edges}
        return {a: count / total for a, count in counts.items()}

    def pruned(self, edge: Edge) -> float:
        """An edge's visits less those that only forced playouts explain: take them off one by one
        (and the last in part) while the score stays below the best edge's."""
        if not self.settings.forced_playouts or not edge.visits:
            return edge.visits
        edges = self.worth(self.root)
        star = edges[best({a: e.visits for a, e in edges.items()})]
        if edge is star:
            return edge.visits
        scale = self.exploration(self.root) * math.sqrt(self.root.visits + 1)

        def score(e, n):
            return self.root.sign * e.value_sum / e.visits + e.prior * scale / (1 + n)

        ceiling, least = score(star, star.visits), edge.visits - self.forced(edge)
        low, high = max(least, -0.99), float(edge.visits)
        if score(edge, high) >= ceiling:
            return edge.visits if edge.visits > 1 else 0.0
        # somewhere between lies the visit count at which the scores are equal
        if score(edge, low) >= ceiling:
            for _ in range(200):
                middle = (low + high) / 2
                low, high = (middle, high) if score(edge, middle) >= ceiling else (low, middle)
        return low if low > 1 else 0.0

    def value(self) -> float:
        """For the first player: exact, or Q completed with v_mix, under the policy."""
        if self.root.exact is not None:
            return self.root.exact
        policy, mixed = self.policy(), 2 * v_mix(self.root) - 1
        return sum(
            policy[a] * (edge.value_sum / edge.visits if edge.visits else self.root.sign * mixed)
            for a, edge in self.root.edges.items()
        )

    def depth(self) -> int:
        def below(node):
            return 1 + max((below(e.child) for e in node.edges.values() if e.child), default=0)

        return below(self.root)


def best(scores: dict[int, float]) -> int:
    """The action with the highest score; the lowest such action."""
    return max(sorted(scores), key=scores.__getitem__)


def proven(node: Node) -> float | None:
    """The outcome for the first player, if the node's edges decide it."""
    known = [edge.exact for edge in node.edges.values() if edge.exact is not None]
    best_known = max((node.sign * exact for exact in known), default=-2.0)
    if best_known >= 1 or len(known) == len(node.edges):
        return node.sign * best_known
    return None


def value_stdev(node: Node) -> float:
    """Standard deviation of the node's evaluation and the simulations through it, after two
    observations of 0.4."""
    values = [node.value, *node.values]
    mean = (node.value + sum(edge.value_sum for edge in node.edges.values())) / len(values)
    square = max(sum(value**2 for value in values) / len(values), mean**2)
    weighted = 2 * (mean**2 + 0.4**2) + len(values) * square
    return math.sqrt(max(0.0, weighted / (len(values) + 1) - mean**2))


def root_policy_temperature(priors: np.ndarray, settings: SearchParams) -> np.ndarray:
    if settings.kind != PUCT:
        return priors
    warmed = priors.astype(np.float64) ** (1 / settings.root_policy_temperature)
    return (warmed / warmed.sum()).astype(np.float32)


def v_mix(node: Node) -> float:
    """The value that stands in for unvisited actions, for the node's mover, in [0, 1]."""
    visited = [e for e in node.edges.values() if e.visits]
    own, n, mass = (
        (node.sign * node.value + 1) / 2,
        sum(e.visits for e in visited),
        sum(e.prior for e in visited),
    )
    if not n or mass <= 0:
        return own
    mean = sum(e.prior * (node.sign * e.value_sum / e.visits + 1) / 2 for e in visited) / mass
    return (own + n * mean) / (1 + n)


def completed_q(node: Node, settings: SearchParams) -> dict[int, float]:
    """sigma(qhat) of every action, for the node's mover."""
    mixed = v_mix(node)
    q = {
        a: (node.sign * e.value_sum / e.visits + 1) / 2 if e.visits else mixed
        for a, e in node.edges.items()
    }
    if settings.min_max:
        visited = sum(e.visits > 0 for e in node.edges.values())
        # illegal ones have no visits
        among = [*q.values(), mixed] if visited < node.position.game.actions else q.values()
        low, high = min(among), max(among)
        q = {a: (x - low) / max(high - low, 0.5e-8) for a, x in q.items()}
    scale = (settings.c_visit + max(e.visits for e in node.edges.values())) * settings.c_scale
    return {a: scale * x for a, x in q.items()}


def improved_policy(node: Node, settings: SearchParams) -> dict[int, float]:
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
