"""What stopping settled searches and pondering save:
`python benchmarks/speed/thinking.py RUN [--positions N]`.

On positions of the run's own games: the share of simulations that a settled search leaves out and
how many moves differ from the whole search's; the same for time; and how much less the network is
asked after pondering.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import numpy as np
import torch
from measure import figure, parser, report

from games.game import Game
from selfplay.config import MatchConfig, game_of
from selfplay.matches import players
from selfplay.matches.arena import replay
from selfplay.matches.player_names import parse_name
from selfplay.matches.players import SearchPlayer, TimedPlayer
from selfplay.searching.timed import TimedSearcher
from selfplay.storage.records import SEARCHED, read_games


def main() -> None:
    made = parser(__doc__)
    made.add_argument("run")
    made.add_argument("--positions", type=int, default=200)
    made.add_argument("--simulations", type=int, nargs="+", default=[64, 200, 400, 800])
    made.add_argument("--seconds", type=float, default=0.5, help="a move")
    options = made.parse_args()
    torch.set_num_threads(1)
    found = parse_name(options.run).checkpoint
    game, network = game_of(found.config), found.network()
    lines_of_play = positions(
        f"{options.run}/games/{found.generation:04}.safetensors", options.positions
    )
    states = np.stack([replay(game, moves) for moves in lines_of_play])

    def player(simulations: int, stops: bool) -> SearchPlayer:
        config = msgspec.structs.replace(MatchConfig(kind="puct"), early_stop=stops)
        return SearchPlayer.network("x", game, network, config, simulations)

    figures = []

    def add(what: str, value: float, unit: str) -> None:
        figures.append(figure("features", f"{game.name}, {what}", value, unit))

    for simulations in options.simulations:
        (whole, moves), (short, same) = (
            count(player(simulations, stops), states) for stops in (False, True)
        )
        searches = f"{simulations} simulations"
        add(f"{searches}: saved by stopping when settled", 100 * (1 - short / whole), "%")
        changed = int(np.count_nonzero(moves != same))
        add(f"{searches}: moves that stopping when settled changes", changed, "moves")
    timed = TimedPlayer(player(1, True), options.seconds)
    saved = 100 * (1 - time_used(timed, states[:100]) / options.seconds)
    add(f"{options.seconds:g} s a move: saved by stopping when settled", saved, "%")
    for when, pondered in (("without", 0), ("after 2,000 of pondering", 2000)):
        answers = asked(player(400, True), game, lines_of_play[:50], pondered)
        add(f"network's answers for a move of 400 simulations, {when}", answers, "answers")
    title = f"{options.run}, {len(states)} positions of its last games"
    report(title, figures, options.record)


def positions(path: str, number: int) -> list[tuple[int, ...]]:
    """The moves up to positions that were searched, of as many games, at random plies."""
    games, random = read_games(Path(path)), np.random.default_rng(1)
    found = []
    for index in random.permutation(games.count)[:number]:
        first, end = games.first_move[index], games.first_move[index + 1]
        ply = random.choice(np.flatnonzero(games.origin[first:end] == SEARCHED))
        found.append(tuple(int(action) for action in games.action[first : first + ply]))
    return found


def count(player: SearchPlayer, states: np.ndarray) -> tuple[int, np.ndarray]:
    """(simulations, moves) of searches of the positions, a forest full at once."""
    total, moves = 0, []
    for part in np.split(states, range(players.MANY, len(states), players.MANY)):
        moves.append(player.choose(part))
        total += sum(
            int(searcher.forest.num_finished[: len(part)].sum())
            for searcher in player.searchers.values()
        )
    return total, np.concatenate(moves)


def time_used(player: TimedPlayer, states: np.ndarray) -> float:
    """Seconds a move, on average."""
    spent = []
    for state in states:
        move_search = player.timed.begin(None, state)
        move_search.finish()
        spent.append(move_search.now() - move_search.begun)
    return float(np.mean(spent))


def asked(
    player: SearchPlayer, game: Game, lines_of_play: list[tuple[int, ...]], simulations: int
) -> float:
    """Positions that the network is asked about for a move, on average, where the position before
    the opponent's last move was pondered with so many simulations."""
    rows = []
    for moves in lines_of_play:
        if moves:
            timed = TimedSearcher(player, ponders=True)
            timed.endless = player.endless_search()
            if simulations:
                timed.at(moves[:-1], replay(game, moves[:-1])).run(simulations)
            before = timed.endless.evaluator.rows
            timed.think(moves, replay(game, moves))
            rows.append(timed.endless.evaluator.rows - before)
    return float(np.mean(rows))


if __name__ == "__main__":
    main()
