"""Openings of matches: random ones, and the books of balanced ones."""

import json

import pytest

import games
from selfplay.matches import arena
from selfplay.matches.openings import FOLDER, book_openings, random_openings, read_book
from tests.commands.cli.shell import selfplay

BOOKS = sorted(path.stem for path in FOLDER.glob("*.txt"))


def test_random_openings_are_distinct_positions_and_repeat_from_their_seed(connect4, tictactoe):
    found = random_openings(connect4, 100, 4, seed=1)
    assert (
        found
        == random_openings(connect4, 100, 4, seed=1)
        != random_openings(connect4, 100, 4, seed=2)
    )
    assert len({arena.replay(connect4, moves).tobytes() for moves in found}) == 100
    assert max(map(len, found)) == 4
    few = random_openings(tictactoe, 30, 1, seed=1)
    assert len(few) == 30 and len(set(few)) == 10  # no more exist: taken in turns


def test_there_are_books():
    assert {"connect4", "othello8", "hex7"} <= set(BOOKS)


@pytest.mark.parametrize("name", BOOKS)
def test_a_book_holds_distinct_unfinished_positions(name):
    game = games.load(name)
    book, keys = read_book(game), set()
    for moves in book:
        position = game.start()
        for move in moves:
            position.play(move)
        assert position.outcome is None
        keys.add(position.key)
    assert len(keys) == len(book) >= 50


def test_a_books_openings_come_in_the_seeds_order_and_then_again(connect4):
    book = read_book(connect4)
    some = book_openings(connect4, 50, seed=1)
    assert some == book_openings(connect4, 50, seed=1) != book_openings(connect4, 50, seed=2)
    assert len(set(some)) == 50 and set(some) <= set(book)
    all_twice = book_openings(connect4, 2 * len(book), seed=1)
    assert all_twice[: len(book)] == all_twice[len(book) :] and set(all_twice) == set(book)


def test_the_arena_plays_from_the_book_and_says_where_there_is_none(capsys):
    asked = ["arena", "random", "random", "--openings", "book", "--games", "20", "--json"]
    code, out, _ = selfplay(*asked, "--game", "connect4", capsys=capsys)
    assert code == 0 and json.loads(out)["matches"][0]["openings"] == 10
    code, _, err = selfplay(*asked, "--game", "tictactoe", capsys=capsys)
    assert code == 2 and "tictactoe has no opening book" in err and "connect4" in err
