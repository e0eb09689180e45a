"""Weights in Keras's layout, and in that of PyTorch and ONNX.

Convolution kernels (kh, kw, in, out) become (out, in, kh, kw), and depthwise ones (kh, kw, in, 1)
become (in, 1, kh, kw). Dense kernels (in, out) become (out, in), and the one after Flatten reads
its inputs in the order (channel, row, column).
"""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.description import Array, DepthwiseConv2D, Flatten, Layer, Network, Shape
from benchmarks.description import weight_shapes as shapes_of

Convert = Callable[[Array, Layer, Shape], Array]


def to_channels_first(network: Network, weights: Sequence[Array]) -> list[Array]:
    """Keras's weights in the layout of PyTorch and ONNX."""
    return convert(network, weights, kernel_to_channels_first)


def to_channels_last(network: Network, weights: Sequence[Array]) -> list[Array]:
    """The inverse of to_channels_first."""
    return convert(network, weights, kernel_to_channels_last)


def convert(network: Network, weights: Sequence[Array], convert_kernel: Convert) -> list[Array]:
    """All weights, with their kernels converted."""
    remaining = iter(weights)
    converted = []
    flattened: Shape = ()
    for layer, before, _ in network.steps:
        if isinstance(layer, Flatten):
            flattened = before
        names = shapes_of(layer, before)
        for name in names:
            weight = next(remaining)
            if name in ("kernel", "depthwise"):
                weight = np.ascontiguousarray(convert_kernel(weight, layer, flattened))
            converted.append(weight)
        if names:
            flattened = ()
    return converted


def kernel_to_channels_first(kernel: Array, layer: Layer, flattened: Shape) -> Array:
    """One kernel in the layout of PyTorch and ONNX; flattened: what Flatten before it read."""
    if isinstance(layer, DepthwiseConv2D):
        return kernel.transpose(2, 3, 0, 1)
    if kernel.ndim == 4:
        return kernel.transpose(3, 2, 0, 1)
    units = kernel.shape[1]
    if flattened:
        kernel = kernel.reshape(*flattened, units).transpose(2, 0, 1, 3).reshape(-1, units)
    return kernel.T


def kernel_to_channels_last(kernel: Array, layer: Layer, flattened: Shape) -> Array:
    """The inverse of kernel_to_channels_first."""
    if isinstance(layer, DepthwiseConv2D):
        return kernel.transpose(2, 3, 0, 1)
    if kernel.ndim == 4:
        return kernel.transpose(2, 3, 1, 0)
    units = kernel.shape[0]
    kernel = kernel.T
    if flattened:
        height, width, channels = flattened
        kernel = kernel.reshape(channels, height, width, units).transpose(1, 2, 0, 3)
    return kernel.reshape(-1, units)
