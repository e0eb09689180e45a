"""Layers that only training knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.dropout import Dropout as DropoutOp
from pellucid.shapes import Shape


class Dropout(Layer):
    """Drops a part of the values in training and scales up the others; otherwise does nothing.

    rate: the part that is dropped, from 0 to below 1; ArgumentError otherwise. Which values those
    are follows from `pellucid.set_seed`, the step and the sample's place in the batch.
    """

    def __init__(
        self,
        rate: float,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.rate = arguments.fraction(rate, "rate")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The dropping."""
        return [Stage(DropoutOp(self.rate))]
