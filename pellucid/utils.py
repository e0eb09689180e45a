"""Small helpers where Keras has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.data.directories import image_dataset_from_directory
from pellucid.errors import DataError
from pellucid.layers.arguments import positive_integer
from pellucid.layers.naming import clear_session
from pellucid.random import set_seed as set_random_seed

__all__ = [
    "clear_session",
    "image_dataset_from_directory",
    "set_random_seed",
    "to_categorical",
]


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[np.float32]:
    """Class numbers (...) as one-hot rows (..., classes), float32.

    num_classes: the largest number plus 1 if None. Raises DataError for what is no class number,
    and ArgumentError for what is no number of classes.
    """
    labels = np.asarray(x)
    if labels.shape[-1:] == (1,) and labels.ndim > 1:
        labels = labels[..., 0]
    if labels.size == 0 or labels.dtype.kind not in "biuf" or not _whole(labels).all():
        raise DataError("to_categorical needs class numbers: whole, and at least one.")
    largest = max(0, int(labels.max()))
    classes = positive_integer(largest + 1 if num_classes is None else num_classes, "num_classes")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"to_categorical: class numbers must be from 0 to {classes - 1}, got numbers from "
            f"{labels.min()} to {labels.max()}."
        )
    return np.eye(classes, dtype=np.float32)[labels.astype(np.int64)]


def _whole(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each is a whole number; NaN and infinity are none."""
    return np.asarray(np.isfinite(numbers) & (numbers == np.floor(numbers)))
