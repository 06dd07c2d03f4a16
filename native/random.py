"""Random numbers from a state that is passed in: `uint64[2]`, a (position, stream) pair of a counter-based generator.

The generator is SplitMix64 (Steele, Lea and Flood 2014): each draw advances the first word by the golden gamma and mixes
it with the stream word. Every tree owns such a state, so no game's noise depends on what its neighbours do.
"""

import numpy as np

from native.compile import inline

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


@inline
def mix(bits):
    """SplitMix64's finaliser: a bijection of uint64 whose every output bit depends on every input bit."""
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
def gumbel(random_state):
    """Standard Gumbel: -log(-log(u)), u in (0, 1)."""
    return -np.log(-np.log(uniform(random_state) + 1e-300))


@inline
def normal(random_state):
    """Standard normal, by Box and Muller."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(random_state)))
    return radius * np.cos(2.0 * np.pi * uniform(random_state))


@inline
def gamma(random_state, shape):
    """Gamma(shape, 1), Marsaglia and Tsang 2000; for shape < 1 by their boost Gamma(shape + 1) * u^(1/shape)."""
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(random_state)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    while True:
        x = normal(random_state)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and np.log(1.0 - uniform(random_state)) < 0.5 * x * x + d - d * v + d * np.log(v):
            return boost * d * v


def seeds(seed: int, count: int) -> np.ndarray:
    """`count` independent random states, uint64[count, 2], from one integer and NumPy's SeedSequence."""
    return np.random.SeedSequence(seed).generate_state(2 * count, np.uint64).reshape(count, 2)
