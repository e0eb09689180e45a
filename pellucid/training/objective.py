"""What training aims at and reports: a loss and metrics, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pellucid.data.checks import as_dense_targets, as_sparse_targets, check_probabilities
from pellucid.ops.base import Array
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    SparseCategoricalCrossentropy,
)
from pellucid.shapes import Shape
from pellucid.training import metrics
from pellucid.training.metrics import Metric


class Objective:
    """A loss and metrics for a network whose outputs have one shape.

    Raises ShapeError if the loss cannot judge such outputs, UnknownNameError for a metric that
    does not exist.
    """

    def __init__(self, loss: Loss, names: Sequence[str | Metric], output_shape: Shape) -> None:
        self.loss = loss
        self.target_shape = loss.target_shape(output_shape)
        self.output_shape = output_shape
        self.metrics = [metrics.get(name, loss, output_shape) for name in names]

    def as_targets(self, y: ArrayLike, count: int, name: str = "y") -> Array:
        """Targets as the loss takes them; DataError if they are not `count` fitting ones.

        name: what messages call them.
        """
        if isinstance(self.loss, SparseCategoricalCrossentropy):
            return as_sparse_targets(y, count, self.output_shape[-1], self.target_shape, name)
        targets = as_dense_targets(y, count, self.target_shape, name)
        if isinstance(self.loss, BinaryCrossentropy | CategoricalCrossentropy):
            check_probabilities(targets, name)
        return targets


class Tally:
    """Losses and metrics of many samples, and their means.

    Every sample's numbers are kept, so that a mean never depends on how they came in.
    """

    def __init__(self, objective: Objective, samples: int) -> None:
        self._metrics = objective.metrics
        names = ["loss", *(metric.name for metric in self._metrics)]
        self._values = {name: np.empty(samples, np.float32) for name in names}
        self._count = 0

    def add(self, losses: Array, predictions: Array, targets: Array) -> None:
        """Count the next samples."""
        place = slice(self._count, self._count + len(losses))
        self._count = place.stop
        self._values["loss"][place] = losses
        for metric in self._metrics:
            self._values[metric.name][place] = metric.measure(predictions, targets)

    def means(self) -> dict[str, float]:
        """The mean of the loss and of each metric so far, summed in double precision."""
        return {
            name: float(values[: self._count].mean(dtype=np.float64))
            for name, values in self._values.items()
        }
