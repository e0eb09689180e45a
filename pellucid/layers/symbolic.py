"""What stands for data while a network is put together: a shape, and where it comes from."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.errors import ArgumentError
from pellucid.shapes import Shape

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


class SymbolicTensor:
    """An output of a layer before there is any data.

    sample_shape: without the batch. call: the use of a layer that makes it. place: which of the
    outputs of that call it is.
    """

    dtype = "float32"

    def __init__(self, sample_shape: Shape, call: Call, place: int = 0) -> None:
        self.sample_shape = sample_shape
        self.call = call
        self.place = place

    @property
    def layer(self) -> Layer:
        """The layer that makes it."""
        return self.call.layer

    @property
    def name(self) -> str:
        """The name of the layer that makes it."""
        return self.layer.name

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape of a batch, whose size is None: (None, 28, 28, 1)."""
        return (None, *self.sample_shape)

    def __add__(self, other: SymbolicTensor) -> SymbolicTensor:
        return self._merged("Add", other)

    def __sub__(self, other: SymbolicTensor) -> SymbolicTensor:
        return self._merged("Subtract", other)

    def __mul__(self, other: SymbolicTensor) -> SymbolicTensor:
        return self._merged("Multiply", other)

    def _merged(self, kind: str, other: SymbolicTensor) -> SymbolicTensor:
        """What a new layer of this kind makes of two tensors."""
        from pellucid.layers.base import layer_class

        if not isinstance(other, SymbolicTensor):
            raise ArgumentError(
                f"The output of layer {self.name} can be joined with another layer's output, got "
                f"{type(other).__name__}. For numbers put layers.Rescaling(scale, offset) behind."
            )
        output: SymbolicTensor = layer_class(kind)()([self, other])
        return output

    def __repr__(self) -> str:
        return f"<SymbolicTensor {self.name} {self.shape}>"


class Call:
    """One use of a layer: what it reads and what it makes.

    output_shapes: of one sample each. training: False if the layer stands outside of training
    here, whatever the network does; None if it does as the network does.
    """

    _numbers = itertools.count()

    def __init__(
        self,
        layer: Layer,
        inputs: Sequence[SymbolicTensor],
        output_shapes: Sequence[Shape],
        training: bool | None = None,
    ) -> None:
        self.layer = layer
        self.inputs = tuple(inputs)
        self.outputs = tuple(
            SymbolicTensor(shape, self, place) for place, shape in enumerate(output_shapes)
        )
        self.training = training
        # In the order of their numbers, calls read only what earlier ones make.
        self.number = next(Call._numbers)


def upstream(
    outputs: Sequence[SymbolicTensor], inputs: Sequence[SymbolicTensor] = ()
) -> list[Call]:
    """The calls that outputs are computed by, in their order, back to the inputs.

    A call that makes one of `inputs` is not looked behind; it is there only if that is needed
    for something else.
    """
    known = set(inputs)
    found: set[Call] = set()
    waiting = [tensor for tensor in outputs if tensor not in known]
    while waiting:
        call = waiting.pop().call
        if call not in found:
            found.add(call)
            waiting += [tensor for tensor in call.inputs if tensor not in known]
    return sorted(found, key=lambda call: call.number)
