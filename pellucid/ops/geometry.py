"""Random changes of where things are in an image: flips, rotations, zooms, shifts, crops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from pellucid.ops.augmentation import Augmentation
from pellucid.ops.base import Array, Context, Op
from pellucid.ops.resizing import Resizing
from pellucid.ops.sampling import Affine, Numbers, between, cells, sine_and_cosine, uncovered
from pellucid.shapes import Pair, Shape, image_size

Range = tuple[float, float]
"""The least and the largest of what is drawn."""


@dataclass(frozen=True)
class RandomFlip(Augmentation):
    """Half of the images, left and right exchanged, or top and bottom, or both."""

    horizontal: bool = True
    vertical: bool = True

    def flipped(self, chance: Numbers) -> Numbers:
        """Whether an image is flipped, given its number from 0 to 1."""
        return chance <= 0.5

    def _augment(self, images: Array, context: Context) -> Array:
        axes = tuple(axis for axis, turned in ((1, self.vertical), (2, self.horizontal)) if turned)
        flipped = self.flipped(self.chances(context, len(images)))
        return np.where(flipped[:, None, None, None], np.flip(images, axes), images)

    def _gradient(self, gradient: Array, images: Array, context: Context) -> Array:
        return self._augment(gradient, context)


class _Read(NamedTuple):
    """One of the pixels that every output reads: its place and its weight, (N, rows, columns)."""

    row: Array
    column: Array
    weight: Array


@dataclass(frozen=True, kw_only=True)
class AffineOp(Augmentation):
    """Every output is read from one place of the input, which an affine map finds.

    fill_mode: what is outside of the input: 'constant' (fill_value), 'nearest' (the edge goes on),
    'reflect' (d c b a | a b c d | d c b a) or 'wrap'. interpolation: 'bilinear', or 'nearest'.
    """

    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    fill_value: float = 0.0
    draws = 1

    def affine(self, chances: Sequence[Numbers], height: int, width: int) -> Affine:
        """The map for images of a size, given `draws` numbers from 0 to 1 for each of them."""
        raise NotImplementedError

    @property
    def fills(self) -> bool:
        """Whether anything but pixels is seen in the output."""
        return self.fill_mode == "constant" and self.fill_value != 0

    def _augment(self, images: Array, context: Context) -> Array:
        sample = np.arange(len(images))[:, None, None]
        pixels, rest = self._reads(images, context)
        output = sum(
            images[sample, row, column] * weight[..., None].astype(images.dtype)
            for row, column, weight in pixels
        )
        return output + rest[..., None].astype(images.dtype) if self.fills else output

    def _gradient(self, gradient: Array, images: Array, context: Context) -> Array:
        sample = np.arange(len(images))[:, None, None]
        to_images = np.zeros_like(images)
        for row, column, weight in self._reads(images, context)[0]:
            share = gradient * weight[..., None].astype(images.dtype)
            np.add.at(to_images, (sample, row, column), share)
        return to_images

    def _reads(self, images: Array, context: Context) -> tuple[list[_Read], Array]:
        """What every output reads, and what a constant outside adds to it."""
        samples, height, width, _ = images.shape
        chances = [
            self.chances(context, samples, draw)[:, None, None] for draw in range(self.draws)
        ]
        x, y = self.affine(chances, height, width).apply(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        )
        x, y = np.broadcast_arrays(x, y)
        rows = cells(y, height, self.fill_mode, self.interpolation)
        columns = cells(x, width, self.fill_mode, self.interpolation)
        pixels = [
            _Read(
                row.place.astype(np.intp), column.place.astype(np.intp), row.weight * column.weight
            )
            for row, column in product(rows, columns)
        ]
        return pixels, uncovered(rows, columns) * self.fill_value


@dataclass(frozen=True)
class RandomRotation(AffineOp):
    """Turned around the centre. factor: how far, in full turns; counter-clockwise if positive."""

    factor: Range

    def affine(self, chances: Sequence[Numbers], height: int, width: int) -> Affine:
        sine, cosine = sine_and_cosine(between(chances[0], *self.factor))
        across, down = (width - 1) / 2, (height - 1) / 2
        return Affine(
            cosine,
            sine * -1.0,
            across - cosine * across + sine * down,
            sine,
            cosine,
            down - sine * across - cosine * down,
        )


@dataclass(frozen=True)
class RandomZoom(AffineOp):
    """Larger or smaller around the centre; factors above 0 zoom out, below 0 in.

    width_factor: None for that of the height, so that proportions stay.
    """

    height_factor: Range
    width_factor: Range | None = None
    draws = 2

    def affine(self, chances: Sequence[Numbers], height: int, width: int) -> Affine:
        down = between(chances[0], 1 + self.height_factor[0], 1 + self.height_factor[1])
        across = down
        if self.width_factor is not None:
            across = between(chances[1], 1 + self.width_factor[0], 1 + self.width_factor[1])
        nothing = down * 0.0
        return Affine(
            across,
            nothing,
            (1.0 - across) * ((width - 1) / 2),
            nothing,
            down,
            (1.0 - down) * ((height - 1) / 2),
        )


@dataclass(frozen=True)
class RandomTranslation(AffineOp):
    """Moved down and to the right, or up and left, by parts of the height and of the width."""

    height_factor: Range
    width_factor: Range
    draws = 2

    def affine(self, chances: Sequence[Numbers], height: int, width: int) -> Affine:
        down = between(chances[0], *self.height_factor) * height
        across = between(chances[1], *self.width_factor) * width
        nothing = down * 0.0
        one = nothing + 1.0
        return Affine(one, nothing, across * -1.0, nothing, one, down * -1.0)


@dataclass(frozen=True)
class RandomCrop(Augmentation):
    """A window of `size` (height, width) at a place of each image's own.

    Outside of training, the largest window of these proportions in the middle, resized.
    """

    size: Pair

    def inference(self) -> Op:
        return Resizing(self.size, crop_to_aspect_ratio=True)

    def output_shape(self, *inputs: Shape) -> Shape:
        *_, channels = image_size(type(self).__name__, inputs[0])
        return (*self.size, channels)

    def corner(
        self, chances: Sequence[Numbers], height: int, width: int
    ) -> tuple[Numbers, Numbers]:
        """The first row and the first column of the window: whole numbers."""
        # A chance is at most 1 - 2**-24, so that even rounded the product stays below the count.
        top, left = (
            np.floor(chance * (whole - part + 1.0))
            for chance, whole, part in zip(chances, (height, width), self.size, strict=True)
        )
        return top, left

    def _windows(self, images: Array, context: Context) -> Iterator[tuple[int, slice, slice]]:
        """The sample, rows and columns of every image's window."""
        samples, height, width, _ = images.shape
        chances = [self.chances(context, samples, draw) for draw in range(2)]
        for sample, (top, left) in enumerate(
            zip(*self.corner(chances, height, width), strict=True)
        ):
            rows, columns = (
                slice(int(first), int(first) + size)
                for first, size in zip((top, left), self.size, strict=True)
            )
            yield sample, rows, columns

    def _augment(self, images: Array, context: Context) -> Array:
        return np.stack([images[window] for window in self._windows(images, context)])

    def _gradient(self, gradient: Array, images: Array, context: Context) -> Array:
        to_images = np.zeros_like(images)
        for part, window in zip(gradient, self._windows(images, context), strict=True):
            to_images[window] = part
        return to_images
