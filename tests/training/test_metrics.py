"""Metrics: against Keras on random numbers, by hand, and what they refuse."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pellucid import metrics
from pellucid.errors import ArgumentError, DataError, UnknownNameError
from pellucid.ops.losses import MeanSquaredError
from pellucid.training.metrics import describe, get

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BINARY = [
    ("BinaryAccuracy", {"threshold": 0.3}),
    ("Precision", {}),
    ("Precision", {"thresholds": 0.7}),
    ("Recall", {}),
    ("Recall", {"thresholds": 0.2}),
    ("AUC", {}),
    ("AUC", {"num_thresholds": 7, "summation_method": "minoring"}),
    ("AUC", {"num_thresholds": 7, "summation_method": "majoring"}),
    ("AUC", {"thresholds": [0.6, 0.1, 0.25]}),
    ("AUC", {"curve": "PR"}),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}),
    ("AUC", {"from_logits": True}),
]
CATEGORICAL = [
    ("CategoricalAccuracy", {}),
    ("TopKCategoricalAccuracy", {}),
    ("TopKCategoricalAccuracy", {"k": 2}),
    ("Precision", {"top_k": 2}),
    ("Precision", {"class_id": 3}),
    ("Recall", {"top_k": 2, "class_id": 3}),
    ("Recall", {"thresholds": 0.15}),
    ("AUC", {}),
]
SPARSE = [
    ("SparseCategoricalAccuracy", {}),
    ("SparseTopKCategoricalAccuracy", {}),
    ("SparseTopKCategoricalAccuracy", {"k": 3}),
]
GENERATOR = np.random.default_rng(3)
WEIGHTS = GENERATOR.random(80, np.float32)


def compare(
    name: str, arguments: dict[str, Any], targets: np.ndarray, predictions: np.ndarray
) -> None:
    ours = getattr(metrics, name)(**arguments)
    for weights in (None, WEIGHTS):
        theirs = getattr(keras.metrics, name)(**arguments)
        theirs.update_state(targets, predictions, sample_weight=weights)
        assert ours(targets, predictions, weights) == pytest.approx(float(theirs.result()), 2e-5)
    assert ours.name == theirs.name.rstrip("_0123456789")
    parts = [slice(0, 13), slice(13, 50), slice(50, 80)]
    if isinstance(ours, metrics.CountingMetric):
        counts = sum(ours.counts(predictions[part], targets[part], None) for part in parts)
        assert ours.result(counts) == ours(targets, predictions)


@pytest.mark.parametrize("axes", [(), (1,), (4,)], ids=str)
@pytest.mark.parametrize(("name", "arguments"), BINARY)
def test_metrics_of_yes_and_no_are_those_of_keras(
    name: str, arguments: dict[str, Any], axes: tuple[int, ...]
) -> None:
    predictions = GENERATOR.random((80, *axes), np.float32).round(2)
    targets = GENERATOR.random((80, *axes), np.float32) < 0.3 + 0.4 * predictions
    compare(name, arguments, targets.astype(np.float32), predictions)


@pytest.mark.parametrize(("name", "arguments"), CATEGORICAL + SPARSE)
def test_metrics_of_classes_are_those_of_keras(name: str, arguments: dict[str, Any]) -> None:
    predictions = GENERATOR.dirichlet(np.ones(9), 80).astype(np.float32)
    numbers = GENERATOR.integers(0, 9, 80)
    compare(name, arguments, numbers if "Sparse" in name else np.eye(9)[numbers], predictions)


def test_class_numbers_are_as_good_as_one_hot_rows() -> None:
    predictions = GENERATOR.dirichlet(np.ones(4), 30).astype(np.float32)
    numbers = GENERATOR.integers(0, 4, 30)
    for metric in (metrics.Precision(), metrics.Recall(class_id=2), metrics.AUC(curve="PR")):
        assert metric(numbers, predictions) == metric(np.eye(4)[numbers], predictions)


def test_what_cannot_be_counted_is_zero() -> None:
    nothing = np.zeros((3, 1), np.float32)
    assert metrics.Precision()(nothing, nothing) == metrics.Recall()(nothing, nothing) == 0
    assert metrics.AUC()(nothing, nothing) == metrics.AUC(curve="PR")(nothing, nothing) == 0
    assert metrics.BinaryAccuracy()(nothing, nothing, np.zeros(3)) == 0


def test_a_confusion_matrix_by_hand() -> None:
    matrix = metrics.ConfusionMatrix(3)
    right, said = [0, 1, 1, 2, 2, 2], [0, 1, 2, 2, 2, 0]
    expected = [[1, 0, 0], [0, 1, 1], [1, 0, 2]]
    assert_array_equal(matrix(right, said), expected)
    assert_array_equal(matrix(np.eye(3)[right], 0.5 * np.eye(3)[said]), expected)
    assert matrix(right, said).dtype == np.int64
    assert_allclose(matrix(right, said, np.full(6, 0.5)), 0.5 * np.array(expected))
    two = metrics.ConfusionMatrix(2)
    assert_array_equal(two([0, 1, 1], [[0.2], [0.7], [0.4]]), [[1, 0], [1, 1]])
    with pytest.raises(DataError, match=re.escape("y_pred has the shape (1,); expected are class")):
        matrix([0], [3])
    with pytest.raises(DataError, match="y_true has 1 samples and y_pred has 2"):
        matrix([0], [1, 2])


def test_a_confusion_matrix_is_no_figure() -> None:
    message = (
        "A ConfusionMatrix is a table and no single figure: ask it after training, "
        "metrics.ConfusionMatrix(num_classes=3)(y, model.predict(x))."
    )
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        get(metrics.ConfusionMatrix(3), MeanSquaredError(), (3,))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "arguments"), BINARY + CATEGORICAL + SPARSE)
def test_a_metric_comes_back_from_plain_json(name: str, arguments: dict[str, Any]) -> None:
    metric = getattr(metrics, name)(name="mine", **arguments)
    assert get(describe(metric), MeanSquaredError(), (3,)) == metric


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: metrics.Precision([0.1, 0.2]),
            "Precision: thresholds must be None or a number from 0 to 1, got [0.1, 0.2]. For "
            "several thresholds, give several metrics, each with a name.",
        ),
        (
            lambda: metrics.Recall(top_k=0),
            "top_k must be a whole number of at least 1, got 0.",
        ),
        (
            lambda: metrics.AUC(curve="roc"),
            "AUC: curve must be one of 'ROC', 'PR', got 'roc'.",
        ),
        (
            lambda: metrics.AUC(1),
            "AUC: num_thresholds must be a whole number of at least 2, got 1.",
        ),
        (
            lambda: metrics.Recall(class_id=3)(np.zeros((2, 3)), np.zeros((2, 3))),
            "Recall: class_id is 3, but the predictions have 3 classes, from 0.",
        ),
        (
            lambda: get({"class_name": "AUC", "config": {"curves": 1}}, MeanSquaredError(), (1,)),
            "AUC cannot be made from {'curves': 1}: AUC.__init__() got an unexpected keyword "
            "argument 'curves'.",
        ),
    ],
)
def test_arguments_that_cannot_be_meant_say_so(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        make()


def test_targets_that_do_not_fit_the_predictions() -> None:
    with pytest.raises(DataError, match=re.escape("shape (2,), the predictions (3, 4)")):
        metrics.Precision()(np.zeros(2), np.zeros((3, 4)))


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown metric 'precison'\. Did you mean 'precis"):
        get("precison", MeanSquaredError(), (1,))
