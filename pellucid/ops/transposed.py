"""Transposed convolution: the way back of a convolution, used as a way forward.

Every input number stamps its kernel, multiplied by itself, onto the output; stamps are `strides`
apart, and where they meet they add up. Zeiler et al., "Deconvolutional networks" (2010).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.ops.convolution import crop, pad, window_places
from pellucid.shapes import NO_PADDING, Padding, Pair, Shape, image_size, transposed_size


@dataclass(frozen=True)
class Conv2DTranspose(Op):
    """What gives the input of a convolution of the same settings its gradient.

    Input (height, width, in), output (rows, columns, filters). Parameters: the kernel
    (kernel height, kernel width, filters, in) and, with `use_bias`, the bias (filters,).
    kernel_size, strides, dilation and output_padding are (height, width). padding is cut away
    from the output; output_padding are rows and columns added at its end, where no kernel reaches.
    """

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = NO_PADDING
    dilation: Pair = (1, 1)
    use_bias: bool = True
    output_padding: Pair = (0, 0)

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, _ = image_size("Conv2DTranspose", inputs[0])
        axes = zip(
            (height, width),
            self.kernel_size,
            self.strides,
            self.dilation,
            self.padding,
            self.output_padding,
            strict=True,
        )
        return (*(transposed_size(*axis) for axis in axes), self.filters)

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        channels = image_size("Conv2DTranspose", inputs[0])[2]
        kernel = (*self.kernel_size, self.filters, channels)
        return (kernel, (self.filters,)) if self.use_bias else (kernel,)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,), kernel = inputs, parameters[0]
        shape = self.output_shape(images.shape[1:])
        whole = pad(np.zeros((len(images), *shape), images.dtype), self.padding)
        for row, column, cells in self._places(images.shape[1:]):
            whole[cells] += images @ kernel[row, column].T
        output = crop(whole, self.padding)
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
        whole = pad(gradient, self.padding)
        to_images, to_kernel = np.zeros_like(images), np.zeros_like(kernel)
        for row, column, cells in self._places(images.shape[1:]):
            to_images += whole[cells] @ kernel[row, column]
            to_kernel[row, column] = np.tensordot(whole[cells], images, ((0, 1, 2), (0, 1, 2)))
        to_bias = (gradient.sum(axis=(0, 1, 2)),) if self.use_bias else ()
        return Gradients((to_images,), (to_kernel, *to_bias))

    def multiply_adds(self, *inputs: Shape) -> int:
        return math.prod(inputs[0][:2]) * math.prod(self.parameter_shapes(*inputs)[0])

    def _places(self, input_shape: Shape) -> Iterator[tuple[int, int, tuple[slice, ...]]]:
        """For every place in the kernel: the cells of the uncut output that it is stamped on."""
        return window_places(input_shape, self.kernel_size, self.strides, self.dilation)
