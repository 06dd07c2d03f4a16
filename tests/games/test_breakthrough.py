"""Breakthrough: counts, a slow twin on every size, wins and moves by hand."""

import numpy as np
import pytest

import games
from games.laws import check
from native.playout import count_positions

SIZES = games.FAMILIES["breakthrough"].sizes

# We know no published table. These are what OpenSpiel 2.0's breakthrough counts (its 5x5 board
# begins with one row each, so that size is counted by the slow twin alone).
PERFT = {
    6: [1, 16, 256, 4308, 71478, 1248290],
    7: [1, 19, 361, 7220, 144251, 3042166],
    8: [1, 22, 484, 11132, 256036, 6182818],
}


def after(game, moves: str):
    position = game.start()
    for move in moves.split():
        position.play(move)
    return position


def texts(position) -> list[str]:
    return sorted(position.game.format(action) for action in position.legal)


def set_up(game, rows: str, mover: int):
    """A position from its drawn rows, the highest rank first."""
    position = game.start()
    record = position.state.view(game.dtype)[0]
    cells = "".join(rows.split())
    record["pieces"] = [
        sum(1 << cell for cell, piece in enumerate(cells) if piece == player) for player in "XO"
    ]
    record["mover"] = mover
    return position


def random_games(game, seed: int, count: int):
    """Positions before each move of random games, with the move."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        position = game.start()
        while position.outcome is None:
            move = int(random.choice(position.legal))
            yield position, move
            position.play(move)


class Twin:
    """Breakthrough as a person would write it: which piece stands on which square, by its name."""

    def __init__(self, size):
        self.size, self.mover, self.winner = size, "X", None
        self.files = "abcdefgh"[:size]
        self.pieces = {f + str(r): "X" for f in self.files for r in (1, 2)}
        self.pieces |= {f + str(r): "O" for f in self.files for r in (size - 1, size)}

    def legal(self):
        moves, forward = [], 1 if self.mover == "X" else -1
        for square, piece in self.pieces.items():
            for sideways in (-1, 0, 1):
                file, rank = self.files.index(square[0]) + sideways, int(square[1]) + forward
                if piece != self.mover or not (0 <= file < self.size and 1 <= rank <= self.size):
                    continue
                target = self.files[file] + str(rank)
                if target not in self.pieces or (sideways and self.pieces[target] != self.mover):
                    moves.append(square + target)
        return [] if self.winner else sorted(moves)

    def play(self, move):
        self.pieces[move[2:]] = self.pieces.pop(move[:2])
        enemy = "O" if self.mover == "X" else "X"
        if int(move[3]) in (1, self.size) or enemy not in self.pieces.values():
            self.winner = self.mover
        self.mover = enemy

    def count(self, depth):
        """Sequences of that many moves."""
        if depth == 1:
            return len(self.legal())
        before, total = (dict(self.pieces), self.mover, self.winner), 0
        for move in self.legal():
            self.play(move)
            total += self.count(depth - 1)
            self.pieces, self.mover, self.winner = dict(before[0]), *before[1:]
        return total

    def drawn(self):
        ranks = range(self.size, 0, -1)
        return [[self.pieces.get(f + str(r), ".") for f in self.files] for r in ranks]


@pytest.mark.parametrize("size", SIZES)
def test_every_size_equals_its_slow_twin(size):
    game, random = games.load(f"breakthrough{size}"), np.random.default_rng(size)
    for _ in range(12):
        position, twin = game.start(), Twin(size)
        while position.outcome is None:
            assert texts(position) == twin.legal() != []
            assert "XO"[position.mover] == twin.mover and twin.winner is None
            move = str(random.choice(twin.legal()))
            position.play(move)
            twin.play(move)
            assert [line.split()[1:] for line in str(position).splitlines()[1:]] == twin.drawn()
        assert position.outcome == {"X": 1.0, "O": -1.0}[twin.winner] == position.final()[1]


@pytest.mark.parametrize("size", PERFT)
def test_counts_equal_an_outside_implementation_s(size):
    game = games.load(f"breakthrough{size}")
    start = game.start_state()
    assert [count_positions(game.rules, start, game.actions, depth) for depth in range(6)] == PERFT[
        size
    ]


def test_five_by_five_counts_as_its_slow_twin_does():
    game = games.load("breakthrough5")
    counts = [
        count_positions(game.rules, game.start_state(), game.actions, depth)
        for depth in (1, 2, 3, 4)
    ]
    assert counts == [Twin(5).count(depth) for depth in (1, 2, 3, 4)]
    assert counts[0] == 13  # five pieces in front have three moves each, but for two at the edges


def test_reaching_the_far_row_wins():
    game = games.load("breakthrough5")
    first = after(game, "a2a3 e4e3 a3b4 e3d2 b4c5")
    assert first.outcome == 1.0 and len(first.legal) == 0
    second = after(game, "a2a3 e4d3 a3b4 d3c2 e2e3 c2b1")
    assert second.outcome == -1.0 and len(second.legal) == 0


def test_taking_the_last_enemy_wins():
    game = games.load("breakthrough5")
    assert set_up(game, "..... ..... .O... X.... .....", 0).play("a2b3").outcome == 1.0
    assert set_up(game, "..... ..... .O... X.... .....", 1).play("b3a2").outcome == -1.0
    assert set_up(game, "....O ..... .O... X.... .....", 0).play("a2b3").outcome is None


def test_a_piece_takes_diagonally_and_never_straight_ahead():
    game = games.load("breakthrough5")
    assert texts(set_up(game, "..... ..... OOO.. .X... .....", 0)) == ["b2a3", "b2c3"]
    assert texts(set_up(game, "..... ..... .O... XXX.. .....", 1)) == ["b3a2", "b3c2"]
    taken = set_up(game, "..... ..... OOO.. .X... .....", 0).play("b2c3")
    assert str(taken).splitlines()[3:5] == ["3 O O X . .", "2 . . . . ."]


def test_own_pieces_block_in_every_direction():
    position = set_up(games.load("breakthrough5"), "..... ..... XXX.. .X... .....", 0)
    assert not any(text.startswith("b2") for text in texts(position))


@pytest.mark.parametrize("size", SIZES)
def test_moves_do_not_wrap_around_the_edge(size):
    game, empty = games.load(f"breakthrough{size}"), ["." * size] * size
    edges = [*empty[:2], "X" + "." * (size - 2) + "X", *empty[3:]]
    file, rank = "abcdefgh"[size - 1], size - 2
    beside = chr(ord(file) - 1)
    assert texts(set_up(game, " ".join(edges), 0)) == [
        f"a{rank}a{rank + 1}",
        f"a{rank}b{rank + 1}",
        f"{file}{rank}{beside}{rank + 1}",
        f"{file}{rank}{file}{rank + 1}",
    ]


def test_a_piece_that_is_blocked_and_at_the_edge_still_has_a_move():
    game = games.load("breakthrough5")
    assert texts(set_up(game, "..... O.... X.... ..... .....", 0)) == ["a3b4"]
    assert texts(set_up(game, "..... ....O ....X ..... .....", 1)) == ["e4d3"]


@pytest.mark.parametrize("size", [5, 8])
def test_turned_over_with_exchanged_players_it_is_the_same_game(size):
    game = games.load(f"breakthrough{size}")

    def over(text):
        return f"{text[0]}{size + 1 - int(text[1])}{text[2]}{size + 1 - int(text[3])}"

    other = game.start()
    for position, move in random_games(game, seed=2, count=5):
        if position.plies == 0:
            other = game.start()
            other.state.view(game.dtype)[0]["mover"] = 1
        assert other.mover != position.mover and other.outcome is None
        assert texts(other) == sorted(over(text) for text in texts(position))
        np.testing.assert_array_equal(other.planes()[:2], position.planes()[:2, ::-1])
        other.play(over(game.format(move)))
        if (outcome := position.copy().play(move).outcome) is not None:
            assert other.outcome == -outcome


def test_every_ply_takes_a_piece_one_row_on_so_games_end():
    """The sum that bounds the length: rows still to go before a piece would reach the far row, and
    one last ply."""
    for size in SIZES:
        # rows to the one before the last, for each of a player's pieces
        front, behind = (
            size - 3,
            size - 2,
        )
        assert games.load(f"breakthrough{size}").max_plies == 2 * (size * front + size * behind) + 1


def test_moves_are_written_from_cell_to_cell_with_ranks_from_the_first_player_s_side():
    game = games.load("breakthrough8")
    corner = 56  # bottom left: cells are numbered from the top
    assert [game.format(plane * 64 + corner) for plane in range(6)] == [
        "a1-",
        "a1a2",
        "a1b2",
        "a1-",
        "a1-",
        "a1-",
    ]
    assert game.format(5 * 64) == "a8b7" and game.parse("A2A3") == 64 + 48
    for text in ("a2a4", "a1-", "a8a9", "b2", ""):
        with pytest.raises(ValueError, match="is no move"):
            game.parse(text)


def test_a_move_that_leaves_the_board_is_refused_by_name():
    with pytest.raises(ValueError, match="'a1-' is not legal here"):
        games.load("breakthrough8").start().play(56)


def test_the_first_player_is_drawn_at_the_bottom():
    assert str(after(games.load("breakthrough5"), "a2b3")).splitlines() == [
        "  a b c d e",
        "5 O O O O O",
        "4 O O O O O",
        "3 . X . . .",
        "2 . X X X X",
        "1 X X X X X",
    ]


def test_the_network_is_told_which_way_the_mover_goes():
    position = games.load("breakthrough6").start()
    own, other, up = position.planes()
    assert (
        own[4:].all()
        and not own[:4].any()
        and other[:2].all()
        and not other[2:].any()
        and (up == 1).all()
    )
    own, other, up = position.play("a2a3").planes()
    assert own[:2].all() and not own[2:].any() and other.sum() == 12 and (up == 0).all()


def test_one_arrangement_with_either_mover_has_two_keys():
    game = games.load("breakthrough5")
    boards = [set_up(game, "..... O.... X.... ..... .....", mover) for mover in (0, 1)]
    assert boards[0].key != boards[1].key


def test_the_only_symmetry_exchanges_left_and_right():
    game = games.load("breakthrough8")
    assert len(game.cell_maps) == len(game.action_maps) == 2
    for text, mirrored in (("a2b3", "h2g3"), ("c2c3", "f2f3"), ("h7g6", "a7b6")):
        assert game.format(game.action_maps[1, game.parse(text)]) == mirrored


@pytest.mark.parametrize(("name", "num_games"), [("breakthrough5", 4), ("breakthrough6", 1)])
def test_the_laws_hold(name, num_games):
    assert check(games.load(name), num_games, seed=5) == []
