"""Learning that went wrong and still gives finite numbers: the network is worse than one that knows
nothing.

What a network that knows nothing loses is known: log(n) for a policy over n equal moves, log(3) for
win, draw and loss, and at most 1 for the value 0. A network may be worse for a while, in a new run
or after a change; not for generations in a row.
"""

import math

WARNED_AFTER = 3  # generations in a row after which the warning is given
WARNED_EVERY = 10  # and again after each so many more
# a policy loss beyond this multiple of log(n) is worse than chance; untrained networks lie within a
# tenth of log(n)
POLICY_FACTOR = 1.5
OUTCOME_FACTOR = 2.0  # the same for the outcome's loss, as a multiple of log(3)
# outcomes are within [-1, 1]; a network that is sure and wrong half of the time has 2
MOST_VALUE = 1.5


class Watch:
    """Counts the generations in a row that a network was worse than one that knows nothing."""

    def __init__(self):
        self.generations = 0

    def look(self, entry: dict) -> str | None:
        """A warning, when it is time for one; `entry` is the generation's line of the ledger."""
        reason = worse_than_nothing(entry)
        self.generations = self.generations + 1 if reason else 0
        if self.generations < WARNED_AFTER or (self.generations - WARNED_AFTER) % WARNED_EVERY:
            return None
        return (
            f"warning: for {self.generations} generations {reason}; learning has probably diverged"
        )


def worse_than_nothing(entry: dict) -> str | None:
    """In what the network that a line of the ledger tells of is worse than one that knows nothing,
    or None."""
    uniform = _number(entry, "loss_uniform", math.inf)  # older lines do not have it
    limits = {
        # where there is hardly a choice, log(n) is 0
        "policy": (
            uniform,
            POLICY_FACTOR * uniform + 0.1,
        ),
        "outcome": (math.log(3), OUTCOME_FACTOR * math.log(3)),
        "value": (1.0, MOST_VALUE),
    }
    for name, (nothing, most) in limits.items():
        if (loss := _number(entry, f"loss_{name}", 0.0)) > most:
            return (
                f"the loss of the {name} was {loss:.3g}, and a network that knows nothing has "
                f"{nothing:.3g}"
            )
    return None


def _number(entry: dict, name: str, default: float) -> float:
    value = entry.get(name, default)
    return value if isinstance(value, int | float) else default
