"""The core's own exponential and softmax against the C library's."""

import math

import numpy as np
import pytest

from native.machine.compile import kernel
from native.machine.simd import BLOCK, SINGLE_BLOCK
from native.machine.softmax import exp_in_place, softmax_of


@kernel
def exp_part(values, count, shift, scale):
    exp_in_place(values, count, shift, scale)


def exp_each(values, out):
    """Padded to whole blocks, of which what stands behind the last value is lost."""
    padded = np.zeros(len(values) + BLOCK)
    padded[: len(values)] = values
    exp_part(padded, len(values), 0.0, 1.0)
    out[:] = padded[: len(values)]


@kernel
def softmax_part(logits, chosen, count, chosen_out, softmax_out, first):
    softmax_of(logits, chosen, count, chosen_out, softmax_out, first)


def softmax_at(logits, chosen, first=0, size=300):
    """(softmax, indices) as they were written from `first` on, with what stood there before."""
    logits, chosen = np.asarray(logits, np.float32), np.asarray(chosen, np.int32)
    chosen_out, softmax_out = np.full(size, -7, np.int16), np.full(size, -7, np.float32)
    softmax_part(logits, chosen, len(chosen), chosen_out, softmax_out, first)
    return softmax_out, chosen_out


def test_exp_is_right_to_the_last_bits():
    values = np.concatenate(
        [-np.geomspace(1e-12, 690, 20000), np.linspace(-30, 1, 20000), [0.0, -0.5 * math.log(2)]]
    )
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
        end = (count + BLOCK - 1) // BLOCK * BLOCK
        assert given[end:].tolist() == values[end:].tolist()


@pytest.mark.parametrize(("first", "count"), [(0, 200), (3, 121), (10, 7), (199, 1), (16, 32)])
def test_softmax_is_right_and_overwrites_no_more_than_a_block(first, count):
    random = np.random.default_rng(1)
    logits, chosen = (
        random.normal(0, 4, 200).astype(np.float32),
        np.sort(random.permutation(200)[:count]),
    )
    softmax, indices = softmax_at(logits, chosen, first)
    part = logits[chosen].astype(np.float64)
    expected = np.exp(part - part.max()) / np.exp(part - part.max()).sum()
    np.testing.assert_allclose(softmax[first : first + count], expected, rtol=2e-6)
    assert indices[first : first + count].tolist() == chosen.tolist()
    end = first + (count + SINGLE_BLOCK - 1) // SINGLE_BLOCK * SINGLE_BLOCK
    for written in (softmax, indices):
        assert (written[:first] == -7).all() and (written[end:] == -7).all()


def test_softmax_of_equals_is_the_same_for_all_and_of_the_unlikeliest_nothing():
    equal = softmax_at([-3.0] * 40, range(40))[0][:40]
    np.testing.assert_allclose(equal, 1 / 40, rtol=1e-7)
    assert len(set(equal.tolist())) == 1
    likely, *unlikely = softmax_at([5.0, -200.0, -np.inf], range(3))[0][:3]
    assert likely == 1.0 and max(unlikely) < 1e-37


def test_singles_exponentials_are_off_by_a_few_of_their_last_bits():
    """Seen in the ratio of two probabilities, which two more roundings are in."""
    for x in -np.geomspace(1e-6, 80, 4000).astype(np.float32):
        first, second = softmax_at([0.0, x], range(2), size=16)[0][:2].astype(np.float64)
        assert abs(second / first / math.exp(x) - 1) < 3.5e-7


def test_illegal_logits_count_for_nothing():
    assert softmax_at([0.0, 99.0, 0.0], [0, 2])[0][:2].tolist() == [0.5, 0.5]
    assert softmax_at([99.0, 1.0], [1])[0][0] == 1.0


def test_a_logit_that_is_no_number_is_seen_in_all():
    """So that a network that has diverged is not mistaken for one that is sure."""
    assert np.isnan(softmax_at([1.0, np.nan, 0.5], range(3))[0][:3]).all()
