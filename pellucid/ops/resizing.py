"""Images in another size: every output is a weighted mean of the pixels around its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Pair, Shape, image_size, padding_to_aspect, window_of_aspect


def _triangle(distance: Array) -> Array:
    return np.maximum(1 - distance, 0)


def _cubic(distance: Array) -> Array:
    """Keys, "Cubic convolution interpolation for digital image processing" (1981), a = -1/2."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))


def _lanczos(lobes: int) -> Callable[[Array], Array]:
    def kernel(distance: Array) -> Array:
        inside = np.sinc(distance) * np.sinc(distance / lobes)
        return np.where(distance < lobes, inside, 0)

    return kernel


_KERNELS = {
    "bilinear": _triangle,
    "bicubic": _cubic,
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}
INTERPOLATIONS = ("nearest", *_KERNELS)


def weights(size: int, outputs: int, interpolation: str, antialias: bool) -> Array:
    """How much each of `size` pixels counts in each output: (outputs, size) float64, rows sum to 1.

    Places are between the pixels' centres; the image ends half a pixel outside of the last ones.
    antialias: let the kernel grow with the step where the image gets smaller.
    """
    if interpolation == "nearest":
        places = (2 * np.arange(outputs) + 1) * size // (2 * outputs)
        return np.eye(size)[places]
    step = size / outputs
    centres = (np.arange(outputs) + 0.5) * step - 0.5
    distance = np.abs(centres[:, None] - np.arange(size)) / (max(step, 1.0) if antialias else 1.0)
    counts = _KERNELS[interpolation](distance)
    return counts / counts.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Resizing(Op):
    """Images of `size` (height, width), whatever their size was.

    interpolation: one of `INTERPOLATIONS`. crop_to_aspect_ratio: of the largest window in the
    middle that has the proportions of `size`; pad_to_aspect_ratio: of the image with as much of
    `fill_value` around as gives it these proportions; else the proportions change.
    """

    size: Pair
    interpolation: str = "bilinear"
    antialias: bool = False
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_value: float = 0.0

    def output_shape(self, *inputs: Shape) -> Shape:
        *_, channels = image_size("Resizing", inputs[0])
        return (*self.size, channels)

    def matrices(self, height: int, width: int) -> tuple[Array, Array]:
        """How much each row counts in each output row, and each column in each output column.

        (output height, height) and (output width, width), float64. What is missing in the sum of
        a row or of a column is padding.
        """
        size = height, width
        if self.crop_to_aspect_ratio:
            (top, rows), (left, columns) = window_of_aspect(size, self.size)
        else:
            (top, left), (rows, columns) = (0, 0), size
        if self.pad_to_aspect_ratio:
            above, before = padding_to_aspect(size, self.size)
            top, left, rows, columns = -above, -before, height + 2 * above, width + 2 * before
        return (
            self._matrix(top, rows, height, self.size[0]),
            self._matrix(left, columns, width, self.size[1]),
        )

    def _matrix(self, first: int, read: int, size: int, outputs: int) -> Array:
        """`weights` for `read` places from `first` on, of which those from 0 to `size` exist."""
        counts = weights(read, outputs, self.interpolation, self.antialias)
        matrix = np.zeros((outputs, size))
        start, end = max(first, 0), min(first + read, size)
        matrix[:, start:end] = counts[:, start - first : end - first]
        return matrix

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,) = inputs
        rows, columns = self._cast(images)
        output = np.einsum("hy,nyxc,wx->nhwc", rows, images, columns, optimize=True)
        covered = rows.sum(axis=1)[:, None] * columns.sum(axis=1)
        return output + ((1 - covered) * images.dtype.type(self.fill_value))[..., None]

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        rows, columns = self._cast(inputs[0])
        return Gradients((np.einsum("hy,nhwc,wx->nyxc", rows, gradient, columns, optimize=True),))

    def _cast(self, images: Array) -> tuple[Array, Array]:
        rows, columns = self.matrices(*images.shape[1:3])
        return rows.astype(images.dtype), columns.astype(images.dtype)
