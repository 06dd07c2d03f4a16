"""The command `games`."""

from argparse import ArgumentParser

HELP = "what can be played"


def add_arguments(command: ArgumentParser) -> None:
    """None."""


def run(options) -> None:
    """List the games, their boards and presets."""
    import games as library
    from selfplay import config_file

    trained = {preset: config_file.load(preset).game for preset in config_file.presets()}
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
