"""What a model is made of, as plain data in Keras 3's form, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pellucid.errors import ArgumentError
from pellucid.layers.base import Layer, layer_class
from pellucid.layers.symbolic import Call, SymbolicTensor
from pellucid.models.structure import Structure
from pellucid.models.wiring import Wiring

_TENSOR = "__keras_tensor__"
_DAMAGED = (KeyError, TypeError, IndexError, AttributeError)


def describe(layer: Layer) -> dict[str, Any]:
    """The class and the arguments of a layer."""
    return {"class_name": layer.kind, "config": layer.get_config()}


def describe_wiring(wiring: Wiring, takes: Structure, gives: Structure) -> dict[str, Any]:
    """The layers of a functional model, each with its calls, and where the model begins and ends.

    A tensor is told by the name of its layer, the number of the call among those of that layer,
    and its place among the outputs of the call.
    """
    numbers = _numbers(wiring)
    nodes: dict[Layer, list[dict[str, Any]]] = {layer: [] for layer in wiring.layers}
    for call in wiring.calls:
        if call.inputs:
            nodes[call.layer].append(_describe_call(call, numbers))
    return {
        "layers": [
            {**describe(layer), "name": layer.name, "inbound_nodes": nodes[layer]}
            for layer in wiring.layers
        ],
        "input_layers": takes.pack([_end(tensor, numbers) for tensor in wiring.inputs]),
        "output_layers": gives.pack([_end(tensor, numbers) for tensor in wiring.outputs]),
    }


def read_layers(config: dict[str, Any]) -> tuple[str, list[Layer]]:
    """The name and the layers of a Sequential; raises as Model.from_config says."""
    try:
        return config["name"], [_read_layer(description) for description in config["layers"]]
    except _DAMAGED as error:
        raise _no_configuration(error) from error


def read_wiring(config: dict[str, Any]) -> tuple[str, Any, Any]:
    """The name of a functional model, its inputs and its outputs, with new layers between.

    Raises as Model.from_config says.
    """
    try:
        layers = {each["name"]: _read_layer(each) for each in config["layers"]}
        nodes = {each["name"]: list(each["inbound_nodes"]) for each in config["layers"]}
        made = _call_all(layers, nodes, config["name"])
        inputs, outputs = (
            _read_ends(config[ends], made, layers) for ends in ("input_layers", "output_layers")
        )
        return config["name"], inputs, outputs
    except _DAMAGED as error:
        raise _no_configuration(error) from error


def _numbers(wiring: Wiring) -> dict[Call, int]:
    """The number of each call among those of its layer."""
    seen: Counter[Layer] = Counter()
    numbers = {}
    for call in dict.fromkeys((*(one.call for one in wiring.inputs), *wiring.calls)):
        numbers[call] = seen[call.layer]
        seen[call.layer] += 1
    return numbers


def _describe_call(call: Call, numbers: Mapping[Call, int]) -> dict[str, Any]:
    tensors = [
        {
            "class_name": _TENSOR,
            "config": {
                "shape": list(tensor.shape),
                "dtype": tensor.dtype,
                "keras_history": [tensor.name, numbers[tensor.call], tensor.place],
            },
        }
        for tensor in call.inputs
    ]
    said = {} if call.training is None else {"training": call.training}
    return {"args": [call.layer.packed(tensors)], "kwargs": said}


def _end(tensor: SymbolicTensor, numbers: Mapping[Call, int]) -> list[Any]:
    """Where a model begins or ends. Here Keras counts the calls of models from 1."""
    return [tensor.name, numbers[tensor.call] + _first_number(tensor.layer), tensor.place]


def _first_number(layer: Layer) -> int:
    return 1 if layer.kind == "Functional" else 0


Made = dict[tuple[str, int, int], SymbolicTensor]


def _call_all(layers: Mapping[str, Layer], nodes: dict[str, list[Any]], name: str) -> Made:
    """Call every layer as often as it says, as soon as what it reads is there."""
    made: Made = {(key, 0, 0): layer.output for key, layer in layers.items() if not nodes[key]}
    counts: Counter[str] = Counter()
    waiting = {key for key in layers if nodes[key]}
    while waiting:
        before = len(made)
        for key in layers:
            while counts[key] < len(nodes[key]):
                node = nodes[key][counts[key]]
                reads = [tuple(history) for history in _histories(node["args"])]
                if not all(read in made for read in reads):
                    break
                tensors = [made[read] for read in reads]
                outputs = layers[key].place(tensors, node["kwargs"].get("training"))
                made |= {(key, counts[key], place): one for place, one in enumerate(outputs)}
                counts[key] += 1
            if counts[key] == len(nodes[key]):
                waiting.discard(key)
        if len(made) == before:
            raise ArgumentError(
                f"Model {name} cannot be put together: layers "
                f"{', '.join(sorted(waiting))} read what no layer makes."
            )
    return made


def _histories(value: Any) -> Iterator[list[Any]]:
    """The tensors in the arguments of a call, those of a dictionary in the order of its keys."""
    if isinstance(value, dict) and value.get("class_name") == _TENSOR:
        yield value["config"]["keras_history"]
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _histories(value[key])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _histories(item)


def _read_ends(ends: Any, made: Made, layers: Mapping[str, Layer]) -> Any:
    """Tensors in the form in which a configuration lists them."""
    if isinstance(ends, dict):
        return {key: _read_ends(end, made, layers) for key, end in ends.items()}
    if ends and isinstance(ends[0], str):
        name, number, place = ends
        return made[name, number - _first_number(layers[name]), place]
    return [_read_ends(end, made, layers) for end in ends]


def _read_layer(description: dict[str, Any]) -> Layer:
    cls = layer_class(description["class_name"])
    return cls.from_config(description["config"])


def _no_configuration(error: Exception) -> ArgumentError:
    return ArgumentError(f"This is no whole configuration of a model: {error!r}.")
