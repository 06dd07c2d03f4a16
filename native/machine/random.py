"""Random numbers from a state that is passed in: `uint64[2]`, a (position, stream) pair of a
counter-based generator.

The generator is SplitMix64 (Steele, Lea and Flood 2014): each draw advances the first word by the
golden gamma and mixes it with the stream word. Every tree owns such a state, so no game's noise
depends on what its neighbours do.
"""

import numpy as np
from numba import types
from numba.extending import intrinsic

from native.machine.compile import inline
from native.machine.simd import BLOCK, LN2_HIGH, LN2_LOW, Place

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
TINY = 1e-300  # in place of a 0 whose logarithm there is not


@inline
def mix(bits):
    """SplitMix64's finaliser: a bijection of uint64 whose every output bit depends on every input
    bit."""
    z = np.uint64(bits)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inline
def next_bits(random_state):
    random_state[0] += GOLDEN_GAMMA
    return mix(mix(random_state[0]) ^ random_state[1])


@inline
def uniform(random_state):
    """Uniform in [0, 1), 53 bits."""
    return (next_bits(random_state) >> np.uint64(11)) * (1.0 / (1 << 53))


@inline
def below(random_state, bound):
    """Uniform integer in [0, bound)."""
    return np.int64(uniform(random_state) * bound)


@inline
def gumbels(random_state, out, count):
    """out f64[0 .. count - 1] = standard Gumbel variables, -log(-log(u)) with u in (0, 1). What
    stands behind them, up to a multiple of BLOCK, is overwritten."""
    for i in range(count):
        out[i] = uniform(random_state) + TINY
    for i in range(count, (count + BLOCK - 1) // BLOCK * BLOCK):
        out[i] = 0.5
    for first in range(0, count, BLOCK):
        gumbel_lanes(out, first)


@intrinsic
def gumbel_lanes(typingctx, values, first):
    """values f64[first .. first + BLOCK - 1] = -log(-log(value)), of values from TINY to the
    last before 1."""

    def codegen(context, builder, signature, arguments):
        place = Place(context, builder, values, *arguments)
        place.write(-logarithm(-logarithm(place.read())))
        return context.get_dummy_value()

    return types.void(values, types.int64), codegen


def logarithm(x):
    """ln of normal numbers above 0: k ln 2 + ln m with m near 1, and ln m = 2 artanh s, s = (m - 1)
    / (m + 1), by its series to s^23."""
    k, m = x.parts()
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    total = square * (1 / 23) + 1 / 21
    for odd in range(19, 1, -2):
        total = total * square + 1 / odd
    return k * LN2_HIGH + (k * LN2_LOW + (s * 2.0 + s * 2.0 * (square * total)))


@inline
def normal(random_state):
    """Standard normal, by Box and Muller."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(random_state)))
    return radius * np.cos(2.0 * np.pi * uniform(random_state))


@inline
def gamma(random_state, shape):
    """Gamma(shape, 1), Marsaglia and Tsang 2000; for shape < 1 by their boost Gamma(shape + 1) *
    u^(1/shape)."""
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(random_state)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    while True:
        x = normal(random_state)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and np.log(1.0 - uniform(random_state)) < 0.5 * x * x + d - d * v + d * np.log(
            v
        ):
            return boost * d * v


def seeds(seed: int, count: int) -> np.ndarray:
    """`count` independent random states, uint64[count, 2], from one integer and NumPy's
    SeedSequence."""
    return np.random.SeedSequence(seed).generate_state(2 * count, np.uint64).reshape(count, 2)
