"""A small network and a small data set that the tests of runs and of the command line share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pellucid as keras
from pellucid import layers
from pellucid.models import Model
from pellucid.ops.base import Array

CLASSES = 3


def network() -> Model:
    """A network in which all randomness of training has a part: initial weights and dropout."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        name="small",
        engine="reference",
    )


def samples(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Grey pictures (count, 8, 8) of bytes with a bright bar, and where it is: 0, 1 or 2."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count).astype(np.uint8)
    images = random.integers(0, 100, (count, 8, 8)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 1 + 2 * label : 3 + 2 * label] += 120
    return images, labels


def write_data(path: Path) -> Path:
    """A data set as an .npz file."""
    (x_train, y_train), (x_test, y_test) = samples(48), samples(20, seed=1)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path
