"""Networks as plain data, which every peer builds in its own way.

The workers run in several environments, so this module imports only NumPy and the standard library.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Rescaling:
    """Every number times `scale`."""

    scale: float


@dataclass(frozen=True)
class Conv2D:
    """A square convolution; `padding` rows and columns of zeros on each side of the image."""

    filters: int
    kernel_size: int = 3
    strides: int = 1
    padding: int = 0
    use_bias: bool = True
    activation: str | None = "relu"


@dataclass(frozen=True)
class DepthwiseConv2D:
    """A square kernel for each channel, without bias; its padding is as Conv2D's."""

    kernel_size: int = 3
    strides: int = 1
    padding: int = 1


@dataclass(frozen=True)
class BatchNormalization:
    """Keras's: momentum 0.99 and epsilon 0.001."""

    momentum: float = 0.99
    epsilon: float = 1e-3


@dataclass(frozen=True)
class Relu:
    """max(0, x)."""


@dataclass(frozen=True)
class MaxPooling2D:
    """Max pooling without padding, its stride equal to its size."""

    pool_size: int = 2


@dataclass(frozen=True)
class GlobalAveragePooling2D:
    """The mean of each channel."""


@dataclass(frozen=True)
class Flatten:
    """(height, width, channels) to one axis, channels fastest."""


@dataclass(frozen=True)
class Dense:
    """A dense layer; activation is "relu", "sigmoid" or "softmax"."""

    units: int
    activation: str = "relu"


@dataclass(frozen=True)
class Residual:
    """What comes out of the body, plus what comes in by the shortcut; an empty one is the input."""

    body: tuple["Layer", ...]
    shortcut: tuple["Layer", ...] = ()


Layer = (
    Rescaling
    | Conv2D
    | DepthwiseConv2D
    | BatchNormalization
    | Relu
    | MaxPooling2D
    | GlobalAveragePooling2D
    | Flatten
    | Dense
    | Residual
)
Step = tuple[Layer, Shape, Shape]
"""A layer, the shape that enters it, and the one that leaves it."""


@dataclass(frozen=True)
class Network:
    """Layers that end in a softmax over classes, or in one sigmoid that tells two apart.

    batch_size: what it is trained with, where nothing else is said.

    weight_tolerance: how far apart the weights of two entrants may be after a few steps, as a share
    of their way. Another order of summing carries a few numbers over a kink (ReLU's, or to another
    winner in a pooling window), and that shows in a gradient of which most cancels out. So it is a
    few times what single precision differs from double; half precision differs several times more.

    compared_rules: the optimizers after whose steps weights are compared. RMSprop gives a step the
    sign of its gradient, however small that is, so that it is left out where kinks show, and where
    its steps saturate the softmax (Keras then clips the gradient on some backends).
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    batch_size: int = 64
    weight_tolerance: float = 1e-3
    compared_rules: tuple[str, ...] = ("sgd", "rmsprop")

    @property
    def output_shape(self) -> Shape:
        """The shape that leaves the last layer."""
        return after(self.layers, self.input_shape)

    @property
    def classes(self) -> int:
        """The number of classes told apart."""
        return max(2, self.output_shape[0])

    @property
    def binary(self) -> bool:
        """Whether one number is the probability of the second of two classes."""
        return self.output_shape == (1,)

    @property
    def brightest(self) -> float:
        """The largest value of a pixel: what the first layer scales to 1."""
        first = self.layers[0]
        return 1 / first.scale if isinstance(first, Rescaling) else 1.0

    @property
    def steps(self) -> Iterator[Step]:
        """Every layer but the residuals: those in a residual's body come before its shortcut's."""
        return walk(self.layers, self.input_shape)

    @property
    def multiply_adds(self) -> int:
        """Nominal multiply-adds of one image's forward pass: convolutions and dense layers."""
        return sum(multiply_adds(*step) for step in self.steps)

    def initial_weights(self, seed: int) -> list[Array]:
        """Kernels that keep values near 1, and all else not at its neutral value.

        A lost bias, or mean and variance in each other's place, would show.
        """
        random = np.random.default_rng(seed)
        weights = []
        for layer, before, _ in self.steps:
            for name, shape in weight_shapes(layer, before).items():
                low, high = limits(name, shape)
                weights.append(random.uniform(low, high, shape).astype(np.float32))
        return weights


def walk(layers: Sequence[Layer], shape: Shape) -> Iterator[Step]:
    """The layers and their shapes, with those inside of residuals in place of these."""
    for layer in layers:
        left = output_shape(layer, shape)
        if isinstance(layer, Residual):
            yield from walk(layer.body, shape)
            yield from walk(layer.shortcut, shape)
        else:
            yield layer, shape, left
        shape = left


def after(layers: Sequence[Layer], shape: Shape) -> Shape:
    """The shape that leaves a sequence of layers."""
    for layer in layers:
        shape = output_shape(layer, shape)
    return shape


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape (height, width, channels) or (units,) that leaves a layer."""
    match layer:
        case Conv2D(filters, size, strides, padding):
            return (*slid(shape, size, strides, padding), filters)
        case DepthwiseConv2D(size, strides, padding):
            return (*slid(shape, size, strides, padding), shape[-1])
        case MaxPooling2D(size):
            return (*slid(shape, size, size, 0), shape[-1])
        case GlobalAveragePooling2D():
            return shape[-1:]
        case Flatten():
            return (prod(shape),)
        case Dense(units):
            return (units,)
        case Residual(body):
            return after(body, shape)
    return shape


def slid(shape: Shape, size: int, strides: int, padding: int) -> Shape:
    """Height and width after a window has been slid over an image."""
    return tuple((side + 2 * padding - size) // strides + 1 for side in shape[:2])


def multiply_adds(layer: Layer, before: Shape, left: Shape) -> int:
    """Nominal multiply-adds of one layer for one image."""
    match layer:
        case Conv2D(_, size):
            return prod(left) * size**2 * before[-1]
        case DepthwiseConv2D(size):
            return prod(left) * size**2
        case Dense(units):
            return before[0] * units
    return 0


def weight_shapes(layer: Layer, before: Shape) -> dict[str, Shape]:
    """The names and shapes of a layer's weights, in Keras's order."""
    match layer:
        case Conv2D(filters, size, use_bias=use_bias):
            kernel: dict[str, Shape] = {"kernel": (size, size, before[-1], filters)}
            return kernel | ({"bias": (filters,)} if use_bias else {})
        case DepthwiseConv2D(size):
            return {"depthwise": (size, size, before[-1], 1)}
        case Dense(units):
            return {"kernel": (before[0], units), "bias": (units,)}
        case BatchNormalization():
            return dict.fromkeys(("gamma", "beta", "mean", "variance"), before[-1:])
    return {}


def limits(name: str, shape: Shape) -> tuple[float, float]:
    """Between which numbers a weight's first values lie. Kernels: Glorot's uniform rule."""
    if name in ("kernel", "depthwise"):
        channels = shape[-2] + shape[-1] if name == "kernel" else 2
        limit = (6 / (prod(shape[:-2]) * channels)) ** 0.5
        return -limit, limit
    return {"gamma": (0.8, 1.2), "variance": (0.5, 1.5)}.get(name, (-0.05, 0.05))
