"""Search one position for as long as a clock or a person allows.

Python drives the batch steps. Between two of them nothing is in flight, so a search can be read,
stopped or continued. PUCT's budget grows slice by slice, so that no call runs long where every
simulation ends at once. Gumbel's halving is planned for a whole number of simulations; if it is
stopped early, it answers from what it has.
"""

import time
from collections.abc import Callable

import numpy as np

from games.game import Position
from native import abi
from native.search import forest as memory
from native.search import reuse
from native.search.params import PUCT
from selfplay.searching.searcher import Searcher

SLICE = 256  # simulations between two looks at the clock, where none of them waits for the network


class AnytimeSearch(Searcher):
    """One tree, searched until someone says stop."""

    # the actions of a game that led to the position, where they are known
    moves: tuple[int, ...] | None = None

    def set_position(self, state: np.ndarray, avoid_until: np.ndarray | None = None) -> None:
        """Forget the last search; the next one is of the position u8[S], restricted if
        `avoid_until` i32[2, A] is given (see `native.search.forest.restrict`). A restricted search
        is of one position alone: no other goes on from it."""
        memory.reset_trees(self.forest, state[None], 1)
        if avoid_until is not None:
            memory.restrict(self.forest, 0, avoid_until)
        self.moves = None

    def advance(self, action: int) -> None:
        """The next search is of the position behind a legal action of this one, and takes over what
        is known of it: the tree below the action where it can be kept, the network's answers in the
        cache in any case."""
        forest, state = self.forest, self.forest.root_state[0].copy()
        abi.call_play(self.game.rules, state, action)
        forest.root_state[0] = state
        if not reuse.reroot(self.game.rules, self.params, forest, 0, action):
            return self.set_position(state)
        forest.num_simulations[0] = max(1, self.visits)

    def go_to(self, moves: tuple[int, ...], state: np.ndarray) -> None:
        """Come to the position u8[S] that these actions of a game led to: by following them from
        the one that is searched, if they go on from there, else anew."""
        ahead = self._ahead(moves, state)
        if ahead is None:
            self.set_position(state)
        for action in ahead or ():
            self.advance(action)
        self.moves = moves

    def _ahead(self, moves: tuple[int, ...], state: np.ndarray) -> tuple[int, ...] | None:
        """The actions from the searched position to `state`; None if there is no such way."""
        if self.moves is None or moves[: len(self.moves)] != self.moves:
            return None
        ahead, position = (
            moves[len(self.moves) :],
            Position(self.game, self.forest.root_state[0].copy()),
        )
        try:
            for action in ahead:
                position.play(action)
        except ValueError:  # the same moves of a game that began otherwise
            return None
        return ahead if np.array_equal(position.state, state) else None

    def run(self, simulations: int, stop: Callable[[], bool] = lambda: False) -> bool:
        """Search on until the tree has so many simulations, or (asked after each batch step) stop()
        is true and stays so; at least one. Returns whether it has them all, or the memory is full,
        or the position is proven: nothing is left to do."""
        forest, moves = self.forest, self.moves
        # if a batch step fails, its leaves stay in flight, and the next search must begin anew
        self.moves = None
        most = min(simulations, self.capacity)
        step = SLICE if self.params.kind == PUCT else most
        while self.visits < most and not self.is_proven() and not stop():
            forest.num_simulations[0] = min(most, self.visits + step)
            while self._step() and not stop():
                pass
        is_whole = self.visits >= most or self.is_proven()
        forest.num_simulations[0] = max(1, self.visits)  # what there is, is the search
        while self._step():
            pass
        self.moves = moves
        return is_whole

    @property
    def visits(self) -> int:
        return int(self.forest.num_finished[0])


def until(deadline: float | None, now: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """A stop for `AnytimeSearch.run`: has the time come? None never comes."""
    return (lambda: False) if deadline is None else (lambda: now() >= deadline)
