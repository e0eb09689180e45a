"""Optimizers: how parameters follow their gradients. The formulas are Keras 3's.

Each formula is evaluated exactly as it is written, in the parameter's own precision, every
operation rounded once: what is computed here, an engine reproduces bit for bit. Numbers that
change from step to step are worked out in double precision and rounded to float32 once. Only the
sums of squares that `clipnorm` and `global_clipnorm` need are summed as an engine likes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from pellucid.errors import ArgumentError
from pellucid.ops.base import Array
from pellucid.ops.schedules import LearningRateSchedule


@dataclass
class Optimizer:
    """Hyperparameters only; what it remembers of a parameter lies in that parameter's slots.

    A step clips the gradients, lets parameters decay, follows the optimizer's own formula, and
    then updates the averages. `learning_rate` may be changed between steps, if it is no schedule;
    everything else is fixed at construction.

    learning_rate: a number, or a schedule of `pellucid.optimizers.schedules`.
    weight_decay: p = p - p * (lr * weight_decay) before the formula; None for none.
    clipnorm: the gradient g of each parameter becomes g * (clipnorm / max(|g|, clipnorm)), where
    |g| is its root of the sum of squares. global_clipnorm: the same, with |g| over all parameters
    together. clipvalue: every number of a gradient is brought into [-clipvalue, clipvalue].
    use_ema: keep an average of every parameter, a = a * ema_momentum + p * (1 - ema_momentum),
    which begins with the parameter after the first step. `fit` ends with the averages as weights.
    ema_overwrite_frequency: after how many steps parameters are set to their averages; None: not.

    Raises ArgumentError for a number out of its range, or for two ways of clipping at once.
    """

    learning_rate: float | LearningRateSchedule
    weight_decay: float | None = field(default=None, kw_only=True)
    clipnorm: float | None = field(default=None, kw_only=True)
    clipvalue: float | None = field(default=None, kw_only=True)
    global_clipnorm: float | None = field(default=None, kw_only=True)
    use_ema: bool = field(default=False, kw_only=True)
    ema_momentum: float = field(default=0.99, kw_only=True)
    ema_overwrite_frequency: int | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if sum(map(bool, (self.clipnorm, self.clipvalue, self.global_clipnorm))) > 1:
            raise ArgumentError(
                f"{type(self).__name__}: only one of clipnorm, clipvalue and global_clipnorm can "
                "be given."
            )

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self).__name__
        if name in self.__dict__:
            if name != "learning_rate":
                raise ArgumentError(
                    f"{kind}.{name} is fixed; only the learning rate may change. "
                    "Make a new optimizer instead."
                )
            if isinstance(self.learning_rate, LearningRateSchedule):
                raise ArgumentError(
                    f"The learning rate of this {kind} follows its schedule "
                    f"{type(self.learning_rate).__name__} and cannot be set. Make the optimizer "
                    "with a number, or leave out what sets it (a callback, for instance)."
                )
        _check(kind, name, value)
        super().__setattr__(name, value)

    @property
    def own_slots(self) -> int:
        """How many arrays the optimizer's own formula keeps for a parameter."""
        raise NotImplementedError

    @property
    def slot_count(self) -> int:
        """How many arrays of a parameter's shape are kept for it; the average is the last."""
        return self.own_slots + int(self.use_ema)

    def rate(self, step: int) -> float:
        """The learning rate of update number `step`, from 0."""
        if isinstance(self.learning_rate, LearningRateSchedule):
            return float(self.learning_rate(step))
        return self.learning_rate

    def scalars(self, step: int) -> tuple[float, ...]:
        """The float32 numbers that update number `step` (from 0) uses.

        The one of the formula; then lr * weight_decay, if there is a decay; then, if there is an
        average, its share of itself (0 in the first step) and of the parameter.
        """
        rate = self.rate(step)
        numbers = [self.formula_rate(rate, step)]
        if self.weight_decay:
            numbers.append(rate * self.weight_decay)
        if self.use_ema:
            momentum = self.ema_momentum if step else 0.0
            numbers += [momentum, 1 - momentum]
        return tuple(float(np.float32(number)) for number in numbers)

    def formula_rate(self, rate: float, step: int) -> float:
        """The number that the formula multiplies by, out of the learning rate of this step."""
        return rate

    def clip(self, gradients: Sequence[Array]) -> list[Array]:
        """The gradients of all trainable parameters, clipped."""
        if self.clipvalue:
            return [gradient.clip(-self.clipvalue, self.clipvalue) for gradient in gradients]
        if self.clipnorm:
            limit = self.clipnorm
            return [g * _shrinking([g], limit) for g in gradients]
        if self.global_clipnorm:
            scale = _shrinking(gradients, self.global_clipnorm)
            return [gradient * scale for gradient in gradients]
        return list(gradients)

    def update(
        self,
        parameter: Array,
        gradient: Array,
        slots: Sequence[Array],
        scalars: tuple[float, ...],
    ) -> None:
        """One step: changes the parameter and its slots in place.

        gradient: of the mean loss over the batch, clipped. scalars: from `scalars(step)`.
        """
        if self.weight_decay:
            parameter -= parameter * scalars[1]
        self.follow(parameter, gradient, slots[: self.own_slots], scalars[0])
        if self.use_ema:
            average = slots[-1]
            average[...] = average * scalars[-2] + parameter * scalars[-1]

    def follow(
        self, parameter: Array, gradient: Array, slots: Sequence[Array], rate: float
    ) -> None:
        """The optimizer's own formula: changes the parameter and its own slots in place."""
        raise NotImplementedError

    def overwrites(self, step: int) -> bool:
        """Whether parameters are set to their averages after update number `step`."""
        frequency = self.ema_overwrite_frequency
        return self.use_ema and frequency is not None and (step + 1) % frequency == 0

    def get_config(self) -> dict[str, Any]:
        """The arguments as plain JSON."""
        config = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.learning_rate, LearningRateSchedule):
            config["learning_rate"] = {
                "class_name": type(self.learning_rate).__name__,
                "config": self.learning_rate.get_config(),
            }
        return config


