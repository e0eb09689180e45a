"""The figures of many samples: losses and metrics, whatever parts they come in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.ops.base import Array
from pellucid.training.metrics import CountingMetric, MeanMetric, Metric
from pellucid.training.metrics.base import weighted_mean
from pellucid.training.objective import Objective


class Tally:
    """Losses and metrics of many samples, and what follows from all of them.

    Every sample's numbers are kept, so that a mean never depends on how they came in.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = objectives
        self._losses = [_Column() for _ in objectives]
        self._figures = [
            {
                name: _figure(metric, name in objective.weighted)
                for name, metric in objective.metrics.items()
            }
            for objective in objectives
        ]
        self._penalties = 0.0

    def add(
        self,
        losses: Sequence[Array],
        predictions: Sequence[Array],
        targets: Sequence[Array],
        weights: Sequence[Array | None],
        penalty: float = 0.0,
    ) -> None:
        """Count the next samples.

        losses, predictions, targets, weights: for each output. penalty: of the parameters, at
        that time.
        """
        self._penalties += penalty * len(losses[0])
        for place, column in enumerate(self._losses):
            column.add(losses[place])
            for figure in self._figures[place].values():
                figure.add(predictions[place], targets[place], weights[place])

    def means(self) -> dict[str, float]:
        """The loss, those of the outputs if there are several, and all metrics, so far."""
        means = [float(column.values.mean(dtype=np.float64)) for column in self._losses]
        total = sum(
            mean * objective.loss_weight
            for mean, objective in zip(means, self._objectives, strict=True)
        )
        logs = {"loss": total + self._penalties / len(self._losses[0].values)}
        if len(means) > 1:
            names = [objective.name for objective in self._objectives]
            logs |= {f"{name}_loss": mean for name, mean in zip(names, means, strict=True)}
        for objective, figures in zip(self._objectives, self._figures, strict=True):
            prefix = f"{objective.name}_" if objective.name else ""
            logs |= {prefix + name: figure.result() for name, figure in figures.items()}
        return logs


class _Column:
    """Numbers that come in parts, as one array that grows."""

    def __init__(self) -> None:
        self._memory: NDArray[np.float32] = np.empty(1024, np.float32)
        self._count = 0

    def add(self, numbers: Array) -> None:
        """Put numbers behind those that are there."""
        count = self._count + len(numbers)
        if count > len(self._memory):
            larger = np.empty(max(count, 2 * len(self._memory)), np.float32)
            larger[: self._count] = self.values
            self._memory = larger
        self._memory[self._count : count] = numbers
        self._count = count

    @property
    def values(self) -> NDArray[np.float32]:
        """All numbers so far."""
        return self._memory[: self._count]


class _Mean:
    """A metric that is a mean; weights: whether samples count by their weights."""

    def __init__(self, metric: MeanMetric, weighted: bool) -> None:
        self._metric = metric
        self._values = _Column()
        self._weights = _Column() if weighted else None

    def add(self, predictions: Array, targets: Array, weights: Array | None) -> None:
        """Count the next samples."""
        self._values.add(self._metric.measure(predictions, targets))
        if self._weights is not None:
            self._weights.add(np.ones(len(targets)) if weights is None else weights)

    def result(self) -> float:
        """The mean so far."""
        return weighted_mean(
            self._values.values, None if self._weights is None else self._weights.values
        )


class _Counts:
    """A metric that follows from counts; weights: whether samples count by their weights."""

    def __init__(self, metric: CountingMetric, weighted: bool) -> None:
        self._metric = metric
        self._weighted = weighted
        self._counts: NDArray[np.float64] | None = None

    def add(self, predictions: Array, targets: Array, weights: Array | None) -> None:
        """Count the next samples."""
        counts = self._metric.counts(predictions, targets, weights if self._weighted else None)
        self._counts = counts if self._counts is None else self._counts + counts

    def result(self) -> float:
        """The figure so far."""
        assert self._counts is not None
        return self._metric.result(self._counts)


def _figure(metric: Metric, weighted: bool) -> _Mean | _Counts:
    if isinstance(metric, CountingMetric):
        return _Counts(metric, weighted)
    assert isinstance(metric, MeanMetric)
    return _Mean(metric, weighted)
