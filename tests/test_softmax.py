"""The core's own exponential and softmax against the C library's."""

import math

import numpy as np

from native.compile import kernel
from native.lanes import LANES
from native.softmax import exp_in_place, softmax


@kernel
def exp_part(values, count, shift, scale):
    exp_in_place(values, count, shift, scale)


def exp_each(values, out):
    """Padded to whole blocks, of which what stands behind the last value is lost."""
    padded = np.zeros(len(values) + LANES)
    padded[: len(values)] = values
    exp_part(padded, len(values), 0.0, 1.0)
    out[:] = padded[: len(values)]


@kernel
def softmax_part(values, first, count):
    softmax(values, first, count)


def test_exp_is_right_to_the_last_bits():
    values = np.concatenate([-np.geomspace(1e-12, 690, 20000), np.linspace(-30, 1, 20000), [0.0, -0.5 * math.log(2)]])
    out = np.empty_like(values)
    exp_each(values, out)
    expected = np.array([math.exp(value) for value in values])
    assert np.abs(out / expected - 1).max() < 4.5e-16
    assert out[-2] == 1.0


def test_exp_of_what_is_too_small_is_as_good_as_zero():
    out = np.empty(3)
    exp_each(np.array([-701.0, -1e9, -np.inf]), out)
    assert (out >= 0).all() and (out < 1e-300).all()


def test_exp_is_of_the_shifted_and_scaled_and_overwrites_no_more_than_a_block():
    for count in (1, 7, 8, 9):
        values = np.linspace(0.0, 1.0, 24)
        given = values.copy()
        exp_part(given, count, 0.75, 3.0)
        np.testing.assert_allclose(given[:count], np.exp((values[:count] - 0.75) * 3.0), rtol=1e-15)
        end = (count + LANES - 1) // LANES * LANES
        assert given[end:].tolist() == values[end:].tolist()


def test_softmax_writes_its_part_alone():
    values = np.random.default_rng(1).normal(0, 4, 200).astype(np.float32)
    for first, count in ((0, 200), (3, 121), (10, 7), (199, 1)):
        part, given = values[first : first + count].astype(np.float64), values.copy()
        softmax_part(given, first, count)
        expected = np.exp(part - part.max()) / np.exp(part - part.max()).sum()
        np.testing.assert_allclose(given[first : first + count], expected, rtol=3e-7)
        np.testing.assert_array_equal(
            np.delete(given, range(first, first + count)), np.delete(values, range(first, first + count))
        )
