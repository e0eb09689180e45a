"""Where a network begins."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.shapes import Shape


class InputLayer(Layer):
    """Says what one sample looks like; computes nothing.

    shape: of one sample, without the batch, for instance (28, 28, 1): height, width, channels.
    Raises ArgumentError if a size is missing.
    """

    def __init__(self, shape: Sequence[int], *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.shape = arguments.sample_shape(shape)
        self.build((None, *self.shape))

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """No operation at all."""
        return []


def Input(shape: Sequence[int], *, name: str | None = None) -> SymbolicTensor:  # noqa: N802
    """The start of a functional network, or the first element of a Sequential.

    shape: of one sample, without the batch, for instance (28, 28, 1): height, width, channels.
    Raises ArgumentError if a size is missing.
    """
    layer = InputLayer(shape, name=name)
    return SymbolicTensor(layer.shape, layer)
