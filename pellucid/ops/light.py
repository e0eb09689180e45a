"""Random changes of an image's light: contrast and brightness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.ops.augmentation import Augmentation
from pellucid.ops.base import Array, Context
from pellucid.ops.sampling import between

Range = tuple[float, float]


@dataclass(frozen=True)
class LightOp(Augmentation):
    """A linear change of all pixels of an image, which are then held within a range of values."""

    factor: Range
    value_range: Range = (0.0, 255.0)

    @property
    def drawn(self) -> Range:
        """The least and the largest of what is drawn for an image."""
        raise NotImplementedError

    def _changed(self, images: Array, drawn: Array) -> Array:
        """The changed images, given what was drawn for each."""
        raise NotImplementedError

    def _augment(self, images: Array, context: Context) -> Array:
        low, high = map(images.dtype.type, self.value_range)
        return np.clip(self._changed(images, self._drawn(images, context)), low, high)

    def _gradient(self, gradient: Array, images: Array, context: Context) -> Array:
        low, high = map(images.dtype.type, self.value_range)
        changed = self._changed(images, self._drawn(images, context))
        return gradient * ((low <= changed) & (changed <= high))

    def _drawn(self, images: Array, context: Context) -> Array:
        drawn = between(self.chances(context, len(images)), *self.drawn)
        return drawn[:, None, None, None].astype(images.dtype)


@dataclass(frozen=True)
class RandomContrast(LightOp):
    """(x - mean) * c + mean, with the mean of each channel of an image and one c for an image.

    c is drawn from 1 - factor[0] to 1 + factor[1].
    """

    @property
    def drawn(self) -> Range:
        return 1 - self.factor[0], 1 + self.factor[1]

    def _changed(self, images: Array, drawn: Array) -> Array:
        mean = images.mean((1, 2), keepdims=True)
        return (images - mean) * drawn + mean

    def _gradient(self, gradient: Array, images: Array, context: Context) -> Array:
        held = super()._gradient(gradient, images, context)
        drawn = self._drawn(images, context)
        return held * drawn + held.mean((1, 2), keepdims=True) * (1 - drawn)


@dataclass(frozen=True)
class RandomBrightness(LightOp):
    """x + b, with one b for an image, drawn from `factor` times the width of the range."""

    @property
    def drawn(self) -> Range:
        width = self.value_range[1] - self.value_range[0]
        return self.factor[0] * width, self.factor[1] * width

    def _changed(self, images: Array, drawn: Array) -> Array:
        return images + drawn
