"""Accuracies: how often a prediction is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.layers.arguments import positive_integer
from pellucid.ops.base import Array
from pellucid.training.metrics.base import MeanMetric


@dataclass(frozen=True)
class SparseCategoricalAccuracy(MeanMetric):
    """How often the largest prediction is that of the right class, for class numbers (N, ...)."""

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        return np.asarray(predictions.argmax(axis=-1) == targets)


@dataclass(frozen=True)
class CategoricalAccuracy(MeanMetric):
    """How often the largest prediction is at the largest target, for targets (N, ..., classes)."""

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        return np.asarray(predictions.argmax(axis=-1) == targets.argmax(axis=-1))


@dataclass(frozen=True)
class BinaryAccuracy(MeanMetric):
    """How often a prediction above `threshold` meets a target of 1, and any other one of 0."""

    threshold: float = 0.5

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        return np.asarray((predictions > self.threshold) == (targets > self.threshold))


@dataclass(frozen=True)
class SparseTopKCategoricalAccuracy(MeanMetric):
    """How often fewer than k classes have a larger prediction than the right class.

    For class numbers (N, ...).
    """

    k: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_integer(self.k, "k")

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        wanted = np.take_along_axis(predictions, targets[..., None].astype(np.int64), axis=-1)
        return np.asarray((predictions > wanted).sum(axis=-1) < self.k)


@dataclass(frozen=True)
class TopKCategoricalAccuracy(SparseTopKCategoricalAccuracy):
    """As `SparseTopKCategoricalAccuracy`, for targets (N, ..., classes), for instance one-hot."""

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        return super().right(predictions, targets.argmax(axis=-1))
