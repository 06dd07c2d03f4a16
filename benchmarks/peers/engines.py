"""Whole games against outside engines:
`python benchmarks/peers/engines.py GAME PLAYER COMMAND [--games N] [--first PAIR]`.

Both colours in turn from random openings, one game after the other, because an engine holds one at
a time. Any error of protocol or rules ends the script. Where the engine counts Go, its
`final_score` of every finished game is compared with ours, by area and with dead stones played out:
who is ahead may pass while stones lie there that an engine counts as dead and Tromp and Taylor do
not, so the engine plays for both sides from before the last two passes, until nobody has anything
left to do. GNU Go knows a command for that, which does not pass while dead stones are left.

    python benchmarks/peers/engines.py go9 runs/go9@64 \\
        "gnugo --mode gtp --level 10 --chinese-rules --positional-superko --capture-all-dead"
    python benchmarks/peers/engines.py othello8 mcts:400 gtp-rhino
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from measure import Figure, figure, parser, report

import games
from selfplay.matches import players
from selfplay.matches.arena import match
from selfplay.matches.gtp_engine import RESIGN

OPENING_PLIES = 4
CLEAN_UP = "kgs-genmove_cleanup"


def counted(engine, moves: tuple[int, ...]) -> tuple[str, str, str] | None:
    """(the engine's score of a finished game, ours, its last board as it was counted); None if it
    was given up, or cut off by the limit of plies, before both had passed with nothing left to
    do."""
    passes = (engine.game.actions - 1,) * 2
    position = played(engine.game, moves)
    if moves[-2:] == passes:
        moves = moves[:-2]
        position = played(engine.game, moves)
        engine.word = CLEAN_UP if engine.knows(CLEAN_UP) else "genmove"
        while position.outcome is None:
            if (move := int(engine.choose(position.state[None], [moves])[0])) == RESIGN:
                engine.word = "genmove"
                return None
            moves = (*moves, move)
            position.play(move)
        engine.word = "genmove"
    if moves[-2:] != passes:
        return None
    score = position.final()[1]
    return (
        engine.score(moves),
        "0" if score == 0 else f"{'B' if score > 0 else 'W'}+{abs(score):.1f}",
        str(position),
    )


def played(game: games.Game, moves: tuple[int, ...]) -> games.Position:
    position = game.start()
    for move in moves:
        position.play(move)
    return position


def main() -> None:
    made = parser(__doc__)
    made.add_argument("game")
    made.add_argument("player")
    made.add_argument("command")
    made.add_argument("--games", type=int, default=100)
    made.add_argument(
        "--first",
        type=int,
        default=0,
        metavar="PAIR",
        help="so that runs side by side share the openings",
    )
    options = made.parse_args()
    game = games.load(options.game)
    us, engine = (
        players.create(options.player, game),
        players.create(f"gtp:{options.command}", game),
    )
    outcomes, lengths, agreed, differing, begin = [], [], 0, [], time.monotonic()
    for pair in range(options.first, options.first + options.games // 2):
        met = match(game, us, engine, 2, OPENING_PLIES, seed=pair)
        outcomes += met.outcomes.tolist()
        lengths += [len(moves) for moves in met.sequences]
        for moves in met.sequences if "komi" in game.options else []:
            if (scores := counted(engine, moves)) is not None:
                agreed += scores[0] == scores[1]
                if scores[0] != scores[1]:
                    differing.append(scores[:2])
                    print(f"theirs {scores[0]}, ours {scores[1]}:\n{scores[2]}", flush=True)
        print(
            f"  {len(outcomes)} games, {time.monotonic() - begin:.0f} s, "
            f"{sum(o > 0 for o in outcomes)} won",
            flush=True,
        )
    outcome = np.array(outcomes)
    won, drawn, lost = (int((np.sign(outcome) == sign).sum()) for sign in (1, 0, -1))
    title = f"{game.name}, {options.player} against {Path(options.command.split()[0]).name}"

    def told(what: str, value: int | float, unit: str, **more) -> Figure:
        return figure("conformance", f"{title}: {what}", value, unit, **more)

    figures = [
        told("games", len(outcome), "games"),
        told("protocol errors", 0, "errors", asked=0, at_most=True),
        told(
            "score of the player here",
            50 * (1 + float(outcome.mean())),
            "%",
            note=f"{won}-{drawn}-{lost}",
        ),
        told("mean length", float(np.mean(lengths)), "plies"),
    ]
    if "komi" in game.options:
        compared = agreed + len(differing)
        figures += [
            told("finished games whose scores agree", agreed, "games", asked=compared),
            told("given up, or cut off by the limit", len(outcome) - compared, "games"),
        ]
    report(title, figures, options.record)


if __name__ == "__main__":
    main()
