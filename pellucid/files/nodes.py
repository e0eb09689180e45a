"""How the layers of a functional model are joined, as files say it.

A node is one use of a layer. Keras 3 lists what it reads as tensors with a history, [layer, node,
output]; Keras 2 lists those three, and keyword arguments behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pellucid.errors import ModelFileError

Node = dict[str, Any]


def read(
    given: Sequence[Any], layers: Sequence[dict[str, Any]], config: dict[str, Any], where: str
) -> dict[str, Any]:
    """Give each of `layers` its nodes as Keras 3 writes them, out of what a file gives for it.

    Returns the inputs and outputs of the model, as Keras 3 writes them, too.
    """
    old = any(isinstance(node, list) for layer in given for node in layer.get("inbound_nodes", ()))
    ends = {key: config.get(key) for key in ("input_layers", "output_layers")}
    for key, value in ends.items():
        if not value:
            raise ModelFileError(f"{where}: model {config.get('name')} has no {key}.")
    first = _first_nodes(given, ends) if old else {}
    for layer, source in zip(layers, given, strict=True):
        name = layer["name"] = layer.get("name") or layer["config"].get("name")
        title = f"{where}: layer {name} ({layer['class_name']})"
        found = source.get("inbound_nodes") or []
        layer["inbound_nodes"] = [
            _read_old(node, first, title) if isinstance(node, list) else _read_new(node, title)
            for node in found
        ]
    kinds = {layer["name"]: layer["class_name"] for layer in layers}
    return {key: _ends(value, first, kinds) for key, value in ends.items()} if old else ends


def _read_new(node: Any, title: str) -> Node:
    if not isinstance(node, dict) or len(node.get("args") or ()) != 1:
        raise ModelFileError(f"{title} is called in a way that cannot be read here: {node!r}.")
    return {"args": node["args"], "kwargs": _keywords(node.get("kwargs") or {}, title)}


def _read_old(node: list[Any], first: dict[str, int], title: str) -> Node:
    if not node or not all(_is_reference(entry) for entry in node):
        raise ModelFileError(f"{title} is called in a way that cannot be read here: {node!r}.")
    tensors = [_tensor(entry[0], entry[1] - first[entry[0]], entry[2]) for entry in node]
    keywords = {key: value for entry in node for key, value in dict(*entry[3:4]).items()}
    return {
        "args": tensors if len(tensors) == 1 else [tensors],
        "kwargs": _keywords(keywords, title),
    }


def _keywords(keywords: dict[str, Any], title: str) -> dict[str, Any]:
    """Whether the layer trains here is all that may be said besides the inputs."""
    said = {key: value for key, value in keywords.items() if not _is_nothing(value)}
    training = said.pop("training", None)
    if said or training:
        said |= {"training": True} if training else {}
        raise ModelFileError(
            f"{title} is called with {', '.join(f'{k}={v!r}' for k, v in said.items())}, which "
            "cannot be kept here. Build the model without it, and save it again."
        )
    return {} if training is None else {"training": False}


def _is_nothing(value: Any) -> bool:
    """None, or None for each of several inputs, as Keras writes masks that there are not."""
    return value is None or (isinstance(value, list) and all(item is None for item in value))


def _ends(value: Any, first: dict[str, int], kinds: dict[str, str]) -> Any:
    """Keras 2's inputs or outputs as Keras 3's, where a functional model's own node counts."""
    entries = [
        [name, number - first[name] + (kinds.get(name) == "Functional"), place]
        for name, number, place, *_ in ([value] if _is_reference(value) else value)
    ]
    return entries[0] if len(entries) == 1 else entries


def _first_nodes(given: Sequence[Any], ends: dict[str, Any]) -> dict[str, int]:
    """The number of each layer's first node: that of a model in a model is 1 or, at times, 0."""
    first: dict[str, int] = {}
    for name, number, *_ in _references([*(layer.get("inbound_nodes") for layer in given), ends]):
        first[name] = min(number, first.get(name, number))
    return first


def _references(value: Any) -> Iterator[list[Any]]:
    if _is_reference(value):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item)


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and [type(item) for item in value[:3]] == [str, int, int]
        and all(isinstance(keywords, dict) for keywords in value[3:])
    )


def _tensor(layer: str, node: int, place: int) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, node, place]}}
