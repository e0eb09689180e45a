"""Operations that move numbers without changing them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape, permuted, reshaped


@dataclass(frozen=True)
class Flatten(Op):
    """All numbers of a sample in one row, in row-major order (channels vary fastest)."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return (math.prod(inputs[0]),)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,) = inputs
        return values.reshape(len(values), -1)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((gradient.reshape(inputs[0].shape),))


@dataclass(frozen=True)
class Reshape(Op):
    """All numbers of a sample, in row-major order, in another shape.

    target_shape: of one sample; one size may be -1, for as much as the others leave.
    """

    target_shape: Shape

    def output_shape(self, *inputs: Shape) -> Shape:
        return reshaped(self.target_shape, inputs[0])

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,) = inputs
        return values.reshape(len(values), *self.output_shape(values.shape[1:]))

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((gradient.reshape(inputs[0].shape),))


@dataclass(frozen=True)
class Permute(Op):
    """Axes in another order. dims: numbers of the input's axes from 1, as the output has them."""

    dims: Shape

    def output_shape(self, *inputs: Shape) -> Shape:
        return permuted(self.dims, inputs[0])

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return inputs[0].transpose(0, *self.dims)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((gradient.transpose(np.argsort((0, *self.dims))),))
