"""Convolutions, poolings and dense layers in one row: the textbook's, LeNet-5, VGG."""

from __future__ import annotations

import pellucid as keras
from pellucid import layers
from pellucid.models import Model
from pellucid.networks.sizes import is_small, known_depth
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


def lenet5(input_shape: Shape = (28, 28, 1), classes: int = 10) -> Model:
    """LeNet-5: two convolutions with average poolings, three dense layers, tanh throughout.

    input_shape: (height, width, channels), at least 12 × 12. It was made for digits of 28 × 28 in
    the middle of 32 × 32, so that smaller pictures than that get a border of zeros at first.
    classes: how many are told apart, here by a softmax.
    Source: LeCun et al., Gradient-based learning applied to document recognition (1998).
    """
    padding = "same" if min(input_shape[:2]) < 32 else "valid"
    inputs = keras.Input(shape=input_shape)
    x = layers.Conv2D(6, 5, padding=padding, activation="tanh")(inputs)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(16, 5, activation="tanh")(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(120, activation="tanh")(x)
    x = layers.Dense(84, activation="tanh")(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="lenet5")


VGG_STAGES = {
    8: (2, 2, 2),
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""How many convolutions each stage has, by the number of layers with weights."""


def vgg(input_shape: Shape = (224, 224, 3), classes: int = 10, depth: int | None = None) -> Model:
    """VGG: stages of 3×3 convolutions, each with twice the filters at half the size.

    input_shape: (height, width, channels), at least 32 × 32, or 8 × 8 for a depth of 8. classes:
    how many are told apart. depth: layers with weights, 11, 13, 16 or 19 as in the source, or 8:
    three stages and one smaller dense layer for small pictures. None: 8 below 64 × 64, else 16.
    Source: Simonyan and Zisserman, Very deep convolutional networks (2015). The kernels begin with
    He's values, so that all depths can be trained from the start.
    """
    depth = known_depth("vgg", depth or (8 if is_small(input_shape) else 16), VGG_STAGES)
    inputs = x = keras.Input(shape=input_shape)
    for stage, convolutions in enumerate(VGG_STAGES[depth]):
        for _ in range(convolutions):
            x = layers.Conv2D(
                min(64 * 2**stage, 512),
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_uniform",
            )(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for _ in range(dense_layers := depth - 1 - sum(VGG_STAGES[depth])):
        units = 4096 if dense_layers > 1 else 256
        x = layers.Dense(units, activation="relu", kernel_initializer="he_uniform")(x)
        x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name=f"vgg{depth}")
