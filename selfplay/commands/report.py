"""What commands print: tables for people (plain when piped), one JSON object for programs."""

import itertools
import json

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from games.game import Game
from selfplay.config import game_of
from selfplay.matches import exam, players
from selfplay.matches.arena import Match, Misfit, match
from selfplay.matches.player_names import SearchBudget, parse_name
from selfplay.matches.sprt import Sprt
from selfplay.network.hardware import device_or_cpu
from selfplay.network.precision import installed_precisions
from selfplay.storage.checkpoint import Checkpoint, check_game

YARDSTICK = "mcts:1000"
YARDSTICK_GAMES = 200
# letters of a player's name in a table, where two stand one below the other in 80 columns
LABEL = 17
LINE = 200  # letters of a player's name in a line of its own


def print_json(value: dict) -> None:
    print(json.dumps(value))


def show(table: Table) -> None:
    Console(highlight=False).print(table)


def new_table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for index, heading in enumerate(headings):
        name = index == 0  # names give way where the terminal is narrow, numbers do not
        table.add_column(
            heading, justify="left" if name else "right", no_wrap=not name, overflow="fold"
        )
    return table


def abbreviated(name: str, most: int = 40) -> str:
    """A player's name for a table: an outside engine's command can be long."""
    return name if len(name) <= most else name[: most - 1] + "…"


def labels(names: list[str], most: int = LABEL) -> list[str]:
    """What tables call these players, in at most `most` letters and all different: names that are
    short, of longer ones an engine's program or a path's last parts, as many as tell them apart;
    else with a number."""
    for parts in (1, 2, 3):
        found = [label(name, parts, most) for name in names]
        if len(set(found)) == len(found):
            return found
    found = [label(name, 1, most - 4) for name in names]
    return [
        f"{text} #{number}" if found.count(text) > 1 else text
        for number, text in enumerate(found, 1)
    ]


def label(name: str, parts: int, most: int) -> str:
    """A player's name, or its program, or the last parts of its path, cut to `most` letters."""
    if len(name) <= most:
        return name
    if name.startswith("gtp:"):
        program = name.removeprefix("gtp:").strip().partition(" ")[0]
        return abbreviated(f"gtp:{program.rpartition('/')[2]}", most)
    text = "/".join(name.rstrip("/").split("/")[-parts:])
    return text if len(text) <= most else "…" + text[len(text) - most + 1 :]


def tournament_table(
    matches: list[Match],
    seated: list[players.Player],
    elo: np.ndarray,
    width: np.ndarray,
    misfits: list[Misfit],
) -> None:
    names = labels([player.name for player in seated])
    show(match_table(matches, names))
    if len(names) > 2:
        table = new_table("player", "Elo", "95 %")
        for i in np.argsort(-elo):
            table.add_row(names[i], f"{elo[i]:+.0f}", f"±{width[i]:.0f}")
        show(table)
        for found in misfits:
            print(
                f"{names[found.first]} - {names[found.second]}: {found.elo.difference:+.0f} Elo "
                f"({found.elo.low:+.0f} .. {found.elo.high:+.0f}), where the ratings say "
                f"{found.expected:+.0f}"
            )
        if not misfits:
            print("the ratings explain every match")
    whole_names(names, seated)


def sprt_table(match: Match, seated: list[players.Player], test: Sprt, llr: float) -> None:
    names = labels([player.name for player in seated])
    show(match_table([match], names))
    low, high = test.bounds
    verdict = {
        "H0": f"accepted: {test.elo0:+g} Elo, not {test.elo1:+g}",
        "H1": f"accepted: {test.elo1:+g} Elo, not {test.elo0:+g}",
        None: "no answer yet: more --games are needed",
    }[test.accepted(llr)]
    print(f"log-likelihood ratio {llr:+.2f} (bounds {low:+.2f} and {high:+.2f}): {verdict}")
    whole_names(names, seated)


def match_table(matches: list[Match], names: list[str]) -> Table:
    table = new_table("match", "games", "won", "drawn", "lost", "score", "Elo", "95 %", "distinct")
    for (first, second), m in zip(itertools.combinations(names, 2), matches):
        interval = f"{m.elo.low:+.0f} .. {m.elo.high:+.0f}"
        row = (
            len(m.outcomes),
            m.wins,
            m.draws,
            m.losses,
            f"{m.score:.1%}",
            f"{m.elo.difference:+.0f}",
            interval,
            m.distinct,
        )
        table.add_row(f"{first} - {second}", *map(str, row))
    return table


def whole_names(names: list[str], seated: list[players.Player]) -> None:
    for name, player in zip(names, seated):
        told = [abbreviated(player.name, LINE)] if name != player.name else []
        told += [f"network in {player.precision}"] if player.precision else []
        if told:
            print(f"{name}: {', '.join(told)}")


