"""The networks to time, as plain data that every peer builds in its own way.

The workers run in several environments, so this module imports only NumPy and the standard library.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Shape = tuple[int, ...]
_Convert = Callable[[Array, Shape], Array]


@dataclass(frozen=True)
class Conv2D:
    """A square convolution with stride 1 and ReLU; padding is "valid" or "same"."""

    filters: int
    kernel_size: int = 3
    padding: str = "valid"


@dataclass(frozen=True)
class MaxPooling2D:
    """Max pooling without padding, its stride equal to its size."""

    pool_size: int = 2


@dataclass(frozen=True)
class Flatten:
    """(height, width, channels) to one axis, channels fastest."""


@dataclass(frozen=True)
class Dense:
    """A dense layer; activation is "relu" or "softmax"."""

    units: int
    activation: str = "relu"


Layer = Conv2D | MaxPooling2D | Flatten | Dense


@dataclass(frozen=True)
class Network:
    """A sequence of layers that ends in a softmax over classes."""

    input_shape: Shape
    layers: tuple[Layer, ...]

    @property
    def classes(self) -> int:
        """The number of classes told apart by the last layer."""
        return self.shapes[-1][0]

    @property
    def shapes(self) -> list[Shape]:
        """The shape that enters each layer, and the shape that leaves the last one."""
        shapes = [self.input_shape]
        for layer in self.layers:
            shapes.append(output_shape(layer, shapes[-1]))
        return shapes

    @property
    def multiply_adds(self) -> int:
        """Nominal multiply-adds of one image's forward pass: convolutions and dense layers."""
        total = 0
        for layer, before, after in zip(self.layers, self.shapes, self.shapes[1:], strict=False):
            if isinstance(layer, Conv2D):
                total += prod(after) * layer.kernel_size**2 * before[-1]
            elif isinstance(layer, Dense):
                total += prod(before) * layer.units
        return total

    def initial_weights(self, seed: int) -> list[Array]:
        """Glorot-uniform kernels and small biases (not zero, so that a lost bias shows)."""
        random = np.random.default_rng(seed)
        weights = []
        for layer, before in zip(self.layers, self.shapes, strict=False):
            if isinstance(layer, Conv2D):
                kernel: Shape = (layer.kernel_size, layer.kernel_size, before[-1], layer.filters)
            elif isinstance(layer, Dense):
                kernel = (before[0], layer.units)
            else:
                continue
            area = prod(kernel[:-2])
            limit = np.sqrt(6 / (area * (kernel[-2] + kernel[-1])))
            weights.append(random.uniform(-limit, limit, kernel).astype(np.float32))
            weights.append(random.uniform(-0.05, 0.05, kernel[-1]).astype(np.float32))
        return weights


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """The shape (height, width, channels) or (units,) that leaves a layer."""
    if isinstance(layer, Conv2D):
        height, width, _ = shape
        lost = layer.kernel_size - 1 if layer.padding == "valid" else 0
        return (height - lost, width - lost, layer.filters)
    if isinstance(layer, MaxPooling2D):
        height, width, channels = shape
        return (height // layer.pool_size, width // layer.pool_size, channels)
    if isinstance(layer, Flatten):
        return (prod(shape),)
    return (layer.units,)


def to_channels_first(network: Network, weights: Sequence[Array]) -> list[Array]:
    """Keras's weights in the layout of PyTorch and ONNX.

    Convolution kernels (kh, kw, in, out) become (out, in, kh, kw). Dense kernels (in, out) become
    (out, in), and the one after Flatten reads its inputs in the order (channel, row, column).
    """
    return _convert(network, weights, _kernel_to_channels_first)


def to_channels_last(network: Network, weights: Sequence[Array]) -> list[Array]:
    """The inverse of to_channels_first."""
    return _convert(network, weights, _kernel_to_channels_last)


def _convert(network: Network, weights: Sequence[Array], convert_kernel: _Convert) -> list[Array]:
    remaining = iter(weights)
    converted = []
    flattened: Shape = ()
    for layer, before in zip(network.layers, network.shapes, strict=False):
        if isinstance(layer, Flatten):
            flattened = before
        elif isinstance(layer, Conv2D | Dense):
            kernel, bias = next(remaining), next(remaining)
            converted += [np.ascontiguousarray(convert_kernel(kernel, flattened)), bias]
            flattened = ()
    return converted


def _kernel_to_channels_first(kernel: Array, flattened: Shape) -> Array:
    if kernel.ndim == 4:
        return kernel.transpose(3, 2, 0, 1)
    units = kernel.shape[1]
    if flattened:
        kernel = kernel.reshape(*flattened, units).transpose(2, 0, 1, 3).reshape(-1, units)
    return kernel.T


def _kernel_to_channels_last(kernel: Array, flattened: Shape) -> Array:
    if kernel.ndim == 4:
        return kernel.transpose(2, 3, 1, 0)
    units = kernel.shape[0]
    kernel = kernel.T
    if flattened:
        height, width, channels = flattened
        kernel = kernel.reshape(channels, height, width, units).transpose(1, 2, 0, 3)
    return kernel.reshape(-1, units)


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

NETWORKS = {"textbook": TEXTBOOK}
