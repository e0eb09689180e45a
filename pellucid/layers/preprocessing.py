"""Layers that bring raw data into a form that a network learns from well."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.scaling import Rescaling as RescalingOp
from pellucid.shapes import Shape


class Rescaling(Layer):
    """x * scale + offset, for instance Rescaling(1 / 255) for pixels from 0 to 255.

    Raises ArgumentError for numbers that are not finite.
    """

    def __init__(
        self,
        scale: float,
        offset: float = 0.0,
        *,
        name: str | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.scale = arguments.finite(scale, "scale")
        self.offset = arguments.finite(offset, "offset")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The rescaling."""
        return [Stage(RescalingOp(self.scale, self.offset))]
