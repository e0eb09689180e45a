"""Noise: training with values that are never quite the same."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid import random
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape


@dataclass(frozen=True)
class GaussianNoise(Op):
    """In training adds normal numbers of mean 0; outside, nothing happens.

    They are a function of seed, step, node, sample and position. stddev: their standard
    deviation, at least 0. seed: stands in for that of the run, if given.
    """

    stddev: float
    seed: int | None = None

    random = True

    def inference(self) -> None:
        return None

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,) = inputs
        if not context.training:
            return values
        position = np.arange(math.prod(values.shape[1:]))
        noise = random.normal(context.key(self.seed), position, np.arange(len(values))[:, None])
        return values + noise.reshape(values.shape).astype(values.dtype) * self.stddev

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((gradient,))
