"""Models as plain JSON and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pellucid.errors import ArgumentError, unknown_name
from pellucid.layers.base import Layer, layer_class

if TYPE_CHECKING:
    from pellucid.models.model import Model


def describe_layers(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """The class and the arguments of each layer."""
    return [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in layers]


def read_model(config: dict[str, Any]) -> tuple[str, list[Layer]]:
    """The name and the layers of a model; raises as Model.from_config says."""
    try:
        name, descriptions = config["name"], config["layers"]
        return name, [_read_layer(description) for description in descriptions]
    except (KeyError, TypeError) as error:
        raise ArgumentError(f"This is no whole configuration of a model: {error!r}.") from error


def model_from_json(text: str) -> Model:
    """The model whose `to_json` gave this; its weights start anew.

    Raises ArgumentError for a text that is no model, UnknownNameError for a layer or kind of
    model that does not exist.
    """
    from pellucid.models.model import Model
    from pellucid.models.sequential import Sequential

    kinds = {cls.kind: cls for cls in (Model, Sequential)}
    try:
        description = json.loads(text)
        kind, config = description["class_name"], description["config"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArgumentError(f"This is no model as JSON: {error!r}.") from error
    if kind not in list(kinds):  # what a damaged file says may have no hash
        raise unknown_name("kind of model", kind, kinds)
    return kinds[kind].from_config(config)


def _read_layer(description: dict[str, Any]) -> Layer:
    cls = layer_class(description["class_name"])
    return cls.from_config(description["config"])
