"""Where a network begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pellucid.layers.arguments import sample_shape
from pellucid.layers.base import Layer, Stage
from pellucid.layers.symbolic import Call, SymbolicTensor
from pellucid.shapes import Shape


class InputLayer(Layer):
    """Says what one sample looks like; computes nothing.

    shape: of one sample, without the batch, for instance (28, 28, 1): height, width, channels.
    Raises ArgumentError if a size is missing.
    """

    def __init__(
        self, shape: Sequence[int], *, name: str | None = None, dtype: str | None = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.shape = sample_shape(shape)
        self.build((None, *self.shape))
        self._first_call = Call(self, (), [self.shape])

    def lower(self, shape: Shape) -> list[Stage]:
        """No operation at all."""
        return []

    def get_config(self) -> dict[str, Any]:
        """The shape and the name, in Keras's form: with the batch, whose size is None."""
        return {"batch_shape": [None, *self.shape], "dtype": self.dtype, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The layer whose `get_config` gave this."""
        arguments = dict(config)
        if "batch_shape" in arguments:
            arguments["shape"] = arguments.pop("batch_shape")[1:]
        return cls(**arguments)


def Input(  # noqa: N802
    shape: Sequence[int], *, name: str | None = None, dtype: str | None = None
) -> SymbolicTensor:
    """The start of a functional network, or the first element of a Sequential.

    shape: of one sample, without the batch, for instance (28, 28, 1): height, width, channels.
    Raises ArgumentError if a size is missing.
    """
    output: SymbolicTensor = InputLayer(shape, name=name, dtype=dtype).output
    return output
