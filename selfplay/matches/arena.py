"""Matches between players: all games side by side, openings in pairs with colours swapped, distinct
games counted."""

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist

import numpy as np

from games.game import Game, for_side
from native import abi
from selfplay.matches.gtp_engine import RESIGN
from selfplay.matches.openings import Opening, random_openings
from selfplay.matches.players import Player, legal_actions
from selfplay.matches.rating import Elo, from_pairs, ratings
from selfplay.matches.sprt import Sprt

BATCH_PAIRS = 32  # of a sequential match, played side by side between two looks at the result


@dataclass(frozen=True)
class Match:
    """Result of `first` against `second`; game 2i and 2i + 1 share an opening, `first` moves first
    in game 2i."""

    first: str
    second: str
    outcomes: np.ndarray  # f64[games], for the player named `first`, in [-1, 1]
    sequences: list[tuple[int, ...]]  # the actions of each game
    starts: list[Opening]  # the opening of each pair
    # in which the network of `first` was computed; None where it has none
    first_precision: str | None = None
    second_precision: str | None = None

    @property
    def wins(self) -> int:
        return int((self.outcomes > 0).sum())

    @property
    def draws(self) -> int:
        return int((self.outcomes == 0).sum())

    @property
    def losses(self) -> int:
        return int((self.outcomes < 0).sum())

    @property
    def score(self) -> float:
        """Share of the points, draws counting half."""
        return float((self.outcomes.mean() + 1) / 2)

    @property
    def openings(self) -> int:
        """Distinct ones."""
        return len(set(self.starts))

    @property
    def distinct(self) -> int:
        return len(set(self.sequences))

    @property
    def distinct_pairs(self) -> int:
        return len(self.evidence)

    @property
    def pair_scores(self) -> np.ndarray:
        """f64[pairs] in [0, 1]: the mean score of each pair; of an odd number of games the last
        makes a pair by itself."""
        pairs = np.arange(len(self.outcomes)) // 2
        return (np.bincount(pairs, self.outcomes) / np.bincount(pairs) + 1) / 2

    @property
    def evidence(self) -> np.ndarray:
        """Indices of the pairs that repeat no earlier one, moves and all."""
        pairs = itertools.zip_longest(self.sequences[0::2], self.sequences[1::2])
        first = {pair: index for index, pair in reversed(list(enumerate(pairs)))}
        return np.array(sorted(first.values()), int)

    @property
    def elo(self) -> Elo:
        return from_pairs(self.pair_scores, self.distinct_pairs)

    def as_json(self) -> dict:
        return {
            "first": self.first,
            "second": self.second,
            "first_precision": self.first_precision,
            "second_precision": self.second_precision,
            "games": len(self.outcomes),
            "wins": self.wins,
            "draws": self.draws,
            "losses": self.losses,
            "score": self.score,
            "score_moving_first": score_of(self.outcomes[0::2]),
            "score_moving_second": score_of(self.outcomes[1::2]),
            "elo": asdict(self.elo),
            "distinct_games": self.distinct,
            "openings": self.openings,
            "mean_length": float(np.mean([len(sequence) for sequence in self.sequences])),
        }


def score_of(outcomes: np.ndarray) -> float | None:
    """Share of the points in [0, 1]; None of no games."""
    return float((outcomes.mean() + 1) / 2) if len(outcomes) else None


