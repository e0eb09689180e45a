"""Convolution: slide a filter over an image, multiply, sum, add the bias.

As in every framework it is a cross-correlation: the kernel is not flipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import NO_PADDING, Padding, Pair, Shape, image_size, output_grid


@dataclass(frozen=True)
class Conv2D(Op):
    """`filters` filters, each a stack of kernels with one kernel for every input channel.

    Input (height, width, in), output (rows, columns, filters). Parameters: the kernel
    (kernel height, kernel width, in, filters) and, with `use_bias`, the bias (filters,).
    kernel_size, strides and dilation are (height, width). Padding is with zeros.
    """

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    use_bias: bool = True

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        height, width, _ = image_size("Conv2D", shape)
        grid = output_grid(
            (height, width), self.kernel_size, self.strides, self.dilation, self.padding
        )
        return (*grid, self.filters)

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (shape,) = inputs
        kernel = (*self.kernel_size, image_size("Conv2D", shape)[2], self.filters)
        return (kernel, (self.filters,)) if self.use_bias else (kernel,)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,), kernel = inputs, parameters[0]
        padded = pad(images, self.padding)
        output = np.zeros((len(images), *self.output_shape(images.shape[1:])), images.dtype)
        for row, column, cells in self._places(output.shape[1:]):
            output += padded[cells] @ kernel[row, column]
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
        to_padded, to_kernel = np.zeros_like(padded), np.zeros_like(kernel)
        for row, column, cells in self._places(output.shape[1:]):
            to_padded[cells] += gradient @ kernel[row, column].T
            to_kernel[row, column] = np.tensordot(padded[cells], gradient, ((0, 1, 2), (0, 1, 2)))
        to_bias = (gradient.sum(axis=(0, 1, 2)),) if self.use_bias else ()
        return Gradients((crop(to_padded, self.padding),), (to_kernel, *to_bias))

    def multiply_adds(self, *inputs: Shape) -> int:
        return math.prod(self.output_shape(*inputs)) * math.prod(
            self.parameter_shapes(*inputs)[0][:-1]
        )

    def _places(self, output_shape: Shape) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
        """See `window_places`."""
        return window_places(output_shape, self.kernel_size, self.strides, self.dilation)


def window_places(
    output_shape: Shape, window: Pair, strides: Pair, dilation: Pair = (1, 1)
) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
    """For every place (row, column) in a window: the cells of a padded batch that meet it.

    Indexing (N, height, width, channels) with the slices gives (N, rows, columns, channels): for
    every output the one input cell that lies at this place of its window.
    """
    rows, columns, _ = output_shape
    for row in range(window[0]):
        for column in range(window[1]):
            yield (
                row,
                column,
                (
                    slice(None),
                    _every(row * dilation[0], rows, strides[0]),
                    _every(column * dilation[1], columns, strides[1]),
                ),
            )


def _every(first: int, count: int, step: int) -> slice:
    return slice(first, first + (count - 1) * step + 1, step)


def pad(images: Array, padding: Padding, value: float = 0.0) -> Array:
    """Images (N, height, width, channels) with a border of `value`."""
    return np.pad(images, ((0, 0), *padding, (0, 0)), constant_values=value)


def crop(padded: Array, padding: Padding) -> Array:
    """The images without the border that `pad` adds."""
    (top, bottom), (left, right) = padding
    _, height, width, _ = padded.shape
    return padded[:, top : height - bottom, left : width - right]
