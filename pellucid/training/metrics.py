"""Metrics: figures that people read. Each gives one number for each sample, 1 if it is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import unknown_name
from pellucid.layers.naming import snake_case
from pellucid.ops.base import Array
from pellucid.ops.losses import Loss, SparseCategoricalCrossentropy
from pellucid.shapes import Shape


@dataclass(frozen=True)
class Metric:
    """A figure, of which the mean over all samples is reported under `name`."""

    name: str

    def measure(self, predictions: Array, targets: Array) -> NDArray[np.float32]:
        """One number a sample (N,), the mean of its positions, for predictions (N, ...)."""
        right = self.right(predictions, targets)
        return np.asarray(right.reshape(len(right), -1).mean(axis=1, dtype=np.float32))

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        raise NotImplementedError


@dataclass(frozen=True)
class SparseCategoricalAccuracy(Metric):
    """How often the largest prediction is that of the right class, for class numbers (N, ...)."""

    name: str = "sparse_categorical_accuracy"

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        return np.asarray(predictions.argmax(axis=-1) == targets)


@dataclass(frozen=True)
class CategoricalAccuracy(Metric):
    """How often the largest prediction is at the largest target, for targets (N, ..., classes)."""

    name: str = "categorical_accuracy"

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        return np.asarray(predictions.argmax(axis=-1) == targets.argmax(axis=-1))


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """How often a prediction above `threshold` meets a target of 1, and any other one of 0."""

    name: str = "binary_accuracy"
    threshold: float = 0.5

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        return np.asarray((predictions > self.threshold) == (targets > self.threshold))


_KNOWN: dict[str, type[Metric]] = {
    snake_case(cls.__name__): cls
    for cls in (SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy)
}


def get(identifier: str | Metric, loss: Loss, output_shape: Shape) -> Metric:
    """A metric from its name or itself.

    'accuracy' and 'acc' become, as in Keras, the accuracy that fits the model's output and its
    loss, and keep their name. Raises UnknownNameError, with the nearest known name, for others.
    """
    if isinstance(identifier, Metric):
        return identifier
    name = str(identifier).lower()
    if name in ("accuracy", "acc"):
        return _accuracy(loss, output_shape)(name)
    known = snake_case(str(identifier))
    if known not in _KNOWN:
        raise unknown_name("metric", identifier, ("accuracy", "acc", *_KNOWN))
    return _KNOWN[known](known)


def _accuracy(loss: Loss, output_shape: Shape) -> type[Metric]:
    if isinstance(loss, SparseCategoricalCrossentropy):
        return SparseCategoricalAccuracy
    if output_shape[-1:] == (1,):
        return BinaryAccuracy
    return CategoricalAccuracy