def match(
    game: Game,
    first: Player,
    second: Player,
    num_games: int,
    opening_plies: int,
    seed: int,
    report: Callable[[int, int], None] = lambda done, games: None,
) -> Match:
    """Play `num_games` games, in pairs of one opening with sides swapped (the last one alone, where
    their number is odd); `report(finished, all)` is called after every ply."""
    starts = random_openings(game, (num_games + 1) // 2, opening_plies, seed)
    return play_from(game, first, second, starts, num_games, report)


def sequential_match(
    game: Game,
    first: Player,
    second: Player,
    starts: list[Opening],
    num_games: int,
    test: Sprt,
    report: Callable[[int, int, float], None] = lambda games, most, llr: None,
) -> Match:
    """Play pairs of games from these openings until the test accepts a hypothesis, `num_games` at
    most; `report(games, most, llr)` is called after every batch of them. A pair that repeats
    another is no evidence."""
    found: Match | None = None
    for begin in range(0, len(starts), BATCH_PAIRS):
        batch = starts[begin : begin + BATCH_PAIRS]
        count = min(2 * len(batch), num_games - 2 * begin)
        found = joined(found, play_from(game, first, second, batch, count))
        llr = test.llr(found.pair_scores[found.evidence])
        report(len(found.outcomes), num_games, llr)
        if test.accepted(llr):
            break
    return found


def joined(earlier: Match | None, later: Match) -> Match:
    """Two parts of a match as one."""
    if earlier is None:
        return later
    return replace(
        earlier,
        outcomes=np.concatenate([earlier.outcomes, later.outcomes]),
        sequences=earlier.sequences + later.sequences,
        starts=earlier.starts + later.starts,
    )


def play_from(
    game: Game,
    first: Player,
    second: Player,
    starts: list[Opening],
    num_games: int,
    report: Callable[[int, int], None] = lambda done, games: None,
) -> Match:
    """Play `num_games` games side by side, two from each of these openings."""
    sequences = [list(moves) for moves in starts for _ in range(2)][:num_games]
    states = np.stack([replay(game, moves) for moves in sequences])
    first_side = np.arange(num_games) % 2  # `first` is player 0 in even games
    outcomes = np.full(num_games, np.nan)
    while np.isnan(outcomes).any():
        going = np.isnan(outcomes)
        movers = np.array([abi.call_mover(game.rules, state) for state in states])
        for player, side in ((first, first_side), (second, 1 - first_side)):
            turn = np.flatnonzero(going & (movers == side))
            if len(turn):
                chosen = player.choose(states[turn], [sequences[index] for index in turn])
                for index, action in zip(turn, chosen):
                    outcomes[index] = play(game, states[index], int(action), player.name)
                    if action != RESIGN:
                        sequences[index].append(int(action))
        report(int((~np.isnan(outcomes)).sum()), num_games)
    return Match(
        first.name,
        second.name,
        for_side(outcomes, first_side) + 0.0,  # the result is `first`'s
        [tuple(s) for s in sequences],
        [tuple(s) for s in starts],
        first.precision,
        second.precision,
    )


def play(game: Game, state: np.ndarray, action: int, name: str) -> float:
    """Apply a player's move in place. Who resigns has lost; a player that answers with an illegal
    move is an error."""
    if action == RESIGN:
        return float(for_side(-1.0, abi.call_mover(game.rules, state)))
    if action not in legal_actions(game, state):
        raise RuntimeError(f"player {name} chose the illegal action {action}")
    return float(abi.call_play(game.rules, state, action))


def replay(game: Game, moves: tuple[int, ...]) -> np.ndarray:
    """The position u8[S] after `moves` from the start."""
    state = game.start_state()
    for action in moves:
        abi.call_play(game.rules, state, action)
    return state


def tournament(
    game: Game,
    players: list[Player],
    starts: list[Opening],
    num_games: int,
    report=lambda done, games: None,
) -> tuple[list[Match], np.ndarray, np.ndarray]:
    """Every pair of players, from the same openings; (matches, Elo f64[n] with mean 0, half-widths
    of their 95 % intervals)."""
    n = len(players)
    matches, scores, games = [], np.zeros((n, n)), np.zeros((n, n))
    for i, j in itertools.combinations(range(n), 2):
        result = play_from(game, players[i], players[j], starts, num_games, report)
        matches.append(result)
        # a pair that repeats another says nothing new
        independent = min(num_games, 2 * result.distinct_pairs)
        scores[i, j], scores[j, i] = result.score * independent, (1 - result.score) * independent
        games[i, j] = games[j, i] = independent
    return matches, *ratings(scores, games)


@dataclass(frozen=True)
class Misfit:
    """A match that the ratings do not explain: one number a player cannot say who beats whom."""

    first: int  # the number of a player, from 0 in the order given
    second: int
    elo: Elo  # in the match, with an interval that allows for the number of matches
    expected: float  # by the ratings


def misfits(matches: list[Match], elo: np.ndarray) -> list[Misfit]:
    """A tournament's matches whose result lies beyond what chance does to any match in one
    tournament of twenty."""
    normal = NormalDist().inv_cdf(1 - 0.05 / 2 / max(1, len(matches)))
    found = []
    for (i, j), met in zip(itertools.combinations(range(len(elo)), 2), matches):
        seen = from_pairs(met.pair_scores, met.distinct_pairs, normal)
        if not seen.low <= elo[i] - elo[j] <= seen.high:
            found.append(Misfit(i, j, seen, float(elo[i] - elo[j])))
    return found
