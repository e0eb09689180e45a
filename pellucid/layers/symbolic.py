"""What stands for data while a network is put together: a shape, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.shapes import Shape

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


class SymbolicTensor:
    """The output of a layer before there is any data.

    sample_shape: without the batch. layer: what it comes from. inputs: what that layer reads;
    None for the start of a network.
    """

    def __init__(
        self, sample_shape: Shape, layer: Layer, inputs: SymbolicTensor | None = None
    ) -> None:
        self.sample_shape = sample_shape
        self.layer = layer
        self.inputs = inputs

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape of a batch, whose size is None: (None, 28, 28, 1)."""
        return (None, *self.sample_shape)

    @property
    def path(self) -> list[SymbolicTensor]:
        """What it is computed from, step by step, from the network's input to itself."""
        path, tensor = [self], self.inputs
        while tensor is not None:
            path.append(tensor)
            tensor = tensor.inputs
        return path[::-1]

    def __repr__(self) -> str:
        return f"<SymbolicTensor {self.layer.name} {self.shape}>"
