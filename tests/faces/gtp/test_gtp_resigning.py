"""Engines that give up: after several hopeless moves in a row, and only where it is allowed."""

from selfplay.config import MatchConfig
from selfplay.matches import players
from selfplay.searching.result import SearchResult
from tests.faces.gtp.talk import answers
from tests.faces.sitting import Parrot


class Gloomy(Parrot):
    """A parrot whose opinions of its game are these, one a move: values for the FIRST player."""

    def __init__(self, game, values):
        super().__init__(game)
        self.values = list(values)

    def analyse(self, state):
        action, value = int(self.choose(state[None])[0]), self.values.pop(0)
        return SearchResult(0, action, value, value, 0, None, None, ())


def replies(game, values, count, **options) -> list[str]:
    """What White (the second player) answers to moves in column 4, 5, 6, ..., with these
    opinions."""
    commands = [line for move in range(count) for line in (f"play b {4 + move}", "genmove w")]
    return answers(game, *commands, make_player=lambda game: Gloomy(game, values), **options)[1::2]


def test_a_game_is_given_up_when_several_moves_in_a_row_were_hopeless(connect4):
    assert MatchConfig().resign_moves == 3 and MatchConfig().resign_below == 0.05
    lost, open_ = 0.91, 0.89  # for the first player: White wins 4.5 % and 5.5 %
    assert replies(connect4, [lost] * 4, 4, may_resign=True)[2] == "= resign"
    assert replies(connect4, [lost] * 4, 4)[2] == "= 1"  # only where it is allowed
    assert "= resign" not in replies(connect4, [lost, lost, open_, lost], 4, may_resign=True)
    assert "= resign" not in replies(connect4, [-lost] * 4, 4, may_resign=True)  # White is winning


def test_taking_back_and_a_new_game_forget_hopeless_moves(connect4):
    before = ["play b 4", "genmove w", "play b 4", "genmove w"]
    for between in (["undo", "play w 2", "play b 7"], ["clear_board", "play b 4"]):
        said = answers(
            connect4,
            *before,
            *between,
            "genmove w",
            make_player=lambda g: Gloomy(g, [1.0] * 9),
            may_resign=True,
        )
        assert said[-1] in ("= 1", "= 2")


def test_a_regression_s_move_is_always_a_move(connect4):
    said = answers(
        connect4,
        *["reg_genmove b"] * 5,
        make_player=lambda g: Gloomy(g, [-1.0] * 9),
        may_resign=True,
    )
    assert said == ["= 1"] * 5


def test_the_thresholds_are_the_player_s_configuration(tictactoe):
    """The first of White's moves that it thinks lost is its last."""

    def make_player(game):
        player = players.create("mcts:300", game, seed=1)
        player.config = MatchConfig(resign_below=0.2, resign_moves=1)
        return player

    lost = ["play b a1", "play w b1", "play b a2", "play w a3", "play b b2"]  # two lines to stop
    for command, answer in (("genmove w", "= resign"), ("lz-genmove_analyze w", "play resign")):
        said = answers(
            tictactoe, *lost, command, "showboard", "undo", make_player=make_player, may_resign=True
        )
        assert said[5].endswith(answer) and said[6].count("O") == 2 and said[7] == "="
