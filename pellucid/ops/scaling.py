"""Bringing values to another range."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape


@dataclass(frozen=True)
class Rescaling(Op):
    """values * scale + offset, for instance scale = 1 / 255 for pixels."""

    scale: float
    offset: float = 0.0

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return inputs[0] * self.scale + self.offset

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((gradient * self.scale,))