@dataclass
class SGD(Optimizer):
    """Stochastic gradient descent.

    Plain:     p = p - lr * g
    Momentum:  m = momentum * m - lr * g;  p = p + m
    Nesterov:  m = momentum * m - lr * g;  p = p + (momentum * m - lr * g)
    Slots: m, if momentum is not 0.
    """

    learning_rate: float | LearningRateSchedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    @property
    def own_slots(self) -> int:
        return int(self.momentum != 0)

    def follow(
        self, parameter: Array, gradient: Array, slots: Sequence[Array], rate: float
    ) -> None:
        change = gradient * rate
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

    learning_rate: float | LearningRateSchedule = 1e-3
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    @property
    def own_slots(self) -> int:
        return 1 + int(self.centered) + int(self.momentum != 0)

    def follow(
        self, parameter: Array, gradient: Array, slots: Sequence[Array], rate: float
    ) -> None:
        squares = slots[0]
        squares[...] = squares * self.rho + (gradient * gradient) * (1 - self.rho)
        variance = squares
        if self.centered:
            mean = slots[1]
            mean[...] = mean * self.rho + gradient * (1 - self.rho)
            variance = squares - mean * mean
        change = (gradient * rate) / np.sqrt(variance + self.epsilon)
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
    amsgrad:  w = max(w, v);  otherwise w = v
    p = p - (m * alpha) / (sqrt(w) + epsilon)
    alpha = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t = 1, 2, ...
    Slots: m, v; w, if amsgrad.
    """

    learning_rate: float | LearningRateSchedule = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    @property
    def own_slots(self) -> int:
        return 2 + int(self.amsgrad)

    def formula_rate(self, rate: float, step: int) -> float:
        correction = math.sqrt(1 - self.beta_2 ** (step + 1)) / (1 - self.beta_1 ** (step + 1))
        return rate * correction

    def follow(
        self, parameter: Array, gradient: Array, slots: Sequence[Array], rate: float
    ) -> None:
        mean, squares, *largest = slots
        mean += (gradient - mean) * (1 - self.beta_1)
        squares += (gradient * gradient - squares) * (1 - self.beta_2)
        if largest:
            largest[0][...] = np.maximum(largest[0], squares)
            squares = largest[0]
        parameter -= (mean * rate) / (np.sqrt(squares) + self.epsilon)


@dataclass
class AdamW(Adam):
    """Adam after a decay of every parameter: p = p - p * (lr * weight_decay)."""

    weight_decay: float = 0.004


def _shrinking(gradients: Sequence[Array], limit: float) -> float:
    """What brings gradients, taken together as one vector, to a length of at most `limit`."""
    squares = sum(float(np.vdot(gradient, gradient)) for gradient in gradients)
    return limit / max(math.sqrt(squares), limit)


def _check(optimizer: str, name: str, value: Any) -> None:
    """Raise ArgumentError unless a hyperparameter is of its kind and in its range."""
    flag = isinstance(value, bool)
    number = not flag and isinstance(value, int | float | np.number) and math.isfinite(value)
    if name in {"nesterov", "centered", "amsgrad", "use_ema"}:
        fits, allowed = flag, "True or False"
    elif name in {"momentum", "rho", "beta_1", "beta_2"}:
        fits, allowed = number and 0 <= value < 1, "a number from 0 to below 1"
    elif name == "ema_momentum":
        fits, allowed = number and 0 <= value <= 1, "a number from 0 to 1"
    elif name in {"clipnorm", "clipvalue", "global_clipnorm"}:
        fits, allowed = value is None or (number and value > 0), "None or a number larger than 0"
    elif name == "ema_overwrite_frequency":
        whole = isinstance(value, int) and not flag and value > 0
        fits, allowed = value is None or whole, "None or a whole number of at least 1"
    elif name == "name":
        fits, allowed = value is None or isinstance(value, str), "None or a text"
    else:
        fits = number and value >= 0
        fits |= name == "learning_rate" and isinstance(value, LearningRateSchedule)
        fits |= name == "weight_decay" and value is None and optimizer != "AdamW"
        allowed = "a number 0 or larger"
    if not fits:
        raise ArgumentError(f"{optimizer}: {name} must be {allowed}, got {value!r}.")
