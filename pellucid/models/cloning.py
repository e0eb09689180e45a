"""The same model again, with layers and weights of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.errors import ArgumentError
from pellucid.layers.base import Layer
from pellucid.layers.symbolic import SymbolicTensor
from pellucid.models.model import Model
from pellucid.models.sequential import Sequential
from pellucid.models.structure import Structure
from pellucid.models.wiring import replay


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Model:
    """A model like this one, of new layers of the same names, whose weights start anew.

    input_tensors: what it begins at, in the form of the model's own inputs; new Inputs if None.
    clone_function: what stands for a layer, which it is given; a copy from its configuration if
    None. A layer that is used several times is cloned once. A compiled model's clone is compiled
    as it is.

    Raises ArgumentError if the clone function gives no layer, ShapeError for a Sequential whose
    layers do not fit together.
    """
    clones: dict[Layer, Layer] = {}

    def clone(layer: Layer) -> Layer:
        if layer not in clones:
            made = _copy(layer) if clone_function is None else clone_function(layer)
            if not isinstance(made, Layer):
                raise ArgumentError(
                    f"clone_function must return a layer, for {layer.name} it gave {made!r}."
                )
            clones[layer] = made
        return clones[layer]

    if isinstance(model, Sequential):
        new: Model = _sequential(model, input_tensors, clone)
    else:
        new = _functional(model, input_tensors, clone)
    if model.compiled:
        new.compile_from_config(model.get_compile_config())
    return new


def _sequential(
    model: Sequential, input_tensors: Any, clone: Callable[[Layer], Layer]
) -> Sequential:
    (start, *_), _form = Structure.of(input_tensors)
    if start is None and model.built:
        start = _copy(model.inputs[0].layer)
    beginning = [] if start is None else [start]
    layers = [*beginning, *(clone(layer) for layer in model.layers)]
    return Sequential(layers, name=model.name, trainable=model.trainable)


def _functional(model: Model, input_tensors: Any, clone: Callable[[Layer], Layer]) -> Model:
    if input_tensors is None:
        starts = [_copy(tensor.layer).output for tensor in model.inputs]
    else:
        starts, _form = Structure.of(input_tensors)
    model.check_inputs(len(starts))
    tensors: dict[SymbolicTensor, SymbolicTensor] = dict(zip(model.inputs, starts, strict=True))
    replay(model.wiring.calls, tensors, clone)
    return type(model)(
        model.input_form.pack(starts),
        model.output_form.pack([tensors[tensor] for tensor in model.outputs]),
        name=model.name,
        trainable=model.trainable,
    )


def _copy(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())