def examine(
    text: str, positions: int | None = None, named: Game | None = None, precision: str = "auto"
) -> dict:
    """Grade a checkpoint or run on its game's exam, alone and with search, the network computed in
    `precision`. ValueError if there is no exam, or no such precision here. `named`: the game that
    the user named, see `PlayerName.game`."""
    name = parse_name(text)
    if (game := name.game(named)) is None:
        raise ValueError(f"{text!r} has no network to examine; name a checkpoint or a run")
    if named is not None and named.name != game.name:
        raise ValueError(f"{text!r} plays {game.name}, not {named.name}")
    found, budget = name.checkpoint, name.budget
    check_game(found, game)
    whole = exam.load(found.game)
    if whole is None:
        raise ValueError(f"{game.name} has no exam")
    if positions is not None and positions < 1:
        raise ValueError("--positions must be at least 1")
    asked = whole.first(positions or len(whole))
    network, config = found.network(), found.config.match
    simulations = config.simulations if budget.simulations is None else budget.simulations
    budget = budget if budget.seconds else SearchBudget(simulations)
    device = device_or_cpu(found.config.network.device)
    alone = players.SearchPlayer.network(text, game, network, config, 0, 0, precision, device)
    precision = alone.precision  # what was measured once holds for both
    search = players.SearchPlayer.network(
        text, game, network, config, simulations, 0, precision, device
    )
    search = players.in_time(search, budget)
    solved_alone, solved = (asked.grade(player.choose(asked.states)) for player in (alone, search))
    by_plies = {
        int(p): {
            "positions": int((asked.plies == p).sum()),
            "network": float(solved_alone[asked.plies == p].mean()),
            "search": float(solved[asked.plies == p].mean()),
        }
        for p in np.unique(asked.plies)
    }
    return {
        "checkpoint": str(found.path),
        "game": found.game,
        "exam": asked.source,
        "positions": len(asked),
        "precision": precision,
        "simulations": budget.simulations,
        "seconds_a_move": budget.seconds,
        "network": float(solved_alone.mean()),
        "search": float(solved.mean()),
        "by_plies": by_plies,
    }


def exam_table(result: dict) -> None:
    print(exam_line(result))
    table = new_table("plies", "positions", "network alone", budget_of(result))
    for plies, part in result["by_plies"].items():
        table.add_row(
            str(plies), str(part["positions"]), f"{part['network']:.1%}", f"{part['search']:.1%}"
        )
    show(table)


def exam_line(result: dict) -> str:
    return (
        f"exam: of {result['positions']:,} positions ({result['exam']}) the value is kept in "
        f"{result['network']:.1%} by the network alone and in {result['search']:.1%} with "
        f"{budget_of(result)}, the network in {result['precision']}"
    )


def budget_of(result: dict) -> str:
    return str(SearchBudget(result["simulations"], result.get("seconds_a_move")))


def conclusion(newest: Checkpoint) -> dict:
    """What a finished run is worth: exam and a match against a yardstick without a network."""
    lines, result = [], {"generation": newest.generation, "seconds": newest.progress["seconds"]}
    precision = precision_here(newest)
    minutes = newest.progress["seconds"] / 60
    lines.append(
        f"generation {newest.generation}: {newest.progress['rows']:,} positions in {minutes:.1f} "
        "minutes"
    )
    if exam.load(newest.game) is not None:
        result["exam"] = examine(str(newest.path), precision=precision)
        precision = result["exam"]["precision"]
        lines.append(exam_line(result["exam"]))
    game = game_of(newest.config)
    us, them = (
        players.create(text, game, precision=precision) for text in (str(newest.path), YARDSTICK)
    )
    result["precision"] = us.precision
    met = match(game, us, them, YARDSTICK_GAMES, 4, seed=1)
    result["match"] = met.as_json()
    lines.append(
        f"match: {us.simulations} simulations in {us.precision} against {YARDSTICK}: {met.wins} "
        f"won, {met.draws} drawn, {met.losses} lost of {len(met.outcomes)} ({met.distinct} "
        f"distinct), {met.score:.1%}"
    )
    return result | {"lines": lines}


def precision_here(newest: Checkpoint) -> str:
    """What self-play computed the network in, so that all of a run's figures are in one precision;
    auto where this machine has it not."""
    played_in = newest.ledger.get("precision", newest.config.network.precision)
    return (
        played_in
        if played_in in installed_precisions(device_or_cpu(newest.config.network.device))
        else "auto"
    )


def bench_table(result: dict) -> None:
    print(f"{result['what']}: {result['game']}, {result['setting']}, on {result['machine']}")
    table = new_table("figure", "median", "lowest", "highest")
    for name, figure in result["figures"].items():
        table.add_row(name, *(figure_text(figure[key]) for key in SPREAD))
    show(table)
    print(f"bound by {result['bound']}")


def figure_text(value: float) -> str:
    return f"{value:,.3g}" if value < 10 else f"{value:,.0f}"


SPREAD = ("median", "low", "high")
