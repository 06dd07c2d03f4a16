"""The generator's published numbers, and that the draws have the moments of their distributions."""

import numpy as np
import pytest

from native.compile import kernel
from native.random import GOLDEN_GAMMA, below, gamma, gumbel, mix, normal, seeds, uniform


@kernel
def draw(kind, random_state, parameter, out):
    for i in range(len(out)):
        if kind == 0:
            out[i] = uniform(random_state)
        elif kind == 1:
            out[i] = gumbel(random_state)
        elif kind == 2:
            out[i] = normal(random_state)
        elif kind == 3:
            out[i] = gamma(random_state, parameter)
        else:
            out[i] = below(random_state, parameter)


def sample(kind, parameter=0.0, count=200_000):
    out = np.zeros(count)
    draw(kind, seeds(5, 1)[0], parameter, out)
    return out


def test_the_mixer_gives_splitmix64s_published_first_outputs():
    """SplitMix64 from seed 0 (Vigna's reference implementation): 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, ..."""
    outputs = [int(mix(np.uint64(n * int(GOLDEN_GAMMA) % 2**64))) for n in (1, 2, 3)]
    assert outputs == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@pytest.mark.parametrize(
    ("kind", "parameter", "mean", "variance"),
    [
        (0, 0.0, 0.5, 1 / 12),
        (1, 0.0, 0.5772156649, np.pi**2 / 6),
        (2, 0.0, 0.0, 1.0),
        (3, 0.3, 0.3, 0.3),
        (3, 1.43, 1.43, 1.43),
        (3, 5.0, 5.0, 5.0),
        (4, 7.0, 3.0, 4.0),
    ],
)
def test_moments(kind, parameter, mean, variance):
    values = sample(kind, parameter)
    assert values.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / len(values)))
    assert values.var() == pytest.approx(variance, rel=0.06)


def test_below_reaches_every_number_and_no_other():
    assert sorted(set(sample(4, 7.0).tolist())) == [0, 1, 2, 3, 4, 5, 6]


def test_streams_differ_and_seeds_repeat():
    a, b = seeds(1, 2)
    first, second = np.zeros(1000), np.zeros(1000)
    draw(0, a.copy(), 0.0, first)
    draw(0, b.copy(), 0.0, second)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    again = np.zeros(1000)
    draw(0, seeds(1, 2)[0], 0.0, again)
    np.testing.assert_array_equal(first, again)
