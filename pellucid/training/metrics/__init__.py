"""Metrics: figures that people read."""

from __future__ import annotations

from typing import Any

from pellucid.errors import ArgumentError, unknown_name
from pellucid.layers.naming import snake_case
from pellucid.ops.losses import Loss, SparseCategoricalCrossentropy
from pellucid.shapes import Shape
from pellucid.training.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from pellucid.training.metrics.base import CountingMetric, MeanMetric, Metric
from pellucid.training.metrics.confusion import ConfusionMatrix
from pellucid.training.metrics.counting import AUC, Precision, Recall

MetricLike = str | dict[str, Any] | Metric

METRICS: dict[str, type[Metric]] = {
    snake_case(cls.__name__): cls
    for cls in (
        AUC,
        BinaryAccuracy,
        CategoricalAccuracy,
        Precision,
        Recall,
        SparseCategoricalAccuracy,
        SparseTopKCategoricalAccuracy,
        TopKCategoricalAccuracy,
    )
}

__all__ = [
    "AUC",
    "METRICS",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "ConfusionMatrix",
    "CountingMetric",
    "MeanMetric",
    "Metric",
    "MetricLike",
    "Precision",
    "Recall",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "describe",
    "get",
]


def get(identifier: MetricLike, loss: Loss, output_shape: Shape) -> Metric:
    """A metric from its name, its configuration, or itself.

    'accuracy' and 'acc' become, as in Keras, the accuracy that fits the model's output and its
    loss, and keep their name. Raises UnknownNameError, with the nearest known name, for others.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, ConfusionMatrix):
        raise ArgumentError(
            "A ConfusionMatrix is a table and no single figure: ask it after training, "
            f"metrics.{identifier}(y, model.predict(x))."
        )
    config: dict[str, Any] = {}
    name: Any = identifier
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config", {})
    elif str(name).lower() in ("accuracy", "acc"):
        return _accuracy(loss, output_shape)(name=str(name).lower())
    cls = METRICS.get(snake_case(str(name)))
    if cls is None:
        raise unknown_name("metric", name, ("accuracy", "acc", *METRICS))
    try:
        return cls(**config)
    except TypeError as error:
        raise ArgumentError(f"{cls.__name__} cannot be made from {config}: {error}.") from None


def describe(metric: MetricLike) -> str | dict[str, Any]:
    """A metric as plain JSON, from which `get` makes it again."""
    if isinstance(metric, Metric):
        return {"class_name": type(metric).__name__, "config": metric.get_config()}
    return metric


def _accuracy(loss: Loss, output_shape: Shape) -> type[Metric]:
    if isinstance(loss, SparseCategoricalCrossentropy):
        return SparseCategoricalAccuracy
    if output_shape[-1:] == (1,):
        return BinaryAccuracy
    return CategoricalAccuracy
