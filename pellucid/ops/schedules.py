"""Learning-rate schedules: the learning rate as a function of the step. Their meaning is Keras 3's.

They are worked out in double precision, and rounded to float32 once, where an optimizer uses them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pellucid.errors import ArgumentError


class LearningRateSchedule:
    """The root of all schedules; given to an optimizer in place of its `learning_rate`.

    A schedule of one's own defines `__call__` and, to be saved, `get_config`. It must depend on
    the step only: then a resumed training goes on as if it had never stopped.
    """

    def __call__(self, step: int) -> float:
        """The learning rate of update number `step`, counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step).")

    def get_config(self) -> dict[str, Any]:
        """The arguments as plain JSON."""
        raise NotImplementedError(f"{type(self).__name__} must define get_config(self).")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The schedule whose `get_config` gave this."""
        return cls(**config)


@dataclass(frozen=True)
class _Known(LearningRateSchedule):
    """A schedule whose arguments are its fields, and all of them numbers in their ranges."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _check(type(self).__name__, name, value)

    def get_config(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ExponentialDecay(_Known):
    """initial_learning_rate * decay_rate ^ (step / decay_steps).

    staircase: whether the quotient is rounded down, so that the rate falls in steps.
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def __call__(self, step: int) -> float:
        done = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate**done


@dataclass(frozen=True)
class InverseTimeDecay(_Known):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps).

    staircase: whether step / decay_steps is rounded down, so that the rate falls in steps.
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def __call__(self, step: int) -> float:
        done = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * done)


@dataclass(frozen=True)
class PolynomialDecay(_Known):
    """From initial_learning_rate to end_learning_rate over decay_steps, as (1 - done)^power.

    cycle: whether the rate, once it has come to its end, jumps up and decays again, to the next
    multiple of decay_steps; otherwise it stays.
    """

    initial_learning_rate: float
    decay_steps: int
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def __call__(self, step: int) -> float:
        cycles = max(1, -(-step // self.decay_steps)) if self.cycle else 1
        left = 1 - min(step / (cycles * self.decay_steps), 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * left**self.power + self.end_learning_rate


@dataclass(frozen=True)
class CosineDecay(_Known):
    """Half a cosine, from the initial learning rate to `alpha` times it, after a warm-up.

    warmup_target: the learning rate that the first `warmup_steps` steps lead up to, in a straight
    line; the cosine, of `decay_steps` steps, then begins there. None: no warm-up.
    Source: Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017).
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __call__(self, step: int) -> float:
        top, start = self.initial_learning_rate, 0
        if self.warmup_target is not None:
            top, start = self.warmup_target, self.warmup_steps
        if step < start:
            return self.initial_learning_rate + (top - self.initial_learning_rate) * step / start
        done = min((step - start) / self.decay_steps, 1.0)
        return top * ((1 - self.alpha) * _half_cosine(done) + self.alpha)


@dataclass(frozen=True)
class CosineDecayRestarts(_Known):
    """Half cosines one after the other, from the initial learning rate to `alpha` times it.

    The first takes first_decay_steps steps; each next one t_mul (at least 1) times as many, and
    begins at m_mul times the rate that the one before began at. Source: as `CosineDecay`.
    """

    initial_learning_rate: float
    first_decay_steps: int
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def __call__(self, step: int) -> float:
        left: float
        restarts, left = divmod(step, self.first_decay_steps)
        length = float(self.first_decay_steps)
        if self.t_mul > 1:
            restarts, left = 0, step
            while left >= length:
                restarts, left, length = restarts + 1, left - length, length * self.t_mul
        height = self.m_mul**restarts * _half_cosine(left / length)
        return self.initial_learning_rate * ((1 - self.alpha) * height + self.alpha)


@dataclass(frozen=True)
class PiecewiseConstantDecay(_Known):
    """values[0] up to and with step boundaries[0], then values[1], and so on.

    boundaries: steps, each larger than the one before. values: one more than boundaries.
    """

    boundaries: Sequence[int]
    values: Sequence[float]
    name: str = "PiecewiseConstant"

    def __post_init__(self) -> None:
        boundaries, values = list(self.boundaries), list(self.values)
        if boundaries != sorted(set(boundaries)):
            raise ArgumentError(
                "PiecewiseConstantDecay: boundaries must grow from one to the next, got "
                f"{boundaries}."
            )
        if len(values) != len(boundaries) + 1:
            raise ArgumentError(
                f"PiecewiseConstantDecay: {len(boundaries)} boundaries need "
                f"{len(boundaries) + 1} values, got {len(values)}."
            )
        for value in values:
            _check(type(self).__name__, "values", value)

    def __call__(self, step: int) -> float:
        passed = sum(step > boundary for boundary in self.boundaries)
        return self.values[passed]


@dataclass(frozen=True)
class OneCycle(_Known):
    """Up to a high learning rate and far down again, in half cosines, once in a training.

    max_learning_rate: the top, reached after `warmup_fraction` of the total_steps. The rate begins
    at max_learning_rate / initial_divisor and ends at that divided by final_divisor.
    Source: Smith & Topin, "Super-Convergence" (2018), in the form that PyTorch's OneCycleLR has.
    """

    max_learning_rate: float
    total_steps: int
    warmup_fraction: float = 0.3
    initial_divisor: float = 25.0
    final_divisor: float = 1e4
    name: str = "OneCycle"

    def __call__(self, step: int) -> float:
        top, last = self.max_learning_rate, self.total_steps - 1
        start = top / self.initial_divisor
        turn = max(0.0, self.warmup_fraction * self.total_steps - 1)
        if step <= turn:
            return top + (start - top) * _half_cosine(step / turn if turn else 1.0)
        end = start / self.final_divisor
        done = min((step - turn) / (last - turn), 1.0) if last > turn else 1.0
        return end + (top - end) * _half_cosine(done)


SCHEDULES: dict[str, type[LearningRateSchedule]] = {
    schedule.__name__: schedule
    for schedule in (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        OneCycle,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def _half_cosine(done: float) -> float:
    """From 1 at 0 down to 0 at 1."""
    return 0.5 * (1 + math.cos(math.pi * done))


def _check(schedule: str, name: str, value: Any) -> None:
    """Raise ArgumentError unless an argument is of its kind and in its range."""
    if name == "name" or (name == "warmup_target" and value is None):
        return
    number = isinstance(value, int | float) and math.isfinite(value)
    flag = isinstance(value, bool)
    if name in {"staircase", "cycle"}:
        fits, allowed = flag, "True or False"
    elif name in {"decay_steps", "first_decay_steps", "total_steps"}:
        fits, allowed = number and not flag and value > 0, "a number larger than 0"
    elif name in {"initial_divisor", "final_divisor", "t_mul"}:
        fits, allowed = number and not flag and value >= 1, "a number of at least 1"
    elif name == "warmup_fraction":
        fits, allowed = number and not flag and 0 <= value <= 1, "a number from 0 to 1"
    else:
        fits, allowed = number and not flag and value >= 0, "a number 0 or larger"
    if not fits:
        raise ArgumentError(f"{schedule}: {name} must be {allowed}, got {value!r}.")
