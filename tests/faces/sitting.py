"""A person at the board, whose lines come from a list, and an engine that thinks of nothing."""

import io

import numpy as np
from rich.console import Console

from selfplay.faces.terminal import sit_down
from selfplay.matches import players


class Parrot:
    """An engine that plays the lowest legal move and says nothing about it."""

    name = "parrot"

    def __init__(self, game):
        self.game = game

    needs_moves, precision = False, None

    def choose(self, states, moves=None):
        return np.array([players.legal_actions(self.game, state)[0] for state in states], np.int32)

    def analyse(self, state):
        return None


def sit(
    game, lines, first=None, second=None, hint=None, moves=None, terminal=False, width=80, **options
):
    """What was shown when a person typed `lines`; then their input ends."""
    lines, out = list(lines), io.StringIO()
    prompts = []

    def read(prompt):
        prompts.append(prompt)
        if not lines:
            raise EOFError
        if lines[0] == "^C":
            raise KeyboardInterrupt
        return lines.pop(0)

    console = Console(
        file=out,
        force_terminal=terminal,
        width=width,
        highlight=False,
        color_system="standard" if terminal else None,
    )
    sit_down(game, first, second, hint, moves, "selfplay play parrot", console, read, **options)
    return out.getvalue(), prompts
