"""Losses: by hand, against PyTorch, and their gradients against slopes."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn import functional

from pellucid.errors import ArgumentError, ShapeError
from pellucid.ops.activations import sigmoid, softmax
from pellucid.ops.base import Array
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

LOSSES = [
    SparseCategoricalCrossentropy(),
    SparseCategoricalCrossentropy(from_logits=True),
    CategoricalCrossentropy(),
    CategoricalCrossentropy(from_logits=True),
    BinaryCrossentropy(),
    BinaryCrossentropy(from_logits=True),
    MeanSquaredError(),
]
SHAPES = [(10,), (1,), (3, 4), (2, 3, 5)]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=str)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def example(loss: Loss, shape: tuple[int, ...], samples: int = 4) -> tuple[Array, Array]:
    """Predictions and targets in double precision."""
    generator = np.random.default_rng(0)
    predictions = generator.normal(size=(samples, *shape))
    if not getattr(loss, "from_logits", True):
        predictions = sigmoid(predictions)
    if isinstance(loss, SparseCategoricalCrossentropy):
        return predictions, generator.integers(0, shape[-1], (samples, *shape[:-1]), np.int32)
    targets = generator.normal(size=(samples, *shape))
    if isinstance(loss, CategoricalCrossentropy):
        targets = softmax(targets)
    elif isinstance(loss, BinaryCrossentropy):
        targets = sigmoid(targets)
    return predictions, targets


def pytorch(loss: Loss, predictions: torch.Tensor, targets: Array) -> torch.Tensor:
    """The loss of every sample, in PyTorch's words."""
    wanted = torch.tensor(targets)
    match loss:
        case SparseCategoricalCrossentropy() | CategoricalCrossentropy():
            if not loss.from_logits:
                predictions = torch.log(predictions / predictions.sum(-1, keepdim=True))
            if wanted.ndim < predictions.ndim:
                wanted = functional.one_hot(wanted.long(), predictions.shape[-1])
            by_position = -(functional.log_softmax(predictions, -1) * wanted).sum(-1)
        case BinaryCrossentropy(from_logits=True):
            by_position = functional.binary_cross_entropy_with_logits(
                predictions, wanted, reduction="none"
            )
        case BinaryCrossentropy():
            by_position = functional.binary_cross_entropy(predictions, wanted, reduction="none")
        case _:
            by_position = functional.mse_loss(predictions, wanted, reduction="none")
    return by_position.reshape(len(predictions), -1).mean(1)


@every_loss
@every_shape
def test_agrees_with_pytorch(loss: Loss, shape: tuple[int, ...]) -> None:
    predictions, targets = example(loss, shape)
    expected = torch.tensor(predictions, requires_grad=True)
    losses = pytorch(loss, expected, targets)
    losses.sum().backward()
    # Pellucid, as Keras, clips a probability of 1 (a single class) to 1 - 1e-7.
    assert_allclose(
        loss.forward(predictions, targets), losses.detach().numpy(), rtol=1e-12, atol=2e-7
    )
    assert_allclose(loss.gradient(predictions, targets), expected.grad, rtol=1e-9, atol=1e-12)
    assert targets.shape[1:] == loss.target_shape(shape)


@every_loss
@every_shape
def test_single_precision_stays_and_samples_do_not_mix(loss: Loss, shape: tuple[int, ...]) -> None:
    predictions, targets = example(loss, shape)
    predictions, targets = predictions.astype(np.float32), targets.astype(loss.target_dtype)
    losses, gradient = loss.forward(predictions, targets), loss.gradient(predictions, targets)
    assert losses.dtype == gradient.dtype == np.float32
    assert losses.shape == (len(predictions),)
    assert_array_equal(loss.forward(predictions[2:3], targets[2:3]), losses[2:3])
    assert_array_equal(loss.gradient(predictions[2:3], targets[2:3]), gradient[2:3])


def test_worked_out_by_hand() -> None:
    shares = np.array([[0.2, 0.5, 0.3], [0.2, 0.2, 1.6]])
    numbers = np.array([1, 0], np.int32)
    expected = [-math.log(0.5), -math.log(0.1)]
    assert_allclose(SparseCategoricalCrossentropy().forward(shares, numbers), expected)
    assert_allclose(CategoricalCrossentropy().forward(shares, np.eye(3)[numbers]), expected)
    yes = np.array([[0.9, 0.2]])
    expected = [-(math.log(0.9) + math.log(0.8)) / 2]
    assert_allclose(BinaryCrossentropy().forward(yes, np.array([[1.0, 0.0]])), expected)
    assert_allclose(MeanSquaredError().forward(yes, np.array([[1.0, 0.0]])), [0.025])


@pytest.mark.parametrize(
    ("loss", "predictions", "targets"),
    [
        (SparseCategoricalCrossentropy(), [[0.0, 1.0]], [0]),
        (CategoricalCrossentropy(), [[0.0, 1.0]], [[1.0, 0.0]]),
        (BinaryCrossentropy(), [[0.0]], [[1.0]]),
    ],
)
def test_a_probability_of_zero_costs_a_finite_loss(
    loss: Loss, predictions: Any, targets: Any
) -> None:
    values = np.array(predictions, np.float32)
    assert_allclose(loss.forward(values, np.array(targets)), -math.log(1e-7), rtol=1e-6)
    assert_array_equal(loss.gradient(values, np.array(targets)), np.zeros_like(values))


@pytest.mark.parametrize("from_logits", [False, True])
def test_one_number_has_no_classes(from_logits: bool) -> None:
    for loss in (CategoricalCrossentropy(from_logits), SparseCategoricalCrossentropy(from_logits)):
        name = type(loss).__name__
        message = f"^{name} needs predictions with an axis of classes, got single numbers.$"
        with pytest.raises(ShapeError, match=message):
            loss.target_shape(())


@pytest.mark.parametrize("smoothing", [-0.1, 1.5, True, "much"])
@pytest.mark.parametrize("loss", [CategoricalCrossentropy, BinaryCrossentropy])
def test_labels_are_smoothed_by_a_share(loss: Any, smoothing: Any) -> None:
    message = f"{loss.__name__}: label_smoothing must be a number from 0 to 1, got {smoothing!r}."
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        loss(label_smoothing=smoothing)
