"""For whom is this value? The only two places where a value changes sides.

Every stored value (trees, outcomes, records, targets) belongs to the FIRST player and lies in [-1,
1]. The network speaks for the player who moves, and a search chooses for the player who moves;
these two functions stand between.
"""

from native.machine.compile import inline

FIRST = 0
SECOND = 1


@inline
def stored_value(network_value, mover):
    """Network output (for the mover) -> stored value (for the first player)."""
    return network_value if mover == FIRST else -network_value


@inline
def mover_score(value, mover):
    """Stored value (for the first player) -> score by which the mover chooses."""
    return value if mover == FIRST else -value
