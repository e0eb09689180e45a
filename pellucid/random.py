"""Random numbers that come from counters, never from a hidden state.

A number is a function of a key (for instance seed, step and node) and of a counter (for instance
sample and position). So it does not matter which thread asks, in which order, or how often:
the same key and counter give the same bits on every machine.

The generator is Philox-2x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
(2011).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import ArgumentError

PHILOX_MULTIPLIER = 0xD256D193
PHILOX_WEYL = 0x9E3779B9
PHILOX_ROUNDS = 10

# Numerators and denominators, the highest power first, of the normal distribution's quantile:
# near its middle, in its tails, and far out in them.
QUANTILE_MIDDLE = (
    (5.9109374720e1, 1.5929113202e2, 5.0434271938e1, 3.3871327179),
    (6.7187563600e1, 7.8757757664e1, 1.7895169469e1, 1.0),
)
QUANTILE_TAIL = (
    (1.7023821103e-1, 1.3067284816, 2.7568153900, 1.4234372777),
    (1.2021132975e-1, 7.3700164250e-1, 1.0),
)
QUANTILE_FAR = (
    (1.7337203997e-2, 4.2868294337e-1, 3.0812263860, 6.6579051150),
    (1.2258202635e-2, 2.4197894225e-1, 1.0),
)

_MASK = 0xFFFFFFFF
# Names of streams: large numbers, so that they never meet the small ones (steps) in a key.
_SHUFFLE = 0x73687566
_INITIALIZE = 0x696E6974


def hash32(*words: int) -> int:
    """One 32-bit key out of several integers (each taken modulo 2^32).

    Every word goes through the finaliser of MurmurHash3 (Appleby, public domain).
    """
    state = 0
    for word in words:
        state = (state + PHILOX_WEYL ^ word) & _MASK
        state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
        state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
        state ^= state >> 16
    return state


def philox(
    key: int, first: ArrayLike, second: ArrayLike
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Philox-2x32-10: two random 32-bit words for every counter (first, second).

    The counters are integers in 0 .. 2^32 - 1 and broadcast against each other.
    """
    left, right = np.broadcast_arrays(
        np.asarray(first, dtype=np.uint64), np.asarray(second, dtype=np.uint64)
    )
    mask, shift = np.uint64(_MASK), np.uint64(32)
    for number in range(PHILOX_ROUNDS):
        round_key = np.uint64(key + number * PHILOX_WEYL & _MASK)
        product = left * np.uint64(PHILOX_MULTIPLIER)
        left, right = (product >> shift) ^ round_key ^ right, product & mask
    return left.astype(np.uint32), right.astype(np.uint32)


def uniform(key: Iterable[int], first: ArrayLike, second: ArrayLike = 0) -> NDArray[np.float32]:
    """Uniform float32 numbers in [0, 1): the upper 24 bits of Philox's first word times 2^-24.

    key: words for `hash32`. first, second: the counter, two integers or arrays that broadcast.
    """
    word, _ = philox(hash32(*key), first, second)
    return (word >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def normal(key: Iterable[int], first: ArrayLike, second: ArrayLike = 0) -> NDArray[np.float64]:
    """Normal numbers of mean 0 and variance 1, one from each number of `uniform`."""
    # Half a step up: the uniform numbers are multiples of 2^-24 from 0 on, and 0 has no place.
    return normal_quantile(uniform(key, first, second).astype(np.float64) + 2.0**-25)


def permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The numbers 0 .. count - 1 in an order that depends on seed and epoch only."""
    high, low = philox(hash32(seed, _SHUFFLE, epoch), np.arange(count), 0)
    words = high.astype(np.uint64) << np.uint64(32) | low
    return np.argsort(words, kind="stable").astype(np.int64)


def normal_quantile(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normal distribution's quantile function, for probabilities inside (0, 1).

    Algorithm AS 241, PPND7, of Wichura (1988): about seven digits, which float32 holds.
    """
    centred = probability - 0.5
    inner = np.abs(centred) <= 0.425
    middle = centred * _quotient(0.180625 - centred * centred, QUANTILE_MIDDLE)
    tail = np.sqrt(-_log(np.where(inner, 0.25, np.minimum(probability, 1 - probability))))
    outer = np.where(
        tail <= 5.0, _quotient(tail - 1.6, QUANTILE_TAIL), _quotient(tail - 5.0, QUANTILE_FAR)
    )
    return np.where(inner, middle, np.copysign(outer, centred))


def _log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The natural logarithm, from operations that every machine rounds alike.

    NumPy's own may differ in its last bit from one processor to another. With x = m 2^e and
    s = (m - 1) / (m + 1): log x = e log 2 + 2 (s + s^3/3 + s^5/5 + ...).
    """
    mantissa, exponent = np.frexp(x)
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, 2 * mantissa, mantissa)
    s = (mantissa - 1) / (mantissa + 1)
    series = _polynomial(s * s, *(1 / n for n in range(19, 0, -2)))
    return np.asarray((exponent - low) * 0.6931471805599453 + 2 * s * series)


def _quotient(
    x: NDArray[np.float64], polynomials: tuple[tuple[float, ...], tuple[float, ...]]
) -> NDArray[np.float64]:
    numerator, denominator = polynomials
    return _polynomial(x, *numerator) / _polynomial(x, *denominator)


def _polynomial(x: NDArray[np.float64], *coefficients: float) -> NDArray[np.float64]:
    """Horner's rule, from the highest coefficient down."""
    value: NDArray[np.float64] = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += coefficient
    return value


class _Seed:
    """The one seed of the process, and how many streams have been handed out since it was set."""

    def __init__(self) -> None:
        self.value = secrets.randbits(32)
        self.streams = 0


_seed = _Seed()


def set_seed(seed: int) -> None:
    """Fix every random number from here on: initial weights, order of samples, dropout.

    seed: any integer from 0 to 2^32 - 1; anything else raises ArgumentError.
    """
    _seed.value = check_seed(seed)
    _seed.streams = 0


def check_seed(seed: Any) -> int:
    """The seed as an int; ArgumentError unless it is an integer from 0 to 2^32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= _MASK:
        raise ArgumentError(f"A seed must be an integer from 0 to {_MASK}, got {seed!r}.")
    return int(seed)


def current_seed() -> int:
    """The seed in force: the one that was set, or one drawn from the system at the start."""
    return _seed.value


def next_stream() -> tuple[int, int, int]:
    """A fresh key for `uniform`: the first, second, ... after `set_seed` are always the same.

    Initialisers take one for every array of weights.
    """
    _seed.streams += 1
    return (_seed.value, _INITIALIZE, _seed.streams)
