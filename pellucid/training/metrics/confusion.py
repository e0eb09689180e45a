"""The confusion matrix: which class is taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pellucid.data.checks import as_real_array
from pellucid.errors import DataError
from pellucid.layers.arguments import positive_integer
from pellucid.ops.base import Array


@dataclass(frozen=True)
class ConfusionMatrix:
    """How many samples of each class (rows) are predicted to be of each class (columns).

    num_classes: how many classes there are.
    """

    num_classes: int

    def __post_init__(self) -> None:
        positive_integer(self.num_classes, "num_classes")

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Array:
        """The table (num_classes, num_classes), int64; float64 if samples have weights.

        y_true, y_pred: class numbers (N,), or a row of num_classes numbers for each sample, of
        which the largest counts: `ConfusionMatrix(10)(y, model.predict(x))`. For two classes
        one number a sample will do, (N, 1): above 0.5 it means class 1.
        Raises DataError for anything else.
        """
        right = self._numbers(y_true, "y_true")
        said = self._numbers(y_pred, "y_pred")
        if len(right) != len(said):
            raise DataError(
                f"y_true has {len(right)} samples and y_pred has {len(said)}: give as many."
            )
        weights = None if sample_weight is None else as_real_array(sample_weight, "sample_weight")
        count = self.num_classes
        cells = np.bincount(right * count + said, weights, minlength=count * count)
        return np.asarray(cells).reshape(count, count)

    def _numbers(self, given: ArrayLike, name: str) -> Array:
        """The class of every sample."""
        array = as_real_array(given, name)
        if array.ndim == 2 and array.shape[1] == self.num_classes > 1:
            return np.asarray(array.argmax(axis=1))
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0] > 0.5 if self.num_classes == 2 else array[:, 0]
        whole = array.astype(np.int64)
        if array.ndim != 1 or (whole != array).any() or not self._known(whole):
            raise DataError(
                f"{name} has the shape {array.shape}; expected are class numbers (N,) from 0 to "
                f"{self.num_classes - 1}, or rows (N, {self.num_classes})."
            )
        return whole

    def _known(self, numbers: Array) -> bool:
        return bool(((numbers >= 0) & (numbers < self.num_classes)).all())
