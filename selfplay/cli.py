"""The command `selfplay`: parse and call. Heavy packages are imported where they are used, so that --help is instant.

Bad input ends in one line on standard error and exit code 2; Ctrl-C in a line that says how to go on, and exit code 130.
"""

import argparse
import os
import shlex
import sys
from contextlib import suppress
from difflib import get_close_matches

from selfplay.commands import interrupt, streams

DESCRIPTION = "Self-play game engines after AlphaZero: search amplifies, learning distils, both are measured."
PLAYERS = (
    "random | mcts:SIMULATIONS | solver | CHECKPOINT[@SIMULATIONS] | RUN[@SIMULATIONS]  (@0: the network alone; @0.5s, "
    "mcts:0.5s: so long a move) | gtp:COMMAND  (an outside engine)"
)

OWN_GAME = "a file of your own that a run was trained with runs only if you name it, now or before"


class Parser(argparse.ArgumentParser):
    """Errors in one line; a mistyped command is answered with the nearest one."""

    def error(self, message: str) -> None:
        if "invalid choice" in message and (choices := self._choices()):
            word = message.split("'")[1]
            near = get_close_matches(word, choices, 1, 0.4)
            hint = f"did you mean {near[0]!r}?" if near else f"commands: {', '.join(choices)}"
            message = f"unknown command {word!r}; {hint}"
        self.exit(fail(message, 2))

    def _choices(self) -> list[str]:
        return [name for action in self._actions if isinstance(action.choices, dict) for name in action.choices]


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code. Without `arguments` those of this process, which is then expected to end."""
    streams.make_usable()
    try:
        with interrupt.obeyed():
            return run(arguments)
    except KeyboardInterrupt:
        if arguments is None:
            interrupt.end_at_once()
        return fail(f"stopped{again(arguments)}", 130)
    except BrokenPipeError:
        streams.silence(sys.stdout)
        streams.silence(sys.stderr)
        return 141
    except (ChildProcessError, ConnectionError) as error:  # actors or their cluster are lost
        return fail(f"{error}{again(arguments)}", 1)
    except ValueError as error:
        return fail(str(error), 2)
    except MemoryError as error:
        return fail(f"not enough memory for this: {error}", 2)
    except FloatingPointError as error:
        return fail(str(error), 1)
    except RuntimeError as error:
        if "can't allocate memory" in str(error):  # torch's words on a CPU
            return fail("not enough memory for this: a smaller network or batch would fit", 2)
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is imported where it is used
            raise
        return fail("the device's memory is full; fewer actor.games, a smaller learner.batch or network would fit", 2)
    except OSError as error:  # the system's fault or the user's: a disk that is full, a folder that is gone
        if error.filename is None:
            streams.silence(sys.stdout)
        return fail(f"{error.filename or 'the output'}: {error.strerror or error}", 2)


def run(arguments: list[str] | None) -> int:
    try:
        options = parser().parse_args(arguments)
        check_working_directory()
        code = options.run(options) or 0
    except SystemExit as end:  # --help, or a mistake in the words
        code = end.code
    sys.stdout.flush()  # so that a broken pipe or a full disk is met here
    return code


def check_working_directory() -> None:
    """Libraries that are loaded from a folder that is gone end the process in words of their own."""
    try:
        os.getcwd()
    except OSError:
        raise ValueError("the working directory is gone; change to one that is there") from None


def again(arguments: list[str] | None) -> str:
    """How a run that was stopped goes on, where the words of the command are known."""
    words = sys.argv[1:]
    return (
        f"; the same command goes on: {shlex.join(['selfplay', *words])}"
        if not arguments and "train" in words[:1]
        else ""
    )


def fail(message: str, code: int) -> int:
    with suppress(OSError):
        print(f"selfplay: {streams.one_line(message)}", file=sys.stderr, flush=True)
    return code


def parser() -> Parser:
    top = Parser(prog="selfplay", description=DESCRIPTION)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)

    add(commands, games, "what can be played")

    command = add(commands, train, "learn a game from nothing, or go on with a run")
    command.add_argument("preset", nargs="?", metavar="PRESET|FILE.toml", help="what to train; see selfplay/presets/")
    command.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/PRESET)")
    command.add_argument("--resume", action="store_true", help="go on with the run in --out, with its own settings")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as learner.rate=0.001")
    command.add_argument("--actors", type=int, metavar="N", help="processes that play; 0: threads of this one do")
    command.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster to play on")
    command.add_argument("--time", metavar="30m", help="stop after so long (s, m, h); the learning rate falls in time")
    command.add_argument(
        "--game", metavar="GAME|FILE.py", help="in place of the preset's; with --resume, to let a file run"
    )

    command = add(commands, play, "play in a terminal")
    command.add_argument("opponent", metavar="GAME|CHECKPOINT|RUN", help="a game, or who to play against")
    command.add_argument("--side", choices=["first", "second", "random"], default="first", help="yours")
    command.add_argument("--first", metavar="PLAYER", help=f"who moves first instead of you: {PLAYERS}")
    command.add_argument("--second", metavar="PLAYER", help="who moves second")
    command.add_argument("--hint", metavar="PLAYER", help="who answers `hint` (default: the engine at the board)")
    command.add_argument(
        "--time",
        metavar="5m+3s",
        help="clocks for both sides: 10m, 5m+3s (3 s more a move), 10m+5x30s (5 periods of 30 s), 10m+25/5m (25 moves in "
        "5 m), 30s/move; an engine whose name says how much it searches does no more than that",
    )
    command.add_argument("--ponder", action="store_true", help="let the engine think while you do")
    command.add_argument("--game", metavar="GAME|FILE.py", help=OWN_GAME)
    start = command.add_mutually_exclusive_group()
    start.add_argument("--load", metavar="FILE", help="go on with a saved game, or an .sgf")
    start.add_argument("--moves", metavar="'4 4 3'", default="", help="begin after these moves")

    add_option(command)
    add_precision(command)

    command = add(commands, arena, "let players meet; ratings with intervals")
    command.add_argument("players", nargs="+", metavar="PLAYER", help=PLAYERS)
    command.add_argument("--game", metavar="GAME|FILE.py", help=f"needed if no player is a checkpoint; {OWN_GAME}")
    command.add_argument("--games", type=int, default=100, metavar="N", help="of each pair of players")
    command.add_argument("--opening-plies", type=int, default=4, metavar="N", help="random plies before, at most")
    command.add_argument("--seed", type=int, default=1)
    command.add_argument("--json", action="store_true")
    add_option(command)
    add_precision(command)

    command = add(commands, gtp, "be an engine for programs that speak the Go Text Protocol")
    command.add_argument("player", metavar="CHECKPOINT|RUN|PLAYER", help=PLAYERS)
    command.add_argument("--game", metavar="GAME|FILE.py", help=f"needed if the player is no checkpoint; {OWN_GAME}")
    command.add_argument("--resign", action="store_true", help="give games up that stay hopeless for several moves")
    command.add_argument("--ponder", action="store_true", help="think while the opponent does")
    add_option(command)
    add_precision(command)

    command = add(
        commands, analysis, "be an engine for programs that speak with KataGo's analysis engine, as KaTrain does"
    )
    command.add_argument("player", nargs="?", metavar="CHECKPOINT|RUN|PLAYER", help=PLAYERS)
    command.add_argument("--game", metavar="GAME|FILE.py", help=f"needed if the player is no checkpoint; {OWN_GAME}")
    add_option(command)
    add_precision(command)
    command.add_argument("-model", metavar="PLAYER", help="the player, where a program calls us as it calls KataGo")
    command.add_argument("-quit-without-waiting", action="store_true", help="at the input's end leave what is searched")
    for name in ("-config", "-override-config", "-human-model", "-analysis-threads"):
        command.add_argument(name, action="append", metavar="...", help="KataGo's; accepted and not used")

    command = add(commands, exam, "grade a checkpoint against exact truth, alone and with search")
    command.add_argument("player", metavar="CHECKPOINT", help="a checkpoint or run, with @N for N simulations")
    command.add_argument("--positions", type=int, metavar="N", help="only so many")
    command.add_argument("--game", metavar="GAME|FILE.py", help=OWN_GAME)
    command.add_argument("--json", action="store_true")
    add_precision(command)

    command = add(commands, bench, "measure speed")
    command.add_argument("what", choices=["rules", "search", "net", "selfplay"])
    command.add_argument("--game", default="connect4")
    command.add_argument("--games", type=int, default=128, metavar="N", help="side by side")
    command.add_argument("--simulations", type=int, default=32, metavar="N")
    command.add_argument("--kind", choices=["gumbel", "puct"], default="gumbel", help="of search, for `search`")
    command.add_argument("--alone", action="store_true", help="`search` in one compiled call, not in waves")
    command.add_argument("--tune", action="store_true", help="`selfplay` with as many games as are fastest here")
    command.add_argument("--blocks", type=int, default=4, help="of the network")
    command.add_argument("--channels", type=int, default=48, help="of the network")
    command.add_argument("--device", default="cpu", help="of the network: cpu or cuda")
    command.add_argument(
        "--actors", type=int, metavar="N", help="threads, for `selfplay`: 1; on cuda two a core, up to 8"
    )
    command.add_argument("--repeats", type=int, default=5, metavar="N")
    command.add_argument("--seconds", type=float, default=2.0, help="of each repeat")
    command.add_argument("--json", action="store_true")
    add_precision(command)

    command = add(commands, check, "prove a game's rules against the laws")
    command.add_argument("game", metavar="GAME|FILE.py")
    command.add_argument("--games", type=int, default=50, metavar="N", help="random games to look at")
    command.add_argument("--seed", type=int, default=0)
    return top


def add(commands, function, help: str) -> Parser:
    command = commands.add_parser(function.__name__, help=help, description=function.__doc__)
    command.set_defaults(run=function)
    return command


def add_option(command: Parser) -> None:
    command.add_argument("--option", action="append", default=[], metavar="NAME=NUMBER", help="of the game: komi=5.5")


def add_precision(command: Parser) -> None:
    names = "auto (the fastest here), fp32, bf16, openvino-fp32, openvino-int8"
    command.add_argument("--precision", default="auto", metavar="NAME", help=f"the network is computed in it: {names}")


def precision(options) -> str:
    """What --precision says, if it is a precision; whether this machine has it is found where a network is made."""
    from selfplay.config import PRECISIONS

    if (asked := options.precision) not in PRECISIONS:
        raise ValueError(f"--precision must be one of {', '.join(PRECISIONS)}, not {asked[:40]!r}")
    return asked


def games(options) -> None:
    """List the games, their boards and presets."""
    import games as library
    from selfplay import config

    trained = {preset: config.load(preset).game for preset in config.presets()}
    for family, (title, sizes, _) in library.FAMILIES.items():
        names = [f"{family}{size}" for size in sizes] or [family]
        boards = f"{names[0]} .. {names[-1]}" if len(names) > 1 else family
        presets = [preset for preset, game in trained.items() if game in names]
        usual = f" ({family} is {library.USUAL[family]})" if family in library.USUAL else ""
        print(f"{boards:<32} {title}{usual}; presets: {', '.join(presets) or 'none yet'}")
    for name in library.names():
        if name not in library.GAMES and name not in library.USUAL:
            try:
                title = library.load(name).title
            except ValueError as error:
                title = str(error)
            print(f"{name:<32} {title}, of an installed package")


def train(options) -> None:
    """Learn a game from nothing. Stopped or killed at any time, the same command goes on."""
    from selfplay.actors.ray_session import parse_address

    if options.address is not None:  # before what takes long to import
        parse_address(options.address)
    from selfplay.commands.training import train

    settings = options.preset, options.out, options.resume, options.set
    train(*settings, options.actors, options.address, options.time, options.game)


def named(text: str):
    """The game that the user names."""
    from selfplay.commands import check

    return check.named(text)


def play(options) -> None:
    """Play against a checkpoint, a run, or any player; or watch two players."""
    import random

    import games as library
    from selfplay.faces.terminal import load, parse_moves, run
    from selfplay.matches import players
    from selfplay.searching.time_control import NO_LIMIT, parse

    control = parse(options.time) if options.time is not None else NO_LIMIT
    asked = named(options.game) if options.game else None
    is_board = options.opponent.rstrip("0123456789") in library.FAMILIES and not os.path.exists(options.opponent)
    is_file = library.is_own(options.opponent) and not os.path.isdir(options.opponent)
    if is_board or is_file or options.opponent in library.names():
        game, opponent = named(options.opponent), "mcts:1000"
    else:
        game, opponent = players.game_of(options.opponent, asked) or asked, options.opponent
        if game is None:
            raise ValueError(f"{opponent!r} plays any game; say which: selfplay play GAME --second {opponent}")
    if asked is not None and asked.name != game.name:
        raise ValueError(f"{opponent!r} plays {game.name}, not {asked.name}")
    game = game.with_options(**numbers(options.option))
    side = random.choice(["first", "second"]) if options.side == "random" else options.side
    seats = [options.first, options.second]
    if seats == [None, None]:
        seats[0 if side == "second" else 1] = opponent
    record = load(options.load, game) if options.load else None
    moves = parse_moves(options.moves, game)
    adviser = options.hint or next((text for text in seats if text), opponent)
    asked = precision(options)
    made = {text: players.create(text, game, precision=asked) for text in {*seats, adviser} - {None}}
    first, second = (made.get(text) for text in seats)
    again = play_command(options, side)
    run(game, first, second, made[adviser], moves, again, record=record, control=control, ponders=options.ponder)


def play_command(options, side: str) -> str:
    """The command that sits down to the same game again."""
    words = ["selfplay", "play", options.opponent, "--side", side]
    for name in ("first", "second", "hint", "time", "game"):
        if getattr(options, name):
            words += [f"--{name}", getattr(options, name)]
    words += ["--precision", options.precision] if options.precision != "auto" else []
    words += ["--ponder"] if options.ponder else []
    for option in options.option:
        words += ["--option", option]
    return shlex.join(words)


def arena(options) -> None:
    """Play all pairs of players against each other, with paired openings; ratings with 95 % intervals."""
    from selfplay.commands.report import print_json, tournament_table
    from selfplay.matches import players
    from selfplay.matches.arena import tournament

    if len(options.players) < 2:
        raise ValueError("an arena needs two players or more")
    if options.games < 1 or options.opening_plies < 0:
        raise ValueError("--games must be at least 1 and --opening-plies not negative")
    game = common_game(options.players, options.game, options.option)
    asked = precision(options)
    seated = [players.create(text, game, options.seed + i, asked) for i, text in enumerate(options.players)]
    matches, elo, width = tournament(game, seated, options.games, options.opening_plies, options.seed, show_progress)
    if options.json:
        ratings = [
            {"player": p.name, "precision": players.precision_of(p), "elo": e, "interval": w}
            for p, e, w in zip(seated, elo, width)
        ]
        print_json({"game": game.name, "matches": [m.as_json() for m in matches], "ratings": ratings})
    else:
        tournament_table(matches, seated, elo, width)


def common_game(names: list[str], asked: str | None, changes: list[str]):
    """The one game that these players play and that was asked for, with the options of the first checkpoint among them and
    then --option's."""
    from selfplay.matches import players

    told = named(asked) if asked else None
    found = [game for name in names if (game := players.game_of(name, told)) is not None]
    found += [told] if told is not None else []
    if not found:
        raise ValueError("say which --game")
    if len(different := {game.name for game in found}) > 1:
        raise ValueError(f"players of different games: {', '.join(sorted(different))}")
    return found[0].with_options(**numbers(changes))


