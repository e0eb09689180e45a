"""What a model is made of, as plain data and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import ArgumentError
from pellucid.layers.base import Layer, layer_class


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


def _read_layer(description: dict[str, Any]) -> Layer:
    cls = layer_class(description["class_name"])
    return cls.from_config(description["config"])
