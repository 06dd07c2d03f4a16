"""Elo from results. A difference of d means an expected score of 1 / (1 + 10^(-d / 400)), draws
counting half."""

from dataclasses import dataclass

import numpy as np

from selfplay.searching.result import NORMAL_95

PRIOR_PAIRS = 0.5  # imaginary drawn pairs added, so that 0 % and 100 % have finite answers


@dataclass(frozen=True)
class Elo:
    """A difference and its interval, of 95 % if nothing else is said."""

    difference: float
    low: float
    high: float


def elo_of_score(score: float) -> float:
    return float(-400 * np.log10(1 / score - 1))


def score_of_elo(difference: float) -> float:
    return float(1 / (1 + 10 ** (-difference / 400)))


def from_pairs(
    pair_scores: np.ndarray, distinct: int | None = None, normal: float = NORMAL_95
) -> Elo:
    """From the mean score, in [0, 1], of each pair of games with one opening and colours swapped.

    The two games of a pair are not independent, the pairs are: their variance gives the interval,
    by Wilson's formula with the trinomial's variance in place of the binomial's, so that one-sided
    results keep an honest interval. Only the `distinct` pairs count as evidence: players without
    randomness repeat their games wherever openings repeat. `normal`: standard deviations that the
    interval reaches to either side.
    """
    evidence = len(pair_scores) if distinct is None else distinct
    n = evidence + PRIOR_PAIRS
    mean = (evidence * float(np.mean(pair_scores)) + 0.5 * PRIOR_PAIRS) / n
    spread = (
        evidence * float(np.mean((pair_scores - mean) ** 2)) + PRIOR_PAIRS * (0.5 - mean) ** 2
    ) / n
    # 1 where pairs are all won or lost, less with draws
    share = min(1.0, spread / max(mean * (1 - mean), 1e-12))
    z2 = normal**2 * max(share, 0.05)
    centre = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (mean * (1 - mean) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low, high = (
        elo_of_score(float(np.clip(s, 1e-4, 1 - 1e-4))) for s in (centre - half, centre + half)
    )
    return Elo(elo_of_score(float(np.clip(mean, 1e-4, 1 - 1e-4))), low, high)


def ratings(
    scores: np.ndarray, games: np.ndarray, iterations: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Elo of n players, mean 0, and the half-widths of their 95 % intervals.

    scores f64[n, n]: points of i against j; games f64[n, n]: games they played. Bradley and Terry's
    model, draws as half points, fitted by Newton's method on the likelihood with a weak pull to 0;
    intervals from its curvature.
    """
    n, scale = len(scores), np.log(10) / 400
    rating = np.zeros(n)
    for _ in range(iterations):
        expected = 1 / (1 + np.exp(rating[None, :] - rating[:, None]))
        slope = (scores - games * expected).sum(1) - 0.01 * rating
        weight = games * expected * (1 - expected)
        curvature = np.diag(weight.sum(1) + 0.01) - weight
        step = np.clip(np.linalg.solve(curvature, slope), -1, 1)
        rating += step
        if np.abs(step).max() < 1e-9:
            break
    rating -= rating.mean()
    # the mean is fixed, so the uncertainty of the common level is taken out
    centring = np.eye(n) - 1 / n
    covariance = centring @ np.linalg.inv(curvature) @ centring
    return rating / scale, NORMAL_95 * np.sqrt(np.maximum(np.diag(covariance), 0)) / scale
