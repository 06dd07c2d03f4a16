"""Numbers of one kind of search; `native.search.puct` and `native.search.gumbel` hold the formulas they stand in."""

from typing import NamedTuple

from native.machine.struct_argument import by_address

PUCT, GUMBEL = 0, 1


@by_address
class Settings(NamedTuple):
    kind: int = GUMBEL
    solves: bool = True  # back up proven wins and losses, and choose by them (native.search.proven)
    # Gumbel
    max_considered: int = 16  # actions at the root; the paper's 16
    gumbel_scale: float = 1.0  # 1 in self-play, 0 in matches
    c_visit: float = 50.0  # the paper's
    c_scale: float = 1.0  # the paper's for board games; mctx uses 0.1 with min_max
    min_max: bool = False  # stretch each node's completed Q to [0, 1] before it is scaled: mctx's rescale_values
    # PUCT
    c_init: float = 1.25  # AlphaZero's
    c_base: float = 19652.0  # AlphaZero's
    c_spread: float = 0.0  # how much c follows the spread of values below a node; KataGo's 0.85
    fpu_reduction: float = 0.2  # KataGo's
    fpu_absolute: bool = False  # untried edges have `fpu_value` in place of the parent's Q less a reduction
    fpu_value: float = -1.0  # a loss; AlphaZero's
    virtual_loss: float = 1.0
    dirichlet_fraction: float = 0.0  # AlphaZero's 0.25 in self-play, 0 in matches
    dirichlet_total: float = 10.0  # alpha, spread over the legal actions
    dirichlet_shaped: float = 0.0  # share of alpha that goes where the prior is not small; KataGo's 0.5
    root_temperature: float = 1.0  # of the root's priors; KataGo's 1.1 in self-play
    forced_playouts: float = 0.0  # k; KataGo's 2 in self-play
    lcb: float = 0.0  # standard errors below its mean by which a move is judged at the end; 0: by visits; KataGo's 5
