"""What commands print: tables for people (plain when piped), one JSON object for programs."""

import json
import platform
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from selfplay import exam, players
from selfplay.arena import Match, match
from selfplay.checkpoint import Checkpoint
from selfplay.config import game_of
from selfplay.evaluator import device_or_cpu

YARDSTICK = "mcts:1000"
YARDSTICK_GAMES = 200


def print_json(value: dict) -> None:
    print(json.dumps(value))


def show(table: Table) -> None:
    Console(highlight=False).print(table)


def new_table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for index, heading in enumerate(headings):
        name = index == 0  # names give way where the terminal is narrow, numbers do not
        table.add_column(heading, justify="left" if name else "right", no_wrap=not name, overflow="fold")
    return table


def short(name: str, most: int = 40) -> str:
    """A player's name for a table: an outside engine's command can be long."""
    return name if len(name) <= most else name[: most - 1] + "…"


def tournament_table(matches: list[Match], names: list[str], elo: np.ndarray, width: np.ndarray) -> None:
    table = new_table("match", "games", "won", "drawn", "lost", "score", "Elo", "95 %", "distinct")
    for m in matches:
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
        table.add_row(f"{short(m.first)} - {short(m.second)}", *map(str, row))
    show(table)
    if len(names) > 2:
        table = new_table("player", "Elo", "95 %")
        for i in np.argsort(-elo):
            table.add_row(short(names[i]), f"{elo[i]:+.0f}", f"±{width[i]:.0f}")
        show(table)


def examine(text: str, positions: int | None = None) -> dict:
    """Grade a checkpoint or run on its game's exam, alone and with search. ValueError if there is none."""
    if players.game_of(text) is None:
        raise ValueError(f"{text!r} has no network to examine; name a checkpoint or a run")
    found, effort = players.find_checkpoint(text)
    game = game_of(found.config)
    whole = exam.load(found.game)
    if whole is None:
        raise ValueError(f"{found.game} has no exam")
    if positions is not None and positions < 1:
        raise ValueError("--positions must be at least 1")
    asked = whole.first(positions or len(whole))
    network, config = found.network(), found.config.match
    simulations = config.simulations if effort.simulations is None else effort.simulations
    effort = effort if effort.seconds else players.Effort(simulations)
    device = device_or_cpu(found.config.network.device)
    alone, search = (
        players.SearchPlayer.network(text, game, network, config, n, device=device) for n in (0, simulations)
    )
    search = players.in_time(search, effort)
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
        "simulations": effort.simulations,
        "seconds_a_move": effort.seconds,
        "network": float(solved_alone.mean()),
        "search": float(solved.mean()),
        "by_plies": by_plies,
    }


def exam_table(result: dict) -> None:
    print(exam_line(result))
    table = new_table("plies", "positions", "network alone", effort_of(result))
    for plies, part in result["by_plies"].items():
        table.add_row(str(plies), str(part["positions"]), f"{part['network']:.1%}", f"{part['search']:.1%}")
    show(table)


def exam_line(result: dict) -> str:
    return (
        f"exam: of {result['positions']:,} positions ({result['exam']}) the value is kept in {result['network']:.1%} by the "
        f"network alone and in {result['search']:.1%} with {effort_of(result)}"
    )


def effort_of(result: dict) -> str:
    return str(players.Effort(result["simulations"], result.get("seconds_a_move")))


def conclusion(newest: Checkpoint) -> dict:
    """What a finished run is worth: exam and a match against a yardstick without a network."""
    lines, result = [], {"generation": newest.generation, "seconds": newest.progress["seconds"]}
    minutes = newest.progress["seconds"] / 60
    lines.append(f"generation {newest.generation}: {newest.progress['rows']:,} positions in {minutes:.1f} minutes")
    if exam.load(newest.game) is not None:
        result["exam"] = examine(str(newest.path))
        lines.append(exam_line(result["exam"]))
    game = game_of(newest.config)
    us, them = (players.create(text, game) for text in (str(newest.path), YARDSTICK))
    met = match(game, us, them, YARDSTICK_GAMES, 4, seed=1)
    result["match"] = met.as_json()
    lines.append(
        f"match: {us.simulations} simulations against {YARDSTICK}: {met.wins} won, {met.draws} drawn, {met.losses} lost of "
        f"{len(met.outcomes)} ({met.distinct} distinct), {met.score:.1%}"
    )
    return result | {"lines": lines}


def bench_table(result: dict) -> None:
    print(f"{result['what']}: {result['game']}, {result['setting']}, on {result['machine']}")
    table = new_table("figure", "median", "lowest", "highest")
    for name, figure in result["figures"].items():
        table.add_row(name, *(number(figure[key]) for key in SPREAD))
    show(table)
    print(f"bound by {result['bound']}")


def number(value: float) -> str:
    return f"{value:,.3g}" if value < 10 else f"{value:,.0f}"


SPREAD = ("median", "low", "high")


def machine() -> str:
    """This machine's processor, in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
