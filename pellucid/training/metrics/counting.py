"""Metrics of yes and no: precision, recall, and the area under the curves that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ArgumentError
from pellucid.layers.arguments import positive_integer
from pellucid.ops.activations import sigmoid
from pellucid.ops.base import Array
from pellucid.training.metrics.base import CountingMetric, as_rows, ratio, spread

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class _Share(CountingMetric):
    """What `Precision` and `Recall` have in common.

    thresholds: above which a prediction is a yes; 0.5 if None. top_k: the k largest predictions
    of a row are its yeses instead. class_id: the one class, of the last axis, that is looked at.
    Every position and class counts as a case of its own; class numbers are taken as one-hot rows.
    """

    thresholds: float | None = None
    top_k: int | None = None
    class_id: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        threshold = self.thresholds
        if threshold is not None and not (
            isinstance(threshold, int | float) and 0 <= threshold <= 1
        ):
            raise ArgumentError(
                f"{type(self).__name__}: thresholds must be None or a number from 0 to 1, got "
                f"{threshold!r}. For several thresholds, give several metrics, each with a name."
            )
        if self.top_k is not None:
            positive_integer(self.top_k, "top_k")

    def _answers(self, predictions: Array, targets: Array) -> tuple[Array, Array]:
        """Which cases are a yes, and which are predicted to be one."""
        yes = as_rows(targets, predictions).astype(bool)
        if self.top_k is None:
            threshold = 0.5 if self.thresholds is None else self.thresholds
            said = predictions > np.float32(threshold)
        else:
            best = np.argsort(-predictions, axis=-1, kind="stable")[..., : self.top_k]
            said = np.zeros(predictions.shape, bool)
            np.put_along_axis(said, best, True, axis=-1)
            if self.thresholds is not None:
                said &= predictions > np.float32(self.thresholds)
        if self.class_id is None:
            return yes, said
        if not 0 <= self.class_id < predictions.shape[-1]:
            raise ArgumentError(
                f"{type(self).__name__}: class_id is {self.class_id}, but the predictions have "
                f"{predictions.shape[-1]} classes, from 0."
            )
        return yes[..., self.class_id], said[..., self.class_id]

    def result(self, counts: Counts) -> float:
        """The share that the counts [right, all] tell."""
        return ratio(float(counts[0]), float(counts[1]))


@dataclass(frozen=True)
class Precision(_Share):
    """Of all that is predicted to be a yes, the share that is one: TP / (TP + FP)."""

    def counts(self, predictions: Array, targets: Array, weights: Array | None) -> Counts:
        """[TP, TP + FP]."""
        yes, said = self._answers(predictions, targets)
        each = spread(weights, yes.shape)
        return np.array([each[yes & said].sum(), each[said].sum()])


@dataclass(frozen=True)
class Recall(_Share):
    """Of all that is a yes, the share that is predicted to be one: TP / (TP + FN)."""

    def counts(self, predictions: Array, targets: Array, weights: Array | None) -> Counts:
        """[TP, TP + FN]."""
        yes, said = self._answers(predictions, targets)
        each = spread(weights, yes.shape)
        return np.array([each[yes & said].sum(), each[yes].sum()])


@dataclass(frozen=True)
class AUC(CountingMetric):
    """The area under the ROC or the precision-recall curve, by thresholds from 0 to 1.

    num_thresholds: how many there are, evenly spaced. curve: 'ROC' or 'PR'. summation_method: how
    the area between two thresholds is taken: 'interpolation', 'minoring' (the lower one) or
    'majoring'. thresholds: those between 0 and 1, instead of evenly spaced ones. from_logits:
    whether predictions still lack the sigmoid.
    Precision is interpolated as Davis & Goadrich (2006) show, section 4.
    """

    num_thresholds: int = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    thresholds: Sequence[float] | None = None
    from_logits: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, allowed in (
            ("curve", ("ROC", "PR")),
            ("summation_method", ("interpolation", "minoring", "majoring")),
        ):
            if getattr(self, name) not in allowed:
                raise ArgumentError(
                    f"AUC: {name} must be one of {', '.join(map(repr, allowed))}, got "
                    f"{getattr(self, name)!r}."
                )
        if positive_integer(self.num_thresholds, "num_thresholds") < 2:
            raise ArgumentError("AUC: num_thresholds must be a whole number of at least 2, got 1.")

    @property
    def _limits(self) -> NDArray[np.float32]:
        """All thresholds; the first is below every prediction, the last above."""
        steps = self.num_thresholds - 1
        even = [number / steps for number in range(1, steps)]
        between = even if self.thresholds is None else sorted(self.thresholds)
        return np.array([-1e-7, *between, 1 + 1e-7], np.float32)

    def counts(self, predictions: Array, targets: Array, weights: Array | None) -> Counts:
        """How many cases (no, yes) lie above exactly 0, 1, 2, ... thresholds."""
        yes = as_rows(targets, predictions).astype(bool)
        if self.from_logits:
            predictions = sigmoid(predictions)
        limits = self._limits
        above = np.searchsorted(limits, predictions.astype(np.float32), side="left")
        each = spread(weights, yes.shape)
        return np.stack(
            [np.bincount(above[part], each[part], len(limits) + 1) for part in (~yes, yes)]
        )

    def result(self, counts: Counts) -> float:
        """The area, from how many cases lie above each threshold."""
        totals = counts.sum(axis=1)
        false, true = totals[:, None] - counts.cumsum(axis=1)[:, :-1]
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _interpolated_precision(true, false, float(totals[1]))
        recall = _ratios(true, totals[1])
        if self.curve == "ROC":
            x, y = _ratios(false, totals[0]), recall
        else:
            x, y = recall, _ratios(true, true + false)
        lower, upper = np.minimum(y[:-1], y[1:]), np.maximum(y[:-1], y[1:])
        heights = {"minoring": lower, "majoring": upper, "interpolation": (lower + upper) / 2}
        return float(((x[:-1] - x[1:]) * heights[self.summation_method]).sum())


def _interpolated_precision(true: Counts, false: Counts, positives: float) -> float:
    """The area under precision over recall; between thresholds TP and FP grow in step.

    With TP = a + s * P, where P = TP + FP: the integral of TP / P over P, from B to A, is
    s * (P_A - P_B) + a * log(P_A / P_B), and s * P_A - s * P_B = TP_A - TP_B.
    """
    said = true + false
    gained, more = true[:-1] - true[1:], said[:-1] - said[1:]
    slope = _ratios(gained, more)
    start = true[1:] - slope * said[1:]
    both = (said[:-1] > 0) & (said[1:] > 0)
    growth = np.where(both, said[:-1] / np.where(both, said[1:], 1), 1)
    return ratio(float((slope * (gained + start * np.log(growth))).sum()), positives)


def _ratios(part: Counts, whole: Counts | np.float64) -> Counts:
    """The shares of parts; 0 where there is nothing at all."""
    return np.asarray(part / np.where(whole == 0, 1, whole))
