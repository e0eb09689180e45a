"""Optimizers: formulas by hand, and hyperparameters that cannot be meant."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pellucid.errors import ArgumentError
from pellucid.ops.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop

single = np.float32


def train(optimizer: Optimizer, gradients: list[float]) -> tuple[np.ndarray, list[np.ndarray]]:
    """A parameter that starts at 1, and its slots, after one update for each gradient."""
    parameter = np.ones(1, single)
    slots = [np.zeros(1, single) for _ in range(optimizer.slot_count)]
    for step, gradient in enumerate(gradients):
        optimizer.update(parameter, np.array([gradient], single), slots, optimizer.scalars(step))
    return parameter, slots


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (SGD(0.5), 1 - 0.5 * 2 - 0.5 * 4),
        (SGD(0.5, momentum=0.5), 1 - 1 + (-0.5 - 2)),
        (SGD(0.5, momentum=0.5, nesterov=True), 1 + (-0.5 - 1) + (0.5 * -2.5 - 2)),
    ],
)
def test_sgd_by_hand(optimizer: SGD, expected: float) -> None:
    assert_array_equal(train(optimizer, [2, 4])[0], [single(expected)])


@pytest.mark.parametrize("momentum", [0.0, 0.75])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_rounds_after_every_operation_of_its_formula(
    momentum: float, centered: bool
) -> None:
    rate, rho, epsilon, mu = single(0.1), single(0.9), single(1e-7), single(momentum)
    p, v, a, m = single(1), single(0), single(0), single(0)
    for g in (single(0.3), single(-0.7), single(0.2)):
        v = rho * v + single(1 - 0.9) * (g * g)
        a = rho * a + single(1 - 0.9) * g
        u = (rate * g) / np.sqrt((v - a * a if centered else v) + epsilon)
        m = mu * m + u
        p = p - (m if momentum else u)
    optimizer = RMSprop(0.1, momentum=momentum, centered=centered)
    parameter, slots = train(optimizer, [0.3, -0.7, 0.2])
    assert_array_equal(parameter, [p])
    expected = [v] + [a] * centered + [m] * bool(momentum)
    assert_array_equal([slot[0] for slot in slots], expected)


@pytest.mark.parametrize("decay", [None, 0.01])
def test_adam_rounds_after_every_operation_of_its_formula(decay: float | None) -> None:
    p, m, v = single(1), single(0), single(0)
    for t, g in enumerate((single(0.3), single(-0.7), single(0.2)), 1):
        alpha = single(0.1 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t))
        if decay is not None:
            p = p - p * single(0.1 * decay)
        m = m + (g - m) * single(1 - 0.9)
        v = v + (g * g - v) * single(1 - 0.999)
        p = p - (m * alpha) / (np.sqrt(v) + single(1e-7))
    optimizer = Adam(0.1) if decay is None else AdamW(0.1, weight_decay=decay)
    parameter, slots = train(optimizer, [0.3, -0.7, 0.2])
    assert_array_equal(parameter, [p])
    assert_array_equal([slot[0] for slot in slots], [m, v])


def test_clipping_by_hand() -> None:
    gradients = [np.array([3, 4], single), np.array([[-12]], single)]
    for optimizer, expected in [
        (SGD(), [[3, 4], [[-12]]]),
        (SGD(clipvalue=3.5), [[3, 3.5], [[-3.5]]]),
        (SGD(clipnorm=10), [[3, 4], [[-10]]]),
        (SGD(global_clipnorm=6.5), [[1.5, 2], [[-6]]]),
        (SGD(global_clipnorm=13), [[3, 4], [[-12]]]),
    ]:
        clipped = optimizer.clip(gradients)
        assert all(map(np.array_equal, clipped, map(single, expected)))
        assert all(gradient.dtype == single for gradient in clipped)


def test_decay_and_average_by_hand() -> None:
    optimizer = SGD(0.5, weight_decay=0.5, use_ema=True, ema_momentum=0.75)
    first = 1 - 0.25 - 0.5 * 2
    second = first - first * 0.25 - 0.5 * 4
    parameter, (average,) = train(optimizer, [2, 4])
    assert_array_equal(parameter, [second])
    assert_array_equal(average, [0.75 * first + 0.25 * second])
    assert train(optimizer, [2])[1] == [first]


def test_averages_overwrite_now_and_then() -> None:
    optimizer = SGD(use_ema=True, ema_overwrite_frequency=3)
    assert [step for step in range(7) if optimizer.overwrites(step)] == [2, 5]
    assert not SGD(ema_overwrite_frequency=1).overwrites(0)


def test_only_the_learning_rate_may_change() -> None:
    optimizer = RMSprop()
    optimizer.learning_rate = 0.5
    assert optimizer.scalars(0) == (0.5,)
    message = (
        "RMSprop.rho is fixed; only the learning rate may change. Make a new optimizer instead."
    )
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        optimizer.rho = 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "SGD: learning_rate must be a number 0 or larger, got -0.1."),
        (lambda: Adam(math.nan), "Adam: learning_rate must be a number 0 or larger, got nan."),
        (lambda: Adam("fast"), "Adam: learning_rate must be a number 0 or larger, got 'fast'."),
        (lambda: SGD(momentum=1.0), "SGD: momentum must be a number from 0 to below 1, got 1.0."),
        (lambda: RMSprop(rho=-1), "RMSprop: rho must be a number from 0 to below 1, got -1."),
        (lambda: Adam(beta_2=2), "Adam: beta_2 must be a number from 0 to below 1, got 2."),
        (
            lambda: AdamW(weight_decay=math.inf),
            "AdamW: weight_decay must be a number 0 or larger, got inf.",
        ),
        (
            lambda: setattr(SGD(), "learning_rate", -1.0),
            "SGD: learning_rate must be a number 0 or larger, got -1.0.",
        ),
        (lambda: SGD(True), "SGD: learning_rate must be a number 0 or larger, got True."),
        (lambda: SGD(nesterov=0.5), "SGD: nesterov must be True or False, got 0.5."),
        (
            lambda: AdamW(weight_decay=None),
            "AdamW: weight_decay must be a number 0 or larger, got None.",
        ),
        (
            lambda: SGD(clipnorm=0),
            "SGD: clipnorm must be None or a number larger than 0, got 0.",
        ),
        (
            lambda: SGD(clipnorm=1.0, clipvalue=0.5),
            "SGD: only one of clipnorm, clipvalue and global_clipnorm can be given.",
        ),
        (
            lambda: SGD(use_ema=True, ema_momentum=1.5),
            "SGD: ema_momentum must be a number from 0 to 1, got 1.5.",
        ),
        (
            lambda: SGD(use_ema=True, ema_overwrite_frequency=0),
            "SGD: ema_overwrite_frequency must be None or a whole number of at least 1, got 0.",
        ),
    ],
)
def test_numbers_out_of_their_range_say_so(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        make()
