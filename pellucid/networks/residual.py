"""Residual networks."""

from __future__ import annotations

import pellucid as keras
from pellucid import layers
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.models import Model
from pellucid.networks.sizes import is_small, known_depth
from pellucid.shapes import Shape

STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""How many blocks each stage has, by the number of layers with weights; from 50 on bottlenecks."""

SMALL_DEPTHS = range(8, 111, 6)
"""6n + 2: three stages of n basic blocks."""


def resnet(input_shape: Shape = (32, 32, 3), classes: int = 10, depth: int | None = None) -> Model:
    """ResNet: blocks of normalized convolutions, whose input is added to their output.

    input_shape: (height, width, channels). Below 64 × 64 it has three stages of 32, 64 and 128
    filters, as in the source for CIFAR-10 but of twice the width, and else four stages behind a 7×7
    convolution and a pooling. classes: how many are told apart.
    depth: layers with weights: 8, 14, 20, …, 110 for small pictures, 14 if None; 18, 34, 50, 101 or
    152 for others, 18 if None.
    Source: He et al., Deep residual learning for image recognition (2016).
    """
    inputs = keras.Input(shape=input_shape)
    if is_small(input_shape):
        depth = known_depth("resnet for small pictures", depth or 14, SMALL_DEPTHS)
        stages: tuple[int, ...] = (depth // 6,) * 3
        filters = 32
        x = normalized(inputs, filters, 3)
    else:
        depth = known_depth("resnet", depth or 18, STAGES)
        stages, filters = STAGES[depth], 64
        x = normalized(inputs, filters, 7, strides=2)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    block = bottleneck if depth >= 50 and not is_small(input_shape) else basic
    for stage, blocks in enumerate(stages):
        for number in range(blocks):
            strides = 2 if stage > 0 and number == 0 else 1
            x = block(x, filters * 2**stage, strides)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name=f"resnet{depth}")


def basic(x: SymbolicTensor, filters: int, strides: int) -> SymbolicTensor:
    """Two 3×3 convolutions."""
    body = normalized(x, filters, 3, strides)
    body = normalized(body, filters, 3, activation=None)
    return joined(x, body, filters, strides)


def bottleneck(x: SymbolicTensor, filters: int, strides: int) -> SymbolicTensor:
    """A 3×3 convolution between two 1×1 convolutions: to fewer channels, and to four times as many.

    The stride is in the 3×3 convolution, which sees every pixel, as in most later versions.
    """
    body = normalized(x, filters, 1)
    body = normalized(body, filters, 3, strides)
    body = normalized(body, 4 * filters, 1, activation=None)
    return joined(x, body, 4 * filters, strides)


def joined(x: SymbolicTensor, body: SymbolicTensor, filters: int, strides: int) -> SymbolicTensor:
    """A block's input and output added up; projected by a 1×1 convolution where sizes differ."""
    if x.shape != body.shape:
        x = normalized(x, filters, 1, strides, activation=None)
    output: SymbolicTensor = layers.Activation("relu")(layers.add([body, x]))
    return output


def normalized(
    x: SymbolicTensor,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    activation: str | None = "relu",
) -> SymbolicTensor:
    """A convolution, batch normalization and an activation."""
    x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return x if activation is None else layers.Activation(activation)(x)
