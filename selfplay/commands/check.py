"""The command `check`."""

from argparse import ArgumentParser

HELP = "prove a game's rules against the laws"


def add_arguments(command: ArgumentParser) -> None:
    command.add_argument("game", metavar="GAME|FILE.py")
    command.add_argument(
        "--games", type=int, default=50, metavar="N", help="random games to look at"
    )
    command.add_argument("--seed", type=int, default=0)


def run(options) -> int:
    """Prove a game: the laws of its rules on random games, and the search against a slow reference;
    then its speed. Exit code 1 if something does not hold."""
    from games import own
    from selfplay.commands import prove

    if options.games < 1:
        raise ValueError("--games must be at least 1")
    if (source := own.read(options.game) if own.is_own(options.game) else None) is not None:
        own.remember(source)
    found = prove.prove(options.game, options.games, options.seed, source)
    for law in prove.laws():
        broken = [violation for violation in found.violations if violation.law == law]
        print(f"{'FAILS' if broken else 'not tried' if law in found.untried else 'holds'}  {law}")
        for violation in broken:
            print("       " + violation.explanation.replace("\n", "\n       "))
    if found.speed:
        rate, length = found.speed
        print(
            f"speed  {rate:,.0f} positions/s of random play on one core, {length:.1f} plies a game"
        )
    count = len(found.violations)
    print(
        f"{found.name}: {f'{count} violations' if count else 'all laws hold'}, {options.games} "
        "games"
    )
    return 1 if count else 0
