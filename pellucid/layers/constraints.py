"""What weights are held to after every step of training.

A norm is the root of the sum of squares along some axes: axis 0 of a dense kernel (in, units), or
[0, 1, 2] of a convolution's (height, width, in, filters), is what one unit or filter multiplies by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.layers.rules import Rule
from pellucid.ops.base import Array

# What keeps a division by the norm of zeros finite, as in Keras.
EPSILON = 1e-7

Axes = int | Sequence[int]


@dataclass(frozen=True)
class Constraint(Rule, kind="constraint"):
    """A rule that brings weights back to where they may be."""

    def __call__(self, weights: ArrayLike) -> Array:
        """The nearest weights, by this rule, that are allowed."""
        raise NotImplementedError


@dataclass(frozen=True)
class NonNeg(Constraint):
    """Negative weights become 0."""

    def __call__(self, weights: ArrayLike) -> Array:
        """The weights without the negative ones."""
        return np.maximum(weights, np.float32(0))


@dataclass(frozen=True)
class MaxNorm(Constraint):
    """Norms are at most `max_value`; smaller ones stay."""

    max_value: float = 2
    axis: Axes = 0

    def __call__(self, weights: ArrayLike) -> Array:
        """The weights, scaled down where their norm is larger."""
        values = np.asarray(weights)
        norms = _norms(values, self.axis)
        return values * (np.clip(norms, 0, self.max_value) / (norms + EPSILON))


@dataclass(frozen=True)
class UnitNorm(Constraint):
    """Norms are 1."""

    axis: Axes = 0

    def __call__(self, weights: ArrayLike) -> Array:
        """The weights, divided by their norm."""
        values = np.asarray(weights)
        return values / (_norms(values, self.axis) + EPSILON)


@dataclass(frozen=True)
class MinMaxNorm(Constraint):
    """Norms are from `min_value` to `max_value`.

    rate: how much of the way there is gone at once; 1 is all of it.
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axes = 0

    def __call__(self, weights: ArrayLike) -> Array:
        """The weights, scaled to a norm within, or on the way there."""
        values = np.asarray(weights)
        norms = _norms(values, self.axis)
        within = np.clip(norms, self.min_value, self.max_value)
        wanted = self.rate * within + (1 - self.rate) * norms
        return values * (wanted / (norms + EPSILON))


ConstraintLike = str | dict[str, Any] | Constraint | None


def get(identifier: ConstraintLike) -> Constraint | None:
    """A constraint from its name ('max_norm', 'MaxNorm'), configuration, or itself; None for None.

    Raises UnknownNameError, with the nearest known name, for any other.
    """
    return None if identifier is None else Constraint.get(identifier)


def _norms(weights: Array, axis: Axes) -> Array:
    axes = axis if isinstance(axis, int) else tuple(axis)
    squares: Array = np.square(weights).sum(axis=axes, keepdims=True)
    return np.sqrt(squares)
