"""Pooling: one number for every window of every channel. Padding is never part of a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.ops.convolution import crop, pad, window_places
from pellucid.shapes import NO_PADDING, Padding, Pair, Shape, image_size, output_grid


@dataclass(frozen=True)
class _Pooling2D(Op):
    """Windows of `pool_size` at `strides`, both (height, width).

    Input (height, width, channels), output (rows, columns, channels). Padding says where windows
    may stick out; it must be smaller than the window, so that each window holds a real cell.
    """

    pool_size: Pair
    strides: Pair
    padding: Padding = NO_PADDING

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        height, width, channels = image_size(type(self).__name__, shape)
        for window, sides in zip(self.pool_size, self.padding, strict=True):
            if max(sides) >= window:
                raise ShapeError(
                    f"{type(self).__name__} with a window of {self.pool_size} cannot pad by "
                    f"{self.padding}: a window would see nothing but padding. Pad by less than "
                    "the window."
                )
        grid = output_grid(
            (height, width),
            self.pool_size,
            self.strides,
            padding=self.padding,
            window="pooling window",
        )
        return (*grid, channels)

    def _places(self, images: Array) -> Iterator[tuple[slice, ...]]:
        """The cells of padded images at every place of the window, in row-major order."""
        shape = self.output_shape(images.shape[1:])
        for _, _, cells in window_places(shape, self.pool_size, self.strides):
            yield cells


@dataclass(frozen=True)
class MaxPooling2D(_Pooling2D):
    """The largest number of every window.

    If it occurs several times, the first in row-major order gets the gradient, as in PyTorch.
    """

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,) = inputs
        padded = pad(images, self.padding, -np.inf)
        output = np.full((len(images), *self.output_shape(images.shape[1:])), -np.inf, images.dtype)
        for cells in self._places(images):
            np.maximum(output, padded[cells], out=output)
        return output

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        (images,) = inputs
        # Nothing equals NaN, so no gradient can go to the padding.
        padded = pad(images, self.padding, np.nan)
        to_padded = np.zeros_like(padded)
        waiting = np.ones(output.shape, dtype=bool)
        for cells in self._places(images):
            found = waiting & (padded[cells] == output)
            to_padded[cells] += gradient * found
            waiting &= ~found
        return Gradients((crop(to_padded, self.padding),))


@dataclass(frozen=True)
class AveragePooling2D(_Pooling2D):
    """The mean of every window, over the cells that exist."""

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,) = inputs
        return self._sums(images) / self._counts(images)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        (images,) = inputs
        to_padded = pad(np.zeros_like(images), self.padding)
        share = gradient / self._counts(images)
        for cells in self._places(images):
            to_padded[cells] += share
        return Gradients((crop(to_padded, self.padding),))

    def _sums(self, images: Array) -> Array:
        """The sum of every window (N, rows, columns, channels)."""
        padded = pad(images, self.padding)
        sums = np.zeros((len(images), *self.output_shape(images.shape[1:])), images.dtype)
        for cells in self._places(images):
            sums += padded[cells]
        return sums

    def _counts(self, images: Array) -> Array:
        """How many cells of every window exist (1, rows, columns, 1)."""
        return self._sums(np.ones_like(images[:1, :, :, :1]))


@dataclass(frozen=True)
class _GlobalPooling2D(Op):
    """One number for every channel: (height, width, channels) -> (channels,).

    keepdims: (1, 1, channels) instead.
    """

    keepdims: bool = False

    def output_shape(self, *inputs: Shape) -> Shape:
        channels = image_size(type(self).__name__, inputs[0])[2]
        return (1, 1, channels) if self.keepdims else (channels,)


@dataclass(frozen=True)
class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest number of every channel.

    If it occurs several times, the first in row-major order gets the gradient, as with windows.
    """

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return inputs[0].max(axis=(1, 2), keepdims=self.keepdims)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        rows = _pixels(inputs[0])
        to_rows = np.zeros_like(rows)
        largest = rows.argmax(axis=1)[:, None]
        np.put_along_axis(to_rows, largest, gradient.reshape(largest.shape), axis=1)
        return Gradients((to_rows.reshape(inputs[0].shape),))


@dataclass(frozen=True)
class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of every channel."""

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return inputs[0].mean(axis=(1, 2), keepdims=self.keepdims)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        rows = _pixels(inputs[0])
        share = gradient.reshape(len(rows), 1, -1) / rows.shape[1]
        return Gradients((np.broadcast_to(share, rows.shape).reshape(inputs[0].shape),))


def _pixels(images: Array) -> Array:
    """The pixels of every image in one row: (N, pixels, channels)."""
    return images.reshape(len(images), -1, images.shape[-1])
