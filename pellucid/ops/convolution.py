"""Convolution: slide a filter over an image, multiply, sum, add the bias.

As in every framework it is a cross-correlation: the kernel is not flipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import NO_PADDING, Padding, Pair, Shape, image_size, output_grid


@dataclass(frozen=True)
class Conv2D(Op):
    """`filters` filters, each a stack of kernels with one kernel for every channel that it reads.

    Input (height, width, in), output (rows, columns, filters). Parameters: the kernel
    (kernel height, kernel width, in / groups, filters) and, with `use_bias`, the bias (filters,).
    kernel_size, strides and dilation are (height, width). Padding is with zeros. groups: input
    channels and filters are cut into as many equal parts, and a filter reads its own part only.
    """

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    use_bias: bool = True
    groups: int = 1

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width = self._image_size(*inputs)[:2]
        grid = output_grid(
            (height, width), self.kernel_size, self.strides, self.dilation, self.padding
        )
        return (*grid, self.filters)

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        read = self._image_size(*inputs)[2] // self.groups
        kernel = (*self.kernel_size, read, self.filters)
        return (kernel, (self.filters,)) if self.use_bias else (kernel,)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,), kernel = inputs, parameters[0]
        padded = pad(images, self.padding)
        output = np.zeros((len(images), *self.output_shape(images.shape[1:])), images.dtype)
        for read, made in self._groups(images.shape[-1]):
            for row, column, cells in self._places(output.shape[1:]):
                output[..., made] += padded[cells][..., read] @ kernel[row, column, :, made]
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
        for read, made in self._groups(images.shape[-1]):
            slopes = gradient[..., made]
            for row, column, cells in self._places(output.shape[1:]):
                to_padded[cells][..., read] += slopes @ kernel[row, column, :, made].T
                to_kernel[row, column, :, made] = np.tensordot(
                    padded[cells][..., read], slopes, ((0, 1, 2), (0, 1, 2))
                )
        to_bias = (gradient.sum(axis=(0, 1, 2)),) if self.use_bias else ()
        return Gradients((crop(to_padded, self.padding),), (to_kernel, *to_bias))

    def multiply_adds(self, *inputs: Shape) -> int:
        return math.prod(self.output_shape(*inputs)) * math.prod(
            self.parameter_shapes(*inputs)[0][:-1]
        )

    def _image_size(self, *inputs: Shape) -> tuple[int, int, int]:
        """Height, width and channels of the input, which `groups` must divide."""
        size = image_size("Conv2D", inputs[0])
        for count, what in ((size[2], "input channels"), (self.filters, "filters")):
            if count % self.groups:
                raise ShapeError(
                    f"Conv2D cannot cut {count} {what} into {self.groups} equal groups. Choose "
                    "groups that divide the input channels and the filters."
                )
        return size

    def _groups(self, channels: int) -> Iterator[tuple[slice, slice]]:
        """The input channels and the filters of each group."""
        read, made = channels // self.groups, self.filters // self.groups
        for group in range(self.groups):
            yield slice(group * read, (group + 1) * read), slice(group * made, (group + 1) * made)

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
