"""Borders: zeros around an image, or its own edge taken away."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.ops.convolution import crop, pad
from pellucid.shapes import Padding, Shape, cropped_grid, image_size, padded_grid


@dataclass(frozen=True)
class ZeroPadding2D(Op):
    """Images with ((top, bottom), (left, right)) rows and columns of zeros around them."""

    padding: Padding

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image_size("ZeroPadding2D", inputs[0])
        return (*padded_grid((height, width), self.padding), channels)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return pad(inputs[0], self.padding)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((crop(gradient, self.padding),))


@dataclass(frozen=True)
class Cropping2D(Op):
    """Images without ((top, bottom), (left, right)) of their rows and columns."""

    cropping: Padding

    def output_shape(self, *inputs: Shape) -> Shape:
        height, width, channels = image_size("Cropping2D", inputs[0])
        return (*cropped_grid((height, width), self.cropping), channels)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return crop(inputs[0], self.cropping)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((pad(gradient, self.cropping),))
