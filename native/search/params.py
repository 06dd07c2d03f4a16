"""The parameters of a search, each declared here alone: meaning, source, default and bounds.

`native.search.puct` and `native.search.gumbel` hold the formulas. The configuration of a run takes
names, defaults and bounds from here (`selfplay.config`), and self-play, the ledger, matches and
benchmarks all search by one `SearchParams`.
"""

from typing import Annotated, NamedTuple

from native.machine.struct_argument import by_address

PUCT, GUMBEL = 0, 1
LARGEST = 1e6  # a larger parameter is a slip of the finger
SMALLEST = 1e-9  # the least value of what must be above 0


class Bounds(NamedTuple):
    """The values that a parameter may have, both ends included."""

    low: float
    high: float


Share = Annotated[float, Bounds(0, 1)]
Weight = Annotated[float, Bounds(0, LARGEST)]
Value = Annotated[float, Bounds(-1, 1)]


@by_address
class SearchParams(NamedTuple):
    kind: int = GUMBEL  # PUCT or GUMBEL: how a simulation chooses its edges
    # back up proven outcomes and choose by them (Winands et al. 2008; native.search.proven)
    mcts_solver: bool = True
    # Gumbel (Danihelka et al. 2022)
    # actions considered at the root; the paper's 16
    max_considered: Annotated[int, Bounds(1, LARGEST)] = 16
    c_visit: Weight = 50.0  # added to the most visits in sigma; the paper's
    c_scale: Weight = (
        1.0  # factor of Q in sigma; the paper's for board games, mctx uses 0.1 with min_max
    )
    min_max: bool = False  # stretch each node's completed Q to [0, 1] first: mctx's rescale_values
    # PUCT (Silver et al. 2018)
    c_init: Weight = 1.25  # exploration; AlphaZero's
    # visits at which exploration grows; AlphaZero's
    c_base: Annotated[float, Bounds(1, 1e9)] = 19652.0
    # how much exploration follows the deviation of a node's values; KataGo's 0.85
    cpuct_stdev_scale: Share = 0.0
    # how far an unvisited edge's Q lies below its parent's; KataGo's
    fpu_reduction: Annotated[float, Bounds(0, 2)] = 0.2
    # an unvisited edge's Q is `fpu_value` in place of the parent's less a reduction
    fpu_absolute: bool = False
    fpu_value: Value = -1.0  # AlphaZero's: a loss
    virtual_loss: Weight = 1.0  # losses that a simulation in flight counts as
    # standard errors below its mean that a move is judged at; KataGo's 5
    lcb: Annotated[float, Bounds(0, 100)] = 0.0
    # Exploration: what self-play adds. The ledger and matches search without it.
    gumbel_scale: Share = 1.0  # Gumbel: scale of the root's noise; 1 in self-play, 0 in matches
    dirichlet_fraction: Share = 0.0  # PUCT: share of noise in the root's priors; AlphaZero's 0.25
    # sum of alpha over the legal actions
    dirichlet_concentration: Annotated[float, Bounds(SMALLEST, LARGEST)] = 10.0
    # share of alpha that goes where the prior is not small; KataGo's 0.5
    dirichlet_shaped: Share = 0.0
    # temperature of the root's priors; KataGo's 1.1
    root_policy_temperature: Annotated[float, Bounds(0.01, 100)] = 1.0
    # k of the visits a root edge is owed; KataGo's 2
    forced_playouts: Annotated[float, Bounds(0, 1000)] = 0.0


NAMES = tuple(SearchParams.declared._fields)
EXPLORATION = NAMES[NAMES.index("gumbel_scale") :]
SELECTION = NAMES[1 : NAMES.index("gumbel_scale")]  # all but the kind
NO_EXPLORATION = {"gumbel_scale": 0.0}  # the others are off by default
