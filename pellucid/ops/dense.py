"""The fully connected operation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape


@dataclass(frozen=True)
class Dense(Op):
    """Every output is a weighted sum over the last axis, plus a bias.

    Input (..., in), output (..., units). Parameters: the kernel (in, units) and, with `use_bias`,
    the bias (units,).
    """

    units: int
    use_bias: bool = True

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not shape:
            raise ShapeError("Dense needs samples with at least one axis, got single numbers.")
        return (*shape[:-1], self.units)

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (shape,) = inputs
        kernel = (shape[-1], self.units)
        return (kernel, (self.units,)) if self.use_bias else (kernel,)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,), kernel = inputs, parameters[0]
        # One product a row: in one for the whole batch, BLAS rounds a sample otherwise when the
        # batch is larger, and an answer must depend on its own sample only.
        output: Array = (values[..., None, :] @ kernel)[..., 0, :]
        return output + parameters[1] if self.use_bias else output

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        (values,), kernel = inputs, parameters[0]
        rows = tuple(range(gradient.ndim - 1))
        to_kernel = np.tensordot(values, gradient, (rows, rows))
        to_bias = (gradient.sum(axis=rows),) if self.use_bias else ()
        return Gradients((gradient @ kernel.T,), (to_kernel, *to_bias))

    def multiply_adds(self, *inputs: Shape) -> int:
        return math.prod(inputs[0]) * self.units
