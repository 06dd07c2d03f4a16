"""The generator's published numbers, and that the draws have the moments of their distributions."""

import math

import numpy as np
import pytest

from native.machine.compile import kernel
from native.machine.random import (
    GOLDEN_GAMMA,
    below,
    gamma,
    gumbel_lanes,
    gumbels,
    mix,
    normal,
    seeds,
    uniform,
)
from native.machine.simd import BLOCK


@kernel
def draw(kind, random_state, parameter, out):
    if kind == 1:
        gumbels(random_state, out, len(out))
        return
    for i in range(len(out)):
        if kind == 0:
            out[i] = uniform(random_state)
        elif kind == 2:
            out[i] = normal(random_state)
        elif kind == 3:
            out[i] = gamma(random_state, parameter)
        else:
            out[i] = below(random_state, parameter)


@kernel
def through_lanes(values):
    for first in range(0, len(values), BLOCK):
        gumbel_lanes(values, first)


@kernel
def some_gumbels(random_state, out, count):
    gumbels(random_state, out, count)


def sample(kind, parameter=0.0, count=200_000):
    out = np.zeros(count)  # whole blocks
    draw(kind, seeds(5, 1)[0], parameter, out)
    return out


def test_the_mixer_gives_splitmix64s_published_first_outputs():
    """SplitMix64 from seed 0 (Vigna's reference implementation): 0xE220A8397B1DCDAF,
    0x6E789E6AA1B965F4, ..."""
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


def test_gumbels_are_minus_log_minus_log_of_the_uniforms_to_the_last_bits():
    uniforms, drawn = sample(0, count=50_000), sample(1, count=50_000)
    np.testing.assert_allclose(drawn, -np.log(-np.log(uniforms)), rtol=1e-15, atol=4e-16)


def test_logarithms_of_numbers_next_to_the_ends():
    """u = 1e-300 stands for 0; next to 1 the inner logarithm is as small as a number's last bit."""
    ends = np.array(
        [
            1e-300,
            2.0**-53,
            0.5**0.5,
            np.nextafter(0.5**0.5, 0),
            0.5,
            1 - 2.0**-52,
            1 - 2.0**-53,
            0.25,
        ]
    )
    given = ends.copy()
    through_lanes(given)
    expected = [-math.log(-math.log(u)) for u in ends]
    np.testing.assert_allclose(given, expected, rtol=1e-15, atol=4e-16)


def test_as_many_gumbels_as_were_asked_for_are_drawn_and_no_more_is_overwritten_than_a_block():
    for count in (1, 7, 8, 9):
        out, state = np.full(24, 5.0), seeds(5, 1)[0]
        some_gumbels(state, out, count)
        assert (int(state[0]) - int(seeds(5, 1)[0][0])) % 2**64 == count * int(GOLDEN_GAMMA) % 2**64
        end = (count + BLOCK - 1) // BLOCK * BLOCK
        assert (out[:count] != 5.0).all() and out[end:].tolist() == [5.0] * (24 - end)
