"""How the residual net learns CIFAR-10, in numbers; the same for every library.

The workers run in several environments, so this module imports only NumPy and the standard library.
"""

from math import cos, pi
from pathlib import Path

import numpy as np

from benchmarks.description import Array

EPOCHS = 10
BATCH_SIZE = 128
MOMENTUM = 0.9
"""Nesterov's."""

PEAK_RATE = 0.1
WARM_UP = 0.2
"""The share of all steps in which the rate rises in a line; then it falls to 0 along a cosine."""

WEIGHT_DECAY = 5e-3
"""What a step takes off every weight, as a share, times the rate."""

LARGEST_SHIFT = 4
"""By how many pixels at most a picture is moved up or down, left or right, over a mean color."""


def warm_up_steps(steps: int) -> int:
    """In how many of all steps the rate rises."""
    return round(WARM_UP * steps)


def rate(step: int, steps: int) -> float:
    """The learning rate of a step, the first being 0."""
    rising = warm_up_steps(steps)
    if step < rising:
        return PEAK_RATE * step / rising
    return PEAK_RATE * (1 + cos(pi * (step - rising) / (steps - rising))) / 2


def read(arrays: str, limit: int | None) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Training and test pictures, each channel with mean 0 and deviation 1, and their labels."""
    with np.load(Path(arrays), allow_pickle=False) as file:
        x_train, y_train, x_test, y_test = (
            file[name][:limit] for name in ("x_train", "y_train", "x_test", "y_test")
        )
    mean = x_train.mean(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)
    deviation = x_train.std(axis=(0, 1, 2), dtype=np.float64).astype(np.float32)
    train, test = ((x.astype(np.float32) - mean) / deviation for x in (x_train, x_test))
    return (train, y_train[:, 0].astype(np.int64)), (test, y_test[:, 0].astype(np.int64))
