"""The calls of layers that lead from some tensors to others, and their orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pellucid.errors import ArgumentError
from pellucid.layers.base import Layer
from pellucid.layers.inputs import Input
from pellucid.layers.symbolic import Call, SymbolicTensor

Tensors = Sequence[SymbolicTensor]


class Wiring(NamedTuple):
    """How a functional model is put together.

    calls: what the outputs need, each behind those that it reads. The order follows from the
    network alone, never from the order in which it was written down, so that a model that is made
    again from its configuration is the same to the bit. layers: each once, in Keras's order.
    """

    inputs: tuple[SymbolicTensor, ...]
    outputs: tuple[SymbolicTensor, ...]
    calls: tuple[Call, ...]
    layers: tuple[Layer, ...]


def wire(inputs: Tensors, outputs: Tensors) -> Wiring:
    """The way from inputs to outputs.

    An input that is no Input but an output of a layer becomes a new Input, and the layers behind
    it are called again, so that they are shared.
    Raises ArgumentError if an output is not computed from the inputs.
    """
    calls, met = _calls(inputs, outputs)
    starts = {call for call in calls if not call.inputs}
    for lost in starts - {tensor.call for tensor in inputs}:
        names = ", ".join(tensor.name for tensor in inputs)
        raise ArgumentError(
            f"The outputs, from layer {', '.join(tensor.name for tensor in outputs)}, are not "
            f"computed from the inputs {names}: they begin at {lost.layer.name}."
        )
    if any(tensor.call.inputs for tensor in inputs):
        new = {
            tensor: Input(tensor.sample_shape) if tensor.call.inputs else tensor
            for tensor in inputs
        }
        replay(calls, new)
        return wire([new[tensor] for tensor in inputs], [new[tensor] for tensor in outputs])
    layers = _layers(inputs, calls, met)
    return Wiring(tuple(inputs), tuple(outputs), tuple(calls), tuple(layers))


def replay(
    calls: Iterable[Call],
    tensors: dict[SymbolicTensor, SymbolicTensor],
    layer_for: Callable[[Layer], Layer] = lambda layer: layer,
) -> None:
    """Call layers again, or others instead of them, on other tensors.

    tensors: what stands for what; all that the calls make is added.
    """
    for call in calls:
        if call.inputs and not all(output in tensors for output in call.outputs):
            inputs = [tensors[tensor] for tensor in call.inputs]
            made = layer_for(call.layer).place(inputs, call.training)
            tensors |= zip(call.outputs, made, strict=True)


def _calls(inputs: Tensors, outputs: Tensors) -> tuple[list[Call], dict[Layer, int]]:
    """The calls behind outputs, depth first, and in which order their layers are met."""
    ends = {tensor for tensor in inputs if tensor.call.inputs}
    calls: dict[Call, None] = {}
    met: dict[Layer, int] = {}
    for output in outputs:
        ways = [iter([output])]
        path: list[Call] = []
        while ways:
            tensor = next(ways[-1], None)
            if tensor is None:
                ways.pop()
                if path:
                    calls[path.pop()] = None
            elif tensor not in ends and tensor.call not in calls:
                path.append(tensor.call)
                met.setdefault(tensor.layer, len(met))
                ways.append(iter(tensor.call.inputs))
    return list(calls), met


def _layers(inputs: Tensors, calls: Sequence[Call], met: Mapping[Layer, int]) -> list[Layer]:
    """The layers, farthest from the outputs first, and among equals as they are met from there.

    This is Keras's order. A layer that is used several times is as far as its farthest use.
    """
    depths: dict[Call, int] = {}
    layer_depths: dict[Layer, int] = {}
    for call in reversed(calls):
        depth = max(depths.get(call, 0), layer_depths.get(call.layer, 0))
        depths[call] = layer_depths[call.layer] = depth
        for tensor in call.inputs:
            depths[tensor.call] = max(depth + 1, depths.get(tensor.call, 0))
    for tensor in inputs:
        layer_depths.setdefault(tensor.layer, 0)
    return sorted(layer_depths, key=lambda layer: (-layer_depths[layer], met.get(layer, -1)))
