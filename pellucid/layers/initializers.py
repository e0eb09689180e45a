"""How weights start. Keras's formulas, on random numbers that come from counters.

Every number is computed from one uniform number with additions, multiplications, divisions and
square roots only, which are rounded alike everywhere: the same seed gives the same bits on every
machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pellucid import random
from pellucid.errors import ArgumentError, unknown_name
from pellucid.layers.rules import Rule
from pellucid.shapes import Shape

Float64Array = NDArray[np.float64]

# The standard normal distribution function at -2, where Keras truncates.
_BELOW_TWO = 0.022750131948179195
# The standard deviation of a normal distribution that is cut off at -2 and 2.
_TRUNCATED_DEVIATION = 0.87962566103423978

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")


@dataclass(frozen=True)
class Initializer(Rule, kind="initializer"):
    """A rule for the first values of an array of weights."""

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Initializer):
    """The same value everywhere."""

    value: float = 0.0

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        return np.full(shape, self.value, np.float32)


@dataclass(frozen=True)
class Zeros(Initializer):
    """0 everywhere."""

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        return np.zeros(shape, np.float32)


@dataclass(frozen=True)
class Ones(Initializer):
    """1 everywhere."""

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        return np.ones(shape, np.float32)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    """Evenly spread over [minval, maxval).

    seed: the same seed gives the same values every time; None takes the next random stream of
    `pellucid.set_seed`.
    """

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        spread = self.minval + (self.maxval - self.minval) * _uniform(self.seed, shape)
        return spread.astype(np.float32)


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """Normally distributed. `seed` as in RandomUniform."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        values = random.normal(_key(self.seed), _counters(shape))
        return (self.mean + self.stddev * values).astype(np.float32)


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """Normally distributed, without what lies beyond two `stddev`. `seed` as in RandomUniform."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        inside = _BELOW_TWO + (1 - 2 * _BELOW_TWO) * _uniform(self.seed, shape)
        return (self.mean + self.stddev * random.normal_quantile(inside)).astype(np.float32)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """A variance of scale / n, where n is the number of inputs, of outputs, or their mean.

    scale: more than 0. mode: 'fan_in', 'fan_out' or 'fan_avg'. distribution: 'uniform',
    'truncated_normal' or 'untruncated_normal'. `seed` as in RandomUniform.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ArgumentError(f"scale must be more than 0, got {self.scale!r}.")
        if self.mode not in _MODES:
            raise unknown_name("mode of VarianceScaling", self.mode, _MODES)
        if self.distribution not in _DISTRIBUTIONS:
            raise unknown_name("distribution of VarianceScaling", self.distribution, _DISTRIBUTIONS)

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        fan_in, fan_out = fans(shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, count[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return RandomUniform(-limit, limit, self.seed)(shape)
        deviation = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return RandomNormal(0.0, deviation, self.seed)(shape)
        return TruncatedNormal(0.0, deviation / _TRUNCATED_DEVIATION, self.seed)(shape)


@dataclass(frozen=True)
class _Scaled(Initializer):
    """A VarianceScaling that has a name of its own."""

    seed: int | None = None
    rule: ClassVar[tuple[float, str, str]]

    def __call__(self, shape: Shape) -> NDArray[np.float32]:
        """Values for an array of this shape, float32."""
        return VarianceScaling(*self.rule, self.seed)(shape)


class GlorotUniform(_Scaled):
    """Glorot and Bengio (2010), uniform: variance 2 / (inputs + outputs)."""

    rule = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Glorot and Bengio (2010), truncated normal: variance 2 / (inputs + outputs)."""

    rule = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """He et al. (2015), uniform: variance 2 / inputs."""

    rule = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """He et al. (2015), truncated normal: variance 2 / inputs."""

    rule = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """LeCun et al. (1998), uniform: variance 1 / inputs."""

    rule = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """LeCun et al. (1998), truncated normal: variance 1 / inputs."""

    rule = (1.0, "fan_in", "truncated_normal")


InitializerLike = str | dict[str, Any] | Initializer


def get(identifier: InitializerLike) -> Initializer:
    """An initializer from its name ('he_normal', 'HeNormal'), its configuration, or itself.

    Raises UnknownNameError, with the nearest known name, for any other.
    """
    return Initializer.get(identifier)


def fans(shape: Shape) -> tuple[float, float]:
    """How many inputs and outputs a weight array connects: (..., in, out), as Keras counts."""
    if len(shape) < 2:
        size = float(math.prod(shape))
        return size, size
    places = math.prod(shape[:-2])
    return float(shape[-2] * places), float(shape[-1] * places)


def _uniform(seed: int | None, shape: Shape) -> Float64Array:
    """Numbers in [0, 1), each a multiple of 2^-24, exact in float64."""
    return random.uniform(_key(seed), _counters(shape)).astype(np.float64)


def _key(seed: int | None) -> tuple[int, ...]:
    """A key that is always the same for a seed, and a fresh one for None."""
    return random.next_stream() if seed is None else (random.check_seed(seed),)


def _counters(shape: Shape) -> NDArray[np.int64]:
    return np.arange(math.prod(shape)).reshape(shape)
