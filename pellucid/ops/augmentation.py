"""What operations have in common that change images at random, in training only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid import random
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape, image_size


@dataclass(frozen=True, kw_only=True)
class Augmentation(Op):
    """Changes every image by random numbers of its own: a function of seed, step, node and sample.

    Input and output (height, width, channels). seed: stands in for that of the training, if given.
    """

    seed: int | None = None
    random = True

    def inference(self) -> Op | None:
        return None

    def output_shape(self, *inputs: Shape) -> Shape:
        return image_size(type(self).__name__, inputs[0])

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (images,) = inputs
        if context.training:
            return self._augment(images, context)
        other = self.inference()
        return images if other is None else other.forward(inputs, parameters, context)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        if context.training:
            return Gradients((self._gradient(gradient, inputs[0], context),))
        other = self.inference()
        if other is None:
            return Gradients((gradient,))
        return other.backward(gradient, inputs, parameters, output, context)

    def chances(self, context: Context, samples: int, draw: int = 0) -> Array:
        """A uniform float32 number in [0, 1) for each sample; `draw` counts those of a sample."""
        return random.uniform(context.key(self.seed), draw, np.arange(samples))

    def _augment(self, images: Array, context: Context) -> Array:
        """The changed images, in training."""
        raise NotImplementedError

    def _gradient(self, gradient: Array, images: Array, context: Context) -> Array:
        """The gradient by the images, given that by the changed ones."""
        raise NotImplementedError
