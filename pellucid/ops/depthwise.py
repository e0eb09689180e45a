"""Depthwise convolution: kernels slide over one channel each, and nothing is summed over channels.

Sifre, "Rigid-motion scattering for image classification" (2014); Howard et al., "MobileNets"
(2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.ops.convolution import crop, pad, window_places
from pellucid.shapes import NO_PADDING, Padding, Pair, Shape, image_size, output_grid


@dataclass(frozen=True)
class DepthwiseConv2D(Op):
    """`depth_multiplier` kernels for every input channel, each making one feature map.

    Input (height, width, in), output (rows, columns, in * multiplier), where kernel m of channel c
    makes channel c * multiplier + m. Parameters: the kernel (kernel height, kernel width, in,
    multiplier) and, with `use_bias`, the bias (in * multiplier,). kernel_size, strides and
    dilation are (height, width). Padding is with zeros.
    """

    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    depth_multiplier: int = 1
    use_bias: bool = True

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image_size("DepthwiseConv2D", inputs[0])
        grid = output_grid(
            (height, width), self.kernel_size, self.strides, self.dilation, self.padding
        )
        return (*grid, channels * self.depth_multiplier)

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        channels = image_size("DepthwiseConv2D", inputs[0])[2]
        kernel = (*self.kernel_size, channels, self.depth_multiplier)
        return (kernel, (channels * self.depth_multiplier,)) if self.use_bias else (kernel,)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,), kernel = inputs, parameters[0]
        padded = pad(images, self.padding)
        shape = self.output_shape(images.shape[1:])
        sums = np.zeros((len(images), *shape[:2], *kernel.shape[2:]), images.dtype)
        for row, column, cells in window_places(
            shape, self.kernel_size, self.strides, self.dilation
        ):
            sums += padded[cells][..., None] * kernel[row, column]
        output = sums.reshape(len(images), *shape)
        return output + parameters[1] if self.use_bias else output

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        (images,), kernel = inputs, parameters[0]
        padded = pad(images, self.padding)
        slopes = gradient.reshape(*gradient.shape[:3], *kernel.shape[2:])
        to_padded, to_kernel = np.zeros_like(padded), np.zeros_like(kernel)
        for row, column, cells in window_places(
            output.shape[1:], self.kernel_size, self.strides, self.dilation
        ):
            to_padded[cells] += (slopes * kernel[row, column]).sum(axis=-1)
            to_kernel[row, column] = (padded[cells][..., None] * slopes).sum(axis=(0, 1, 2))
        to_bias = (gradient.sum(axis=(0, 1, 2)),) if self.use_bias else ()
        return Gradients((crop(to_padded, self.padding),), (to_kernel, *to_bias))

    def multiply_adds(self, *inputs: Shape) -> int:
        return math.prod(self.output_shape(*inputs)) * math.prod(self.kernel_size)
