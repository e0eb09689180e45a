"""Upsampling: images several times as large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Pair, Shape, image_size, linear_source, upsampled_grid


@dataclass(frozen=True)
class UpSampling2D(Op):
    """Images of `size` = (rows, columns) places for every pixel.

    interpolation: 'nearest' repeats each pixel; 'bilinear' goes from each pixel's centre to the
    next in a straight line, first along rows and then along columns, and keeps to the value of
    the last pixel outside of its centre. Input (height, width, channels).
    """

    size: Pair
    interpolation: str = "nearest"

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image_size("UpSampling2D", inputs[0])
        return (*upsampled_grid((height, width), self.size), channels)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,) = inputs
        for axis, factor in ((2, self.size[1]), (1, self.size[0])):
            read = self._read(axis, values.shape[axis], factor)
            first, *rest = (values[cells] * share.astype(values.dtype) for cells, share in read)
            values = sum(rest, first)
        return values

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        for axis, factor in ((1, self.size[0]), (2, self.size[1])):
            shape = list(gradient.shape)
            shape[axis] //= factor
            to_values = np.zeros(shape, gradient.dtype)
            for cells, share in self._read(axis, shape[axis], factor):
                np.add.at(to_values, cells, gradient * share.astype(gradient.dtype))
            gradient = to_values
        return Gradients((gradient,))

    def _read(self, axis: int, size: int, factor: int) -> list[tuple[tuple[Any, ...], Array]]:
        """The cells along an axis that every output reads, and their shares in it."""
        outputs = range(size * factor)
        if self.interpolation == "nearest":
            parts = [(np.array(outputs) // factor, np.ones(len(outputs)))]
        else:
            before, behind, way = np.array(
                [linear_source(place, size, factor) for place in outputs]
            ).T
            share = way / (2 * factor)
            parts = [(before, 1 - share), (behind, share)]
        return [
            ((slice(None),) * axis + (cells,), share.reshape(-1, *[1] * (3 - axis)))
            for cells, share in parts
        ]
