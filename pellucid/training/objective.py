"""What training aims at: for each output of a network a loss and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from pellucid.data.checks import as_dense_targets, as_sparse_targets, check_probabilities
from pellucid.errors import ArgumentError
from pellucid.layers.arguments import finite
from pellucid.ops.base import Array
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    SparseCategoricalCrossentropy,
)
from pellucid.ops.optimizers import Optimizer
from pellucid.shapes import Shape
from pellucid.training import lookup, metrics
from pellucid.training.metrics import Metric, MetricLike


class Objective:
    """A loss and metrics for one output of a network.

    name: of the output, where there are several. loss_weight: what its mean loss is multiplied by
    in the sum that is trained. weighted: metrics in which samples count by their weights.

    Raises ShapeError if the loss cannot judge such outputs, UnknownNameError for a metric that
    does not exist, ArgumentError for two with one name.
    """

    def __init__(
        self,
        loss: Loss,
        names: Sequence[MetricLike],
        output_shape: Shape,
        *,
        weighted: Sequence[MetricLike] = (),
        loss_weight: float = 1.0,
        name: str = "",
    ) -> None:
        self.loss = loss
        self.loss_weight = finite(loss_weight, "loss_weights")
        self.name = name
        self.target_shape = loss.target_shape(output_shape)
        self.output_shape = output_shape
        self.metrics: dict[str, Metric] = {}
        for given in names:
            metric = metrics.get(given, loss, output_shape)
            self._add(metric.name, metric)
        plain = list(self.metrics)
        self.weighted: dict[str, Metric] = {}
        for given in weighted:
            metric = metrics.get(given, loss, output_shape)
            figure = f"weighted_{metric.name}" if metric.name in plain else metric.name
            self._add(figure, metric)
            self.weighted[figure] = metric

    def _add(self, figure: str, metric: Metric) -> None:
        if self.metrics.get(figure, metric) != metric:
            raise ArgumentError(
                f"Two metrics are called {figure}: give one of them another name, for instance "
                f"{type(metric).__name__}(name='{figure}_2')."
            )
        self.metrics[figure] = metric

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


@dataclass(frozen=True)
class Recipe:
    """What `compile` was told, in the form in which it was told."""

    optimizer: Optimizer
    loss: Any
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None

    def objectives(self, names: Sequence[str], shapes: Sequence[Shape]) -> list[Objective]:
        """The objective of every output, in order; names, shapes: of the outputs.

        Raises ArgumentError for what does not fit the outputs.
        """
        losses = _by_output(self.loss, names, "loss")
        if None in losses:
            raise ArgumentError(
                f"Each output needs a loss; {names[losses.index(None)]} has none. Give a list in "
                f"the order of the outputs, or a dictionary by name: {', '.join(names)}."
            )
        factors = _by_output(self.loss_weights, names, "loss_weights")
        figures = _metrics_by_output(self.metrics, names, "metrics")
        weighted = _metrics_by_output(self.weighted_metrics, names, "weighted_metrics")
        several = len(names) > 1
        return [
            Objective(
                lookup.get_loss(losses[i]),
                figures[i],
                shapes[i],
                weighted=weighted[i],
                loss_weight=1.0 if factors[i] is None else factors[i],
                name=name if several else "",
            )
            for i, name in enumerate(names)
        ]

    def get_config(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return {
            "optimizer": lookup.serialize(self.optimizer),
            "loss": _plain(self.loss),
            "loss_weights": _plain(self.loss_weights),
            "metrics": _plain(self.metrics),
            "weighted_metrics": _plain(self.weighted_metrics),
        }


def is_one(given: Any) -> bool:
    """Whether something is meant for one output, and is no list or dictionary of outputs."""
    return not isinstance(given, list | tuple | dict) or (
        isinstance(given, dict) and "class_name" in given
    )


def _by_output(given: Any, names: Sequence[str], argument: str) -> list[Any]:
    """One thing for each output, None where nothing is said."""
    if given is None:
        return [None] * len(names)
    if is_one(given) and len(names) == 1:
        return [given]
    if isinstance(given, dict) and not is_one(given):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ArgumentError(
                f"{argument} names the output {unknown[0]!r}; the outputs are: {', '.join(names)}."
            )
        return [given.get(name) for name in names]
    if not isinstance(given, list | tuple) or len(given) != len(names):
        raise ArgumentError(
            f"{argument} must be a list or a dictionary with an entry for each of the "
            f"{len(names)} outputs ({', '.join(names)}), got {given!r}."
        )
    return list(given)


def _metrics_by_output(given: Any, names: Sequence[str], argument: str) -> list[list[Any]]:
    """The list of metrics for each output."""
    if not given:
        return [[] for _ in names]
    one_list = isinstance(given, list | tuple) and all(map(is_one, given))
    if len(names) == 1 and (one_list or is_one(given)):
        given = [given if isinstance(given, list | tuple) else [given]]
    found = _by_output(given, names, argument)
    lists = [list(one) if isinstance(one, list | tuple) else [one] for one in found]
    return [[metric for metric in one if metric is not None] for one in lists]


def _plain(thing: Any) -> Any:
    if isinstance(thing, list | tuple):
        return [_plain(part) for part in thing]
    if isinstance(thing, dict):
        return {key: _plain(part) for key, part in thing.items()}
    if isinstance(thing, Metric):
        return metrics.describe(thing)
    return lookup.serialize(thing) if isinstance(thing, Loss) else thing
