"""The networks to time, and the layers of MobileNet."""

from benchmarks.description import (
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Network,
    Relu,
    Rescaling,
    Residual,
    Shape,
)

TEXTBOOK = Network(
    (28, 28, 1),
    (
        Conv2D(32),
        MaxPooling2D(),
        Conv2D(64),
        MaxPooling2D(),
        Conv2D(128),
        Flatten(),
        Dense(10, "softmax"),
    ),
)
"""The small convnet for digits of listing 8.1 in Chollet, Deep Learning with Python (2021)."""

CATS_AND_DOGS = Network(
    (180, 180, 3),
    (
        Rescaling(1 / 255),
        Conv2D(32),
        MaxPooling2D(),
        Conv2D(64),
        MaxPooling2D(),
        Conv2D(128),
        MaxPooling2D(),
        Conv2D(256),
        MaxPooling2D(),
        Conv2D(256),
        Flatten(),
        Dense(1, "sigmoid"),
    ),
    batch_size=32,
    weight_tolerance=3e-2,
    compared_rules=("sgd",),
)
"""The convnet for photographs of section 8.2 there. Without the dropout that the section adds: each
library draws other random numbers, so that no two could be held against each other."""


def normalized(filters: int, kernel_size: int = 3, strides: int = 1) -> tuple[Layer, ...]:
    """A convolution without bias that keeps the size at stride 1, and batch normalization."""
    padding = kernel_size // 2
    convolution = Conv2D(filters, kernel_size, strides, padding, use_bias=False, activation=None)
    return (convolution, BatchNormalization())


def basic_block(filters: int, strides: int = 1, projected: bool = False) -> tuple[Layer, ...]:
    """Two convolutions and a shortcut, projected where the size changes.

    Source: He et al., Deep Residual Learning for Image Recognition (2016).
    """
    body = (*normalized(filters, strides=strides), Relu(), *normalized(filters))
    return (Residual(body, normalized(filters, 1, strides) if projected else ()), Relu())


def residual(first: int, second: int, third: int) -> Network:
    """Three stages of two residual blocks each, of so many filters, as for CIFAR-10."""
    return Network(
        (32, 32, 3),
        (
            *normalized(first),
            Relu(),
            *basic_block(first),
            *basic_block(first),
            *basic_block(second, strides=2, projected=True),
            *basic_block(second),
            *basic_block(third, strides=2, projected=True),
            *basic_block(third),
            GlobalAveragePooling2D(),
            Dense(10, "softmax"),
        ),
        batch_size=128,
        weight_tolerance=0.1,
        compared_rules=("sgd",),
    )


RESIDUAL = residual(32, 64, 128)
RESIDUALS = {"residual": RESIDUAL, "narrow": residual(16, 32, 64)}
"""The residual net, and one with half of its filters, which a peer can be waited for."""

NETWORKS = {"textbook": TEXTBOOK, "cats-and-dogs": CATS_AND_DOGS, "residual": RESIDUAL}

CHAIN = 4
"""How many layers of a kind are measured in a row, so that what ends the network hardly counts."""


def chain(input_shape: Shape, *layers: Layer) -> Network:
    """Layers in a row, and the least that can be trained on classes behind them."""
    return Network(
        input_shape,
        (*layers, GlobalAveragePooling2D(), Dense(10, "softmax")),
        batch_size=32,
        compared_rules=("sgd",),
    )


def pointwise(filters: int) -> Layer:
    """A convolution whose kernels are 1×1."""
    return Conv2D(filters, 1, use_bias=False, activation=None)


MOBILENET_LAYERS = {
    **{
        f"depthwise 3×3, {side}×{side}×{channels}": chain(
            (side, side, channels), *[DepthwiseConv2D()] * CHAIN
        )
        for side, channels in ((112, 32), (56, 128), (28, 256), (14, 512), (7, 1024))
    },
    **{
        f"depthwise 3×3, stride 2, {side}×{side}×{channels}": chain(
            (side, side, channels), *[DepthwiseConv2D(strides=2)] * 2
        )
        for side, channels in ((112, 64), (56, 128), (28, 256))
    },
    **{
        f"1×1, {side}×{side}×{channels} to {filters}": chain(
            (side, side, channels), *[pointwise(filters), pointwise(channels)] * (CHAIN // 2)
        )
        for side, channels, filters in (
            (112, 32, 64),
            (56, 128, 128),
            (28, 128, 256),
            (14, 512, 512),
            (7, 512, 1024),
        )
    },
}
"""Layers of MobileNet at its own sizes: each a network that does hardly anything else.

A 1×1 convolution to more channels is followed by one back to fewer.
Source: Howard et al., MobileNets (2017), table 1.
"""


def find(name: str) -> Network:
    """A network, or a layer of MobileNet, by its name."""
    return (NETWORKS | MOBILENET_LAYERS)[name]