def numbers(changes: list[str]) -> dict[str, float]:
    """["komi=5.5"] -> {"komi": 5.5}"""
    values = {}
    for change in changes:
        name, _, value = change.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            raise ValueError(f"--option takes NAME=NUMBER, such as komi=5.5, not {change!r}") from None
    return values


def gtp(options) -> None:
    """Answer commands of the Go Text Protocol on standard input, for any game; lz-analyze and kata-analyze too."""
    from selfplay.faces.gtp import serve
    from selfplay.matches import players

    game, asked = common_game([options.player], options.game, options.option), precision(options)

    def seat(wanted):
        return players.create(options.player, wanted, precision=asked)

    serve(game, seat, sys.stdin.fileno(), sys.stdout, options.resign, options.ponder, load_aloud)


def load_aloud(name: str):
    """A game by its name; standard error says so where that may take seconds."""
    import games as library

    if f"games.{name}" not in sys.modules and sys.stderr is not None:
        print(f"selfplay: loading {name}; what was never played here is compiled first", file=sys.stderr, flush=True)
    return library.load(name)


def analysis(options) -> None:
    """Answer queries, a JSON object a line, as `katago analysis` does; called with its options too. In KaTrain, give the
    path of this command as KataGo's and a run's folder as the model; or the whole line as the engine's command."""
    from selfplay.faces.katago import serve
    from selfplay.matches import players

    if (player := options.player or options.model) is None:
        raise ValueError("name the player: selfplay analysis CHECKPOINT|RUN|PLAYER")
    game = common_game([player], options.game, options.option)
    is_patient, asked = not options.quit_without_waiting, precision(options)

    def seat(wanted):
        return players.create(player, wanted, precision=asked)

    serve(game, seat, sys.stdin.fileno(), sys.stdout, is_patient)


