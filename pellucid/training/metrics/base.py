"""What a metric is: a figure that people read, in one of two kinds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.data.checks import as_real_array
from pellucid.errors import DataError
from pellucid.layers.naming import snake_case
from pellucid.ops.base import Array


@dataclass(frozen=True)
class Metric:
    """A frozen description of a figure; what is summed up for it lies with whoever asks.

    name: what the figure is reported under; that of the class, in snake case, if None.
    Called with targets and predictions, and perhaps weights of the samples, a metric is their
    figure: `Precision()(y, model.predict(x))`.
    """

    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or snake_case(type(self).__name__))

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """The figure of these samples; DataError for what is no array of numbers."""
        targets, predictions = as_real_array(y_true, "y_true"), as_real_array(y_pred, "y_pred")
        weights = None if sample_weight is None else as_real_array(sample_weight, "sample_weight")
        return self.figure(predictions, targets, weights)

    def figure(self, predictions: Array, targets: Array, weights: Array | None) -> float:
        """The figure of these samples alone."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments as plain JSON."""
        return asdict(self)


class MeanMetric(Metric):
    """A figure that is the mean over all samples of a number that each sample has of its own."""

    def measure(self, predictions: Array, targets: Array) -> NDArray[np.float32]:
        """One number a sample (N,), the mean of its positions, for predictions (N, ...)."""
        right = self.right(predictions, targets)
        return np.asarray(right.reshape(len(right), -1).mean(axis=1, dtype=np.float32))

    def right(self, predictions: Array, targets: Array) -> Array:
        """Whether each position is right."""
        raise NotImplementedError

    def figure(self, predictions: Array, targets: Array, weights: Array | None) -> float:
        """The figure of these samples alone."""
        return weighted_mean(self.measure(predictions, targets), weights)


class CountingMetric(Metric):
    """A figure that follows from counts over all samples, and from no mean over them.

    Counts of parts of the samples are added. Without weights they are whole numbers, and their
    sum does not depend on how the samples were cut.
    """

    def counts(
        self, predictions: Array, targets: Array, weights: Array | None
    ) -> NDArray[np.float64]:
        """What is counted in these samples; weights: how much each of them (N,) counts."""
        raise NotImplementedError

    def result(self, counts: NDArray[np.float64]) -> float:
        """The figure that follows from the counts of all samples."""
        raise NotImplementedError

    def figure(self, predictions: Array, targets: Array, weights: Array | None) -> float:
        """The figure of these samples alone."""
        return self.result(self.counts(predictions, targets, weights))


def weighted_mean(values: Array, weights: Array | None) -> float:
    """The mean in double precision; 0 if the weights are."""
    if weights is None:
        return float(values.mean(dtype=np.float64))
    total = weights.sum(dtype=np.float64)
    return ratio(float((values.astype(np.float64) * weights).sum()), float(total))


def ratio(part: float, whole: float) -> float:
    """The share of a part; 0 if there is nothing at all."""
    return part / whole if whole else 0.0


def as_rows(targets: Array, predictions: Array) -> Array:
    """Targets in the shape of the predictions: class numbers become one-hot rows.

    Raises DataError if they cannot be brought to it.
    """
    if targets.shape == predictions.shape:
        return targets
    if predictions.shape == (*targets.shape, 1):
        return targets[..., None]
    if targets.shape == (*predictions.shape[:-1], 1):
        targets = targets[..., 0]
    if targets.shape != predictions.shape[:-1]:
        raise DataError(
            f"The targets have the shape {targets.shape}, the predictions {predictions.shape}: "
            "give targets of the same shape, or one class number for each row of predictions."
        )
    return np.asarray(targets[..., None] == np.arange(predictions.shape[-1]))


def spread(weights: Array | None, shape: tuple[int, ...]) -> Array:
    """The weight of every position, (N, ...), out of those of the samples (N,)."""
    if weights is None:
        return np.ones(shape)
    column = weights.astype(np.float64).reshape(-1, *[1] * (len(shape) - 1))
    return np.broadcast_to(column, shape)
