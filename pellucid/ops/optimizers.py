"""Optimizers: how parameters follow their gradients. The formulas are Keras 3's.

Each formula is evaluated exactly as it is written, in the parameter's own precision, every
operation rounded once: what is computed here, an engine reproduces bit for bit. Numbers that
change from step to step are worked out in double precision and rounded to float32 once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.errors import ArgumentError
from pellucid.ops.base import Array


class Optimizer:
    """Hyperparameters only; what it remembers of a parameter lies in that parameter's slots.

    `learning_rate` may be changed between steps; everything else is fixed at construction.
    Raises ArgumentError for a number out of its range.
    """

    learning_rate: float

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "learning_rate" and name in self.__dict__:
            raise ArgumentError(
                f"{type(self).__name__}.{name} is fixed; only the learning rate may change. "
                "Make a new optimizer instead."
            )
        _check(type(self).__name__, name, value)
        super().__setattr__(name, value)

    @property
    def slot_count(self) -> int:
        """How many arrays of a parameter's shape are kept for it."""
        raise NotImplementedError

    def scalars(self, step: int) -> tuple[float, ...]:
        """The float32 numbers that update number `step` (from 0) uses."""
        raise NotImplementedError

    def update(
        self,
        parameter: Array,
        gradient: Array,
        slots: Sequence[Array],
        scalars: tuple[float, ...],
    ) -> None:
        """One step: changes the parameter and its slots in place.

        gradient: of the mean loss over the batch. scalars: from `scalars(step)`.
        """
        raise NotImplementedError


@dataclass
class SGD(Optimizer):
    """Stochastic gradient descent.

    Plain:     p = p - lr * g
    Momentum:  m = momentum * m - lr * g;  p = p + m
    Nesterov:  m = momentum * m - lr * g;  p = p + (momentum * m - lr * g)
    Slots: m, if momentum is not 0.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def slot_count(self) -> int:
        return int(self.momentum != 0)

    def scalars(self, step: int) -> tuple[float, ...]:
        return _float32(self.learning_rate)

    def update(
        self,
        parameter: Array,
        gradient: Array,
        slots: Sequence[Array],
        scalars: tuple[float, ...],
    ) -> None:
        change = gradient * scalars[0]
        if not slots:
            parameter -= change
            return
        (velocity,) = slots
        velocity[...] = velocity * self.momentum - change
        parameter += velocity * self.momentum - change if self.nesterov else velocity


@dataclass
class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients.

    v = rho * v + (1 - rho) * (g * g)
    centered:  a = rho * a + (1 - rho) * g;  d = v - a * a;  otherwise d = v
    u = (lr * g) / sqrt(d + epsilon)
    momentum:  m = momentum * m + u;  p = p - m;  otherwise p = p - u
    Slots: v; a, if centered; m, if momentum is not 0.
    """

    learning_rate: float = 1e-3
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    @property
    def slot_count(self) -> int:
        return 1 + int(self.centered) + int(self.momentum != 0)

    def scalars(self, step: int) -> tuple[float, ...]:
        return _float32(self.learning_rate)

    def update(
        self,
        parameter: Array,
        gradient: Array,
        slots: Sequence[Array],
        scalars: tuple[float, ...],
    ) -> None:
        squares = slots[0]
        squares[...] = squares * self.rho + (gradient * gradient) * (1 - self.rho)
        variance = squares
        if self.centered:
            mean = slots[1]
            mean[...] = mean * self.rho + gradient * (1 - self.rho)
            variance = squares - mean * mean
        change = (gradient * scalars[0]) / np.sqrt(variance + self.epsilon)
        if self.momentum:
            velocity = slots[-1]
            velocity[...] = velocity * self.momentum + change
            change = velocity
        parameter -= change


@dataclass
class Adam(Optimizer):
    """Running means of gradients and of their squares, corrected for their start at 0.

    m = m + (g - m) * (1 - beta_1)
    v = v + (g * g - v) * (1 - beta_2)
    p = p - (m * alpha) / (sqrt(v) + epsilon)
    alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t = 1, 2, ...
    Slots: m, v.
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    @property
    def slot_count(self) -> int:
        return 2

    def scalars(self, step: int) -> tuple[float, ...]:
        return _float32(self._alpha(step))

    def update(
        self,
        parameter: Array,
        gradient: Array,
        slots: Sequence[Array],
        scalars: tuple[float, ...],
    ) -> None:
        mean, squares = slots
        mean += (gradient - mean) * (1 - self.beta_1)
        squares += (gradient * gradient - squares) * (1 - self.beta_2)
        parameter -= (mean * scalars[0]) / (np.sqrt(squares) + self.epsilon)

    def _alpha(self, step: int) -> float:
        correction = math.sqrt(1 - self.beta_2 ** (step + 1)) / (1 - self.beta_1 ** (step + 1))
        return self.learning_rate * correction


@dataclass
class AdamW(Adam):
    """Adam after a decay of every parameter: p = p - p * (lr * weight_decay)."""

    weight_decay: float = 0.004

    def scalars(self, step: int) -> tuple[float, ...]:
        return _float32(self._alpha(step), self.learning_rate * self.weight_decay)

    def update(
        self,
        parameter: Array,
        gradient: Array,
        slots: Sequence[Array],
        scalars: tuple[float, ...],
    ) -> None:
        parameter -= parameter * scalars[1]
        super().update(parameter, gradient, slots, scalars)


def _float32(*numbers: float) -> tuple[float, ...]:
    return tuple(float(np.float32(number)) for number in numbers)


def _check(optimizer: str, name: str, value: Any) -> None:
    """Raise ArgumentError unless a hyperparameter is of its kind and in its range."""
    flag = isinstance(value, bool)
    number = not flag and isinstance(value, int | float | np.number) and math.isfinite(value)
    if name in {"nesterov", "centered"}:
        fits, allowed = flag, "True or False"
    elif name in {"momentum", "rho", "beta_1", "beta_2"}:
        fits, allowed = number and 0 <= value < 1, "a number from 0 to below 1"
    else:
        fits, allowed = number and value >= 0, "a number 0 or larger"
    if not fits:
        raise ArgumentError(f"{optimizer}: {name} must be {allowed}, got {value!r}.")
