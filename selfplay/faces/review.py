"""Analyse many positions in parallel; each stops at its visit limit, at its time limit or on
request.

Each position has a tree in one forest, and a batch step takes leaves of all trees, so that the
network gets full batches. When there are more positions than trees, the most urgent go first.
"""

import math
import time
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count

import numpy as np

from native.machine.simd import SINGLE_BLOCK
from native.search import forest as memory
from native.search.cache import clear
from native.search.choice import read_policy, read_root
from native.search.params import PUCT
from selfplay.matches.players import SearchPlayer
from selfplay.searching.anytime import SLICE
from selfplay.searching.result import SearchResult
from selfplay.searching.searcher import Searcher

TREES = 8  # positions at a time
TREE_LEAVES = 8  # leaves of each tree in flight where a network is asked: a batch of 64
# edges in one tree, some 120 MB where it grows so large: memory that no search has reached costs
# nothing
TREE_EDGES = 1 << 22
CACHE = 1 << 16  # answers of the network that are remembered


@dataclass(eq=False)
class Request:
    """A position to be searched, and how far."""

    state: np.ndarray  # u8[S], of an unfinished position
    simulations: int  # at least 1; no more than a tree can hold are made
    seconds: float = math.inf  # from its first batch step on; one simulation is made in any case
    urgency: int = 0
    # i32[2, A], restricts the search, see `native.search.forest.restrict`
    avoid_until: np.ndarray | None = None
    tree: int | None = None  # where it is searched; None while it waits
    deadline: float = math.inf
    # f32[A], of all legal moves, -1 for the others; None until its first batch step
    priors: np.ndarray | None = None


class ReviewSearch(Searcher):
    """A player's PUCT search in many trees. A task that was added is searched by `step` until it is
    dropped."""

    def __init__(self, player: SearchPlayer, trees: int = TREES):
        # a playout begins from a game's one leaf
        leaves, entries = (TREE_LEAVES, CACHE) if player.has_network else (1, 0)
        params, capacity = (
            player.params._replace(kind=PUCT),
            max(1000, TREE_EDGES // player.game.actions),
        )
        super().__init__(
            player.game, player.evaluator, params, capacity, trees, leaves, entries, player.seed
        )
        self.player = player
        self.tasks: list[Request] = []
        self.waiting: list[tuple[int, int, Request]] = []  # a heap
        self.order = count()
        self.free = list(range(trees))

    @property
    def is_busy(self) -> bool:
        return bool(self.tasks or self.waiting)

    def add(self, task: Request) -> None:
        heappush(self.waiting, (-task.urgency, next(self.order), task))

    def step(self) -> list[Request]:
        """One batch step of all trees; returns the tasks that have come to their end. They can be
        read until they are dropped."""
        while self.free and self.waiting:
            self._begin(heappop(self.waiting)[2])
        # in slices, so that no batch step runs long where every simulation ends at once
        for task in self.tasks:
            done = int(self.forest.num_finished[task.tree])
            self.forest.num_simulations[task.tree] = min(self._goal(task), done + SLICE)
        self._step()
        for task in self.tasks:
            if task.priors is None:
                task.priors = self._policy(task.tree)
        return [task for task in self.tasks if self._is_over(task)]

    def drop(self, task: Request) -> None:
        """Forget a task, wherever it is; its tree is free for the next, whatever a batch step that
        failed has left in it."""
        if task.tree is None:
            self.waiting = [entry for entry in self.waiting if entry[2] is not task]
            return heapify(self.waiting)
        self.forest.num_simulations[task.tree] = 0  # rests
        self.tasks.remove(task)
        self.free.append(task.tree)

    def result(self, task: Request) -> SearchResult:
        """What the search of a task has found that has had a batch step, between two of them."""
        return self.player.result_of(self, task.tree)

    def clear_cache(self) -> None:
        clear(self.search_batch.cache)

    def _begin(self, task: Request) -> None:
        task.tree, task.deadline = self.free.pop(0), time.monotonic() + task.seconds
        self.forest.root_state[task.tree] = task.state
        memory.reset_tree(self.forest, task.tree, 1)
        if task.avoid_until is not None:
            memory.restrict(self.forest, task.tree, task.avoid_until)
        self.tasks.append(task)

    def _goal(self, task: Request) -> int:
        return min(task.simulations, self.capacity)

    def _is_over(self, task: Request) -> bool:
        done, _, _, num_moves, _ = read_root(self.forest, task.tree)
        is_late = done > 0 and time.monotonic() >= task.deadline
        return done >= self._goal(task) or is_late or num_moves == 0 or self.is_proven(task.tree)

    def _policy(self, tree: int) -> np.ndarray:
        """The evaluator's priors of all legal moves at a tree's root, those that it may not take
        too: f32[A], -1 for others."""
        room = self.game.actions + SINGLE_BLOCK
        actions, found = np.zeros(room, np.int16), np.zeros(room, np.float32)
        count = read_policy(self.game.rules, self.forest, tree, actions, found)
        priors = np.full(self.game.actions, -1.0, np.float32)
        priors[actions[:count]] = found[:count]
        return priors
