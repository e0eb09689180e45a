"""Dropout: training with a part of the values missing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid import random
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape, image_size


class _Dropping(Op):
    """In training values are dropped with probability `rate`; outside, nothing happens.

    Values that are kept are multiplied by 1 / (1 - rate), so that the expected sum stays
    (inverted dropout).
    """

    rate: float
    seed: int | None

    random = True

    def inference(self) -> None:
        return None

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,) = inputs
        return values * self._factors(values, context) if context.training else values

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        factors = self._factors(inputs[0], context) if context.training else 1
        return Gradients((gradient * factors,))

    def _factors(self, values: Array, context: Context) -> Array:
        """0 where a value is dropped, 1 / (1 - rate) where it is kept; it repeats along axes."""
        shape = self._decided(values.shape[1:])
        position = np.arange(math.prod(shape))
        chance = random.uniform(context.key(self.seed), position, np.arange(len(values))[:, None])
        kept = (chance >= np.float32(self.rate)).reshape(len(values), *shape)
        return kept * values.dtype.type(1 / (1 - self.rate))

    def _decided(self, shape: Shape) -> Shape:
        """The shape of what is decided together, 1 along axes that share their fate."""
        return shape


@dataclass(frozen=True)
class Dropout(_Dropping):
    """Drops each value by itself.

    Which ones are kept is a function of seed, step, node, sample and position.
    rate: from 0 to below 1. seed: stands in for that of the run, if given.
    """

    rate: float
    seed: int | None = None


@dataclass(frozen=True)
class SpatialDropout2D(_Dropping):
    """Drops whole feature maps of images (height, width, channels), as neighbours are alike.

    Which ones are kept is a function of seed, step, node, sample and channel.
    rate: from 0 to below 1. seed: stands in for that of the run, if given.
    Tompson et al., "Efficient object localization using convolutional networks" (2015).
    """

    rate: float
    seed: int | None = None

    def output_shape(self, *inputs: Shape) -> Shape:
        return image_size("SpatialDropout2D", inputs[0])

    def _decided(self, shape: Shape) -> Shape:
        return (1, 1, shape[-1])