def exam(options) -> None:
    """Share of exam positions whose exact value the network keeps, alone and with search."""
    from selfplay.commands.report import exam_table, examine, print_json

    result = examine(
        options.player, options.positions, named(options.game) if options.game else None, precision(options)
    )
    print_json(result) if options.json else exam_table(result)


def bench(options) -> None:
    """Measure positions, simulations or evaluations a second: median and spread of several repeats."""
    from selfplay.commands import bench
    from selfplay.commands.report import bench_table, print_json

    precision(options)
    named(options.game)
    result = bench.run(options)
    print_json(result) if options.json else bench_table(result)


def check(options) -> int:
    """Prove a game: the laws of its rules on random games, and the search against a slow reference; then its speed. Exit
    code 1 if something does not hold."""
    from games import own
    from selfplay.commands import check

    if options.games < 1:
        raise ValueError("--games must be at least 1")
    if (source := own.read(options.game) if own.is_own(options.game) else None) is not None:
        own.remember(source)
    found = check.prove(options.game, options.games, options.seed, source)
    for law in check.laws():
        broken = [violation for violation in found.violations if violation.law == law]
        print(f"{'FAILS' if broken else 'not tried' if law in found.untried else 'holds'}  {law}")
        for violation in broken:
            print("       " + violation.explanation.replace("\n", "\n       "))
    if found.speed:
        rate, length = found.speed
        print(f"speed  {rate:,.0f} positions/s of random play on one core, {length:.1f} plies a game")
    count = len(found.violations)
    print(f"{found.name}: {f'{count} violations' if count else 'all laws hold'}, {options.games} games")
    return 1 if count else 0


def show_progress(done: int, games: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {games} games finished ", end="" if done < games else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
