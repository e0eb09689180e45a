"""Metrics where Keras has them."""

from pellucid.training.metrics import (
    AUC,
    BinaryAccuracy,
    CategoricalAccuracy,
    ConfusionMatrix,
    CountingMetric,
    MeanMetric,
    Metric,
    Precision,
    Recall,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)

__all__ = [
    "AUC",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "ConfusionMatrix",
    "CountingMetric",
    "MeanMetric",
    "Metric",
    "Precision",
    "Recall",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
]
