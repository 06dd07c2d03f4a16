"""Positions searched side by side: each tree is the reference's, whoever its neighbours are."""

import numpy as np

from games.game import Position
from selfplay.faces.review import Request, ReviewSearch
from selfplay.matches import players
from selfplay.searching.reference import FakeNetwork, Search
from tests.faces.katago.talk import hashing


def visits_of(review: ReviewSearch, task: Request) -> dict[int, int]:
    return {move.action: move.visits for move in review.result(task).ranked()}


def finish(review: ReviewSearch, *tasks: Request) -> list[dict[int, int]]:
    for task in tasks:
        review.add(task)
    found = {}
    while review.is_busy:
        for task in review.step():
            found[task] = visits_of(review, task)
            review.drop(task)
    return [found[task] for task in tasks]


def test_a_tree_is_the_reference_s(go5, monkeypatch):
    """With one leaf at a time, every tree visits what the slow search of the same position
    visits."""
    monkeypatch.setattr("selfplay.faces.review.TREE_LEAVES", 1)
    review = ReviewSearch(hashing(go5), trees=3)
    positions = [
        go5.start(),
        go5.start().play("C3"),
        go5.start().play("A1").play("pass"),
        go5.start().play("B2"),
    ]
    found = finish(review, *[Request(position.state, 60) for position in positions])
    for position, visits in zip(positions, found):
        twin = Search(
            Position(go5, position.state.copy()), FakeNetwork(go5.actions), review.params, 60
        ).run()
        assert visits == {
            action: edge.visits for action, edge in twin.root.edges.items() if edge.visits
        }


def test_a_search_does_not_depend_on_its_neighbours(go5):
    position, other = go5.start().play("C3"), go5.start().play("B2")
    alone = finish(
        ReviewSearch(players.create("mcts:5", go5, seed=3)), Request(position.state, 200)
    )
    beside = finish(
        ReviewSearch(players.create("mcts:5", go5, seed=3)),
        Request(position.state, 200),
        *[Request(other.state, 50)] * 1,
    )
    assert alone[0] == beside[0] and sum(alone[0].values()) == 200


def test_a_tree_can_be_used_again_and_holds_no_more_than_it_can(tictactoe, monkeypatch):
    monkeypatch.setattr("selfplay.faces.review.TREE_EDGES", 1)  # 1000 simulations
    review, state = (
        ReviewSearch(players.create("mcts:5", tictactoe), trees=1),
        tictactoe.start().state,
    )
    found = finish(review, Request(state, 5000), Request(state, 7), Request(state, 1))
    assert [sum(visits.values()) for visits in found] == [1000, 7, 1]
    assert review.free == [0] and not np.any(review.forest.num_simulations)
