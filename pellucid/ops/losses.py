"""Losses: how far predictions are from targets, one number a sample.

Their meaning is Keras 3's: probabilities are clipped to [1e-7, 1 - 1e-7] before the logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.errors import ArgumentError, ShapeError
from pellucid.ops.activations import sigmoid, softmax
from pellucid.ops.base import Array
from pellucid.shapes import Shape

EPSILON = 1e-7


class Loss:
    """A frozen description of a loss, without any state.

    A sample may have several positions (all axes of its predictions but the classes): its loss is
    their mean. Arithmetic is done in the predictions' own precision.
    """

    target_dtype: type[np.generic] = np.float32

    def target_shape(self, output_shape: Shape) -> Shape:
        """The shape of one sample's target, given that of its prediction."""
        return output_shape

    def forward(self, predictions: Array, targets: Array) -> Array:
        """The loss of every sample (N,), for predictions (N, *output_shape)."""
        return _rows(self._values(predictions, targets)).mean(axis=1)

    def gradient(self, predictions: Array, targets: Array) -> Array:
        """The gradient of the sum of all samples' losses by the predictions."""
        raise NotImplementedError

    def _values(self, predictions: Array, targets: Array) -> Array:
        """The loss of every position (N, *positions)."""
        raise NotImplementedError


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """-sum(target * log(probability)) over the classes, the last axis.

    targets: probabilities (N, ..., classes), for instance one-hot.
    from_logits: whether predictions are unnormalised logarithms, and not yet probabilities.
    Probabilities are divided by their sum first, as Keras does.
    label_smoothing: the share of every target that goes to all classes alike, from 0 to 1:
    target * (1 - label_smoothing) + label_smoothing / classes.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _check_smoothing(self, self.label_smoothing)

    def target_shape(self, output_shape: Shape) -> Shape:
        _check_classes(self, output_shape)
        return output_shape

    def _values(self, predictions: Array, targets: Array) -> Array:
        if self.from_logits:
            logarithms = _log_softmax(predictions)
        else:
            shares = predictions / predictions.sum(axis=-1, keepdims=True)
            logarithms = np.log(shares.clip(EPSILON, 1 - EPSILON))
        return -(self._smoothed(targets) * logarithms).sum(axis=-1)

    def gradient(self, predictions: Array, targets: Array) -> Array:
        targets = self._smoothed(targets)
        if self.from_logits:
            total = targets.sum(axis=-1, keepdims=True)
            by_position = softmax(predictions) * total - targets
        else:
            sums = predictions.sum(axis=-1, keepdims=True)
            shares = predictions / sums
            by_share = -targets * _unclipped(shares) / shares.clip(EPSILON, 1 - EPSILON)
            inner = (by_share * shares).sum(axis=-1, keepdims=True)
            by_position = (by_share - inner) / sums
        return by_position / _positions(predictions.shape[1:-1])

    def _smoothed(self, targets: Array) -> Array:
        return _mixed(targets, self.label_smoothing, self.label_smoothing / targets.shape[-1])


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """Categorical cross-entropy for targets that are the number of the right class.

    targets: int32 (N, ...), each from 0 to classes - 1. Otherwise as `CategoricalCrossentropy`.
    """

    from_logits: bool = False

    target_dtype = np.int32

    def target_shape(self, output_shape: Shape) -> Shape:
        _check_classes(self, output_shape)
        return output_shape[:-1]

    def _values(self, predictions: Array, targets: Array) -> Array:
        return self._dense()._values(predictions, _one_hot(targets, predictions))

    def gradient(self, predictions: Array, targets: Array) -> Array:
        return self._dense().gradient(predictions, _one_hot(targets, predictions))

    def _dense(self) -> CategoricalCrossentropy:
        return CategoricalCrossentropy(self.from_logits)


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """-(target * log(p) + (1 - target) * log(1 - p)), where p is the probability of "yes".

    targets: 0 or 1, or probabilities, of the predictions' shape.
    from_logits: whether predictions still lack the sigmoid.
    label_smoothing: how far targets are drawn to one half, from 0 to 1:
    target * (1 - label_smoothing) + label_smoothing / 2.
    """

    from_logits: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _check_smoothing(self, self.label_smoothing)

    def _values(self, predictions: Array, targets: Array) -> Array:
        targets = self._smoothed(targets)
        if self.from_logits:
            # log(1 + exp(-x)) = max(-x, 0) + log1p(exp(-|x|)) cannot overflow.
            tail = np.log1p(np.exp(-np.abs(predictions)))
            return np.maximum(predictions, 0) - predictions * targets + tail
        yes = predictions.clip(EPSILON, 1 - EPSILON)
        return -(targets * np.log(yes) + (1 - targets) * np.log(1 - yes))

    def gradient(self, predictions: Array, targets: Array) -> Array:
        targets = self._smoothed(targets)
        if self.from_logits:
            by_position = sigmoid(predictions) - targets
        else:
            yes = predictions.clip(EPSILON, 1 - EPSILON)
            by_position = (yes - targets) / (yes * (1 - yes)) * _unclipped(predictions)
        return by_position / _positions(predictions.shape[1:])

    def _smoothed(self, targets: Array) -> Array:
        return _mixed(targets, self.label_smoothing, self.label_smoothing / 2)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The mean of (prediction - target)^2."""

    def _values(self, predictions: Array, targets: Array) -> Array:
        return (predictions - targets) ** 2

    def gradient(self, predictions: Array, targets: Array) -> Array:
        return 2 * (predictions - targets) / _positions(predictions.shape[1:])


def _rows(values: Array) -> Array:
    """All positions of a sample in one row: (N, positions)."""
    return values.reshape(len(values), -1)


def _positions(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _unclipped(probabilities: Array) -> Array:
    """Whether clipping leaves a probability as it is: elsewhere its gradient is 0."""
    inside: Array = (probabilities >= EPSILON) & (probabilities <= 1 - EPSILON)
    return inside


def _mixed(targets: Array, smoothing: float, floor: float) -> Array:
    """Targets that gave a share away, and got as much back as all others."""
    return targets * (1 - smoothing) + floor if smoothing else targets


def _one_hot(targets: Array, predictions: Array) -> Array:
    classes: Any = np.arange(predictions.shape[-1])
    return (targets[..., None] == classes).astype(predictions.dtype)


def _check_smoothing(loss: Loss, smoothing: Any) -> None:
    number = isinstance(smoothing, int | float) and not isinstance(smoothing, bool)
    if not (number and 0 <= smoothing <= 1):
        raise ArgumentError(
            f"{type(loss).__name__}: label_smoothing must be a number from 0 to 1, got "
            f"{smoothing!r}."
        )


def _check_classes(loss: Loss, output_shape: Shape) -> None:
    if not output_shape:
        raise ShapeError(
            f"{type(loss).__name__} needs predictions with an axis of classes, got single numbers."
        )
