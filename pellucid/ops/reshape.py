"""Operations that move numbers without changing them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape


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
