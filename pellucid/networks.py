"""Networks that have a name."""

from __future__ import annotations

from collections.abc import Callable

import pellucid as keras
from pellucid import layers
from pellucid.models import Model
from pellucid.shapes import Shape


def textbook(input_shape: Shape = (28, 28, 1), classes: int = 10) -> Model:
    """The small convnet of listing 8.1: three convolutions, two max poolings, one dense layer.

    input_shape: (height, width, channels), at least 18 × 18. classes: how many are told apart.
    Source: F. Chollet, Deep Learning with Python, second edition (2021), section 8.1.
    """
    inputs = keras.Input(shape=input_shape)
    x = layers.Conv2D(filters=32, kernel_size=3, activation="relu")(inputs)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=64, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=128, kernel_size=3, activation="relu")(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs=inputs, outputs=outputs, name="textbook")


NETWORKS: dict[str, Callable[[Shape, int], Model]] = {"textbook": textbook}
