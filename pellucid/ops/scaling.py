"""Bringing values to another range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape

SMALLEST_DEVIATION = 1e-7


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


@dataclass(frozen=True)
class Normalization(Op):
    """(x - mean) / deviation, with mean and variance of the data; or back again if `invert`.

    axes: those of a sample along which every place has a mean and a variance of its own. moments:
    these two, row by row, if they are known; else they are parameters, which follow the data
    that the layer was adapted to, and no batch. deviation: sqrt(variance), at least 1e-7.
    """

    axes: tuple[int, ...]
    invert: bool = False
    moments: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def tracked(self) -> int:  # type: ignore[override]
        return 2 if self.moments is None else 0

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        kept = tuple(inputs[0][axis] for axis in self.axes)
        return (kept, kept) if self.moments is None else ()

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        mean, deviation = self._scale(inputs[0], parameters)
        return mean + inputs[0] * deviation if self.invert else (inputs[0] - mean) / deviation

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        _, deviation = self._scale(inputs[0], parameters)
        return Gradients((gradient * deviation if self.invert else gradient / deviation,))

    def track(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> tuple[Array, ...]:
        return parameters

    def _scale(self, values: Array, parameters: tuple[Array, ...]) -> tuple[Array, Array]:
        """Mean and deviation, so that they broadcast against the values."""
        shape = values.shape[1:]
        broad = [size if axis in self.axes else 1 for axis, size in enumerate(shape)]
        mean, variance = (
            np.asarray(moment, values.dtype).reshape(broad) for moment in self.moments or parameters
        )
        return mean, np.maximum(np.sqrt(variance), values.dtype.type(SMALLEST_DEVIATION))
