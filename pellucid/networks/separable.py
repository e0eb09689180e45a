"""Networks of depthwise separable convolutions: MobileNet, and Xception in small."""

from __future__ import annotations

import pellucid as keras
from pellucid import layers
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.models import Model
from pellucid.networks.sizes import is_small
from pellucid.shapes import Shape

MOBILENET_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
"""Filters and stride of each block."""


def mobilenet(input_shape: Shape = (224, 224, 3), classes: int = 10, width: float = 1.0) -> Model:
    """MobileNet: thirteen blocks of a depthwise 3×3 and a 1×1 convolution, each normalized.

    input_shape: (height, width, channels). Below 64 × 64 the first two halvings are left out.
    classes: how many are told apart. width: by what the numbers of filters are multiplied.
    Source: Howard et al., MobileNets: efficient convolutional neural networks for mobile vision
    applications (2017), table 1.
    """
    small = is_small(input_shape)
    inputs = keras.Input(shape=input_shape)
    filters = max(1, round(32 * width))
    strides = 1 if small else 2
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(inputs)
    x = clipped(x)
    for number, (filters, strides) in enumerate(MOBILENET_BLOCKS):
        if small and number < 2:
            strides = 1
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
        x = clipped(x)
        x = layers.Conv2D(max(1, round(filters * width)), 1, use_bias=False)(x)
        x = clipped(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="mobilenet")


def clipped(x: SymbolicTensor) -> SymbolicTensor:
    """Batch normalization, and ReLU up to 6."""
    output: SymbolicTensor = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    return output


def xception_small(input_shape: Shape = (180, 180, 3), classes: int = 10) -> Model:
    """The textbook's mini-Xception: residual blocks of two separable convolutions.

    input_shape: (height, width, channels), at least 5 × 5. Below 64 × 64 it has three blocks of 32,
    64 and 128 filters, else two more of 256 and 512. classes: how many are told apart, here by a
    softmax.
    Source: F. Chollet, Deep Learning with Python, second edition (2021), section 9.3.
    """
    inputs = keras.Input(shape=input_shape)
    x = layers.Conv2D(filters=32, kernel_size=5, use_bias=False)(inputs)
    for size in [32, 64, 128] if is_small(input_shape) else [32, 64, 128, 256, 512]:
        residual = x
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(size, 1, strides=2, padding="same", use_bias=False)(residual)
        x = layers.add([x, residual])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs=inputs, outputs=outputs, name="xception_small")
