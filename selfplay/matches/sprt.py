"""Is one player stronger than another? A match that ends as soon as it has the answer.

Wald's sequential probability ratio test, generalised: two hypotheses about the Elo difference, and
after every batch of games the log of how much likelier the results are under the second. Pairs of
games with one opening are the unit, since the two games of a pair are not independent (as in
Stockfish's fishtest; M. Van den Bergh, "The generalized maximum likelihood ratio for the
expectation value of a distribution", 2019).
"""

from dataclasses import dataclass

import numpy as np

from selfplay.matches.rating import score_of_elo

POINTS = np.arange(5) / 4  # that a pair can make, as a share of the two games' points
UNSEEN = 1e-3  # pairs counted for a result that has not been seen


@dataclass(frozen=True)
class Sprt:
    """H0: the difference is `elo0`; H1: it is `elo1`, the larger."""

    elo0: float
    elo1: float
    alpha: float = 0.05  # chance to accept H1 where H0 is true
    beta: float = 0.05  # chance to accept H0 where H1 is true

    def __post_init__(self):
        if not -1000 <= self.elo0 < self.elo1 <= 1000:
            raise ValueError("--sprt needs two Elo differences, the larger one last")

    @property
    def bounds(self) -> tuple[float, float]:
        """The log-likelihood ratios at which H0 and H1 are accepted (Wald 1945)."""
        return (
            float(np.log(self.beta / (1 - self.alpha))),
            float(np.log((1 - self.beta) / self.alpha)),
        )

    def llr(self, pair_scores: np.ndarray) -> float:
        """The log-likelihood ratio of H1 to H0, of pair scores f64[pairs] in [0, 1]."""
        if not len(pair_scores):
            return 0.0
        seen = np.bincount(np.rint(4 * pair_scores).astype(int), minlength=5).astype(float)
        seen = np.maximum(seen, UNSEEN)
        shares = seen / seen.sum()
        h0, h1 = (likeliest(shares, score_of_elo(elo)) for elo in (self.elo0, self.elo1))
        return float(seen.sum() * (shares * np.log(h1 / h0)).sum())

    def accepted(self, llr: float) -> str | None:
        """ "H0" or "H1"; None while neither is."""
        low, high = self.bounds
        return "H1" if llr >= high else "H0" if llr <= low else None


def likeliest(shares: np.ndarray, mean: float) -> np.ndarray:
    """The distribution over POINTS of that mean under which results with these shares, all above 0,
    are likeliest: shares / (1 + t * (POINTS - mean)), where t makes the mean right."""
    away = POINTS - mean
    # t lies where every denominator is positive; the mean falls as t rises
    low, high = -1 / away.max(), -1 / away.min()
    for _ in range(100):
        t = (low + high) / 2
        if (shares * away / (1 + t * away)).sum() > 0:
            low = t
        else:
            high = t
    return shares / (1 + t * away)
