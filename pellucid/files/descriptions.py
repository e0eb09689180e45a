"""What a file says that layers are: read in the words of Keras 2 and 3, written in Keras 3's.

A description is plain JSON: {"class_name": ..., "config": {...}, ...}. Nothing that a file names is
imported or called; the classes of layers are those that `Layer.classes` knows.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pellucid.errors import ModelFileError, suggestion
from pellucid.files import nodes
from pellucid.layers.base import Layer

Description = dict[str, Any]

CONTAINERS = {"Functional": "Functional", "Model": "Functional", "Sequential": "Sequential"}
"""Kinds of models, as files call them, and as they are called here."""

_OURS = "pellucid"
_PACKAGES = ("keras", "tf_keras", "tensorflow", _OURS)

_RENAMED = {("LeakyReLU", "alpha"): "negative_slope"}
# Keras writes these whatever they are; they change nothing that is computed here, or only which
# random numbers are drawn, and those are another generator's in any case.
_MEANINGLESS = {
    "batch_input_shape",
    "kernel_initializer",
    "renorm_momentum",
    "seed",
    "synchronized",
}
_DEFAULTS = {"data_format": "channels_last", "groups": 1}
_OBJECTS = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
}


def read(description: Any, where: str) -> Description:
    """What a file of any Keras says of a model or of a layer, as Keras 3 would say it.

    where: the file, for messages.
    Raises ModelFileError for what is no description, for a layer that there is not here, and for
    a setting that cannot be kept.
    """
    if not isinstance(description, dict) or not isinstance(description.get("class_name"), str):
        raise ModelFileError(
            f"{where}: this is no description of a layer or model: {short(description)}."
        )
    kind = description["class_name"]
    title = f"{where}: layer {_name(description)} ({kind})"
    check_origin(description, title)
    if kind in CONTAINERS:
        return _read_model(description, where)
    if kind not in Layer.classes:
        raise ModelFileError(f"{title} is of a kind that Pellucid does not have. {_instead(kind)}")
    if not isinstance(description.get("config"), dict):
        raise ModelFileError(f"{title} has no configuration.")
    config = _read_config(kind, description["config"], title)
    return {**_place(description), "class_name": kind, "config": config}


def written(description: Description) -> Description:
    """The same as Keras 3 writes it, with the modules that its classes are in."""
    kind, config = description["class_name"], description["config"]
    if kind in CONTAINERS:
        config = {**config, "layers": [written(layer) for layer in config["layers"]]}
        module = "keras" if kind == "Sequential" else "keras.src.models.functional"
        return {**description, "module": module, "config": config, "registered_name": None}
    config = {key: _written_setting(key, value) for key, value in config.items()}
    if (padding := config.get("padding")) in ("half", "zero"):
        padding = config["padding"] = "same"
    # Keras has no word for other paddings, nor for layers of a user's own: there they are ours.
    ours = "padding" in config and kind != "ZeroPadding2D" and padding not in ("valid", "same")
    ours |= not Layer.classes[kind].__module__.startswith(f"{_OURS}.")
    return {
        **description,
        "module": f"{_OURS if ours else 'keras'}.layers",
        "config": config,
        "registered_name": f"{_OURS}>{kind}" if ours else None,
    }


def _read_model(description: Description, where: str) -> Description:
    kind, config = CONTAINERS[description["class_name"]], description.get("config")
    if isinstance(config, list):  # a Sequential before Keras 2.2.3
        config = {"layers": config}
    if not isinstance(config, dict) or not isinstance(config.get("layers") or None, list):
        raise ModelFileError(f"{where}: model {_name(description)} lists no layers.")
    given = config["layers"]
    layers = [read(layer, where) for layer in given]
    read_config: Description = {
        "name": config.get("name") or kind.lower(),
        "trainable": bool(config.get("trainable", True)),
        "layers": layers,
    }
    if kind == "Functional":
        read_config |= nodes.read(given, layers, config, where)
    elif layers and layers[0]["class_name"] != "InputLayer":
        first = config.get("build_input_shape") or _first_shape(given[0]["config"])
        if first is not None:
            start = {"class_name": "InputLayer", "config": {"batch_shape": first}}
            read_config["layers"] = [read(start, where), *layers]
    return {**_place(description), "class_name": kind, "config": read_config}


def _first_shape(config: Any) -> Any:
    """What the first layer of Keras 2's Sequential reads, if it says so."""
    return config.get("batch_input_shape") if isinstance(config, dict) else None


def _read_config(kind: str, config: Mapping[str, Any], title: str) -> dict[str, Any]:
    """The settings that the class knows; ModelFileError for another that means something."""
    accepted = inspect.signature(Layer.classes[kind]).parameters
    settings: dict[str, Any] = {}
    for key, value in config.items():
        key = _RENAMED.get((kind, key), key)
        if key in ("batch_shape", "batch_input_shape") and kind == "InputLayer":
            settings["batch_shape"] = [None, *value[1:]]
        elif key == "dtype":
            _check_type(kind, value, title)
        elif key in accepted:
            settings[key] = _read_setting(key, value, title)
        elif not (
            value is None or value is False or key in _MEANINGLESS or _DEFAULTS.get(key) == value
        ):
            raise ModelFileError(
                f"{title} has {key}={short(value)}, which there is not in Pellucid. Save the "
                "model without it."
            )
    return settings


def _read_setting(key: str, value: Any, title: str) -> Any:
    if isinstance(value, dict) and "class_name" in value:
        kind, config = value["class_name"], value.get("config")
        if key.rpartition("_")[2] in _OBJECTS:
            check_origin(value, f"{title}: {key}")
            return {"class_name": kind, "config": _arguments(config)}
        if kind == "function":
            return config
        if kind == "__numpy__" and isinstance(config, dict):
            return config.get("value")
        if kind in ("__tuple__", "TensorShape"):
            return value.get("items")
        raise ModelFileError(
            f"{title} has {key}={kind}, an object that Pellucid does not take there. Build the "
            "model with a layer of its own for it, and save it again."
        )
    if key == "seed" and not isinstance(value, int):
        return None
    if key == "axis" and isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def _arguments(config: Any) -> dict[str, Any]:
    """The arguments of an initializer, a regularizer or a constraint."""
    arguments = {
        key: value
        for key, value in (config or {}).items()
        if value is not None and key != "dtype" and (key != "seed" or isinstance(value, int))
    }
    if arguments.get("distribution") == "normal":  # Keras 2.1's word
        arguments["distribution"] = "truncated_normal"
    return arguments


def _written_setting(key: str, value: Any) -> Any:
    module = _OBJECTS.get(key.rpartition("_")[2])
    if module is None or not isinstance(value, dict):
        return value
    return {"module": module, **value, "registered_name": None}


def check_origin(description: Description, title: str) -> None:
    """Raise ModelFileError for a class that is not Keras's or ours, whatever it is called."""
    module, registered = description.get("module"), description.get("registered_name")
    package = str(module or "keras").partition(".")[0]
    maker = str(registered or "").rpartition(">")[0] or _OURS
    if package not in _PACKAGES or maker not in (_OURS, "keras", "Keras"):
        raise ModelFileError(
            f"{title} is a class of the program that wrote the file ({module}, registered as "
            f"{registered}), not Keras's own. Nothing in a file is executed: replace that layer by "
            "layers of Keras, and save the model again."
        )


def _check_type(kind: str, dtype: Any, title: str) -> None:
    """Raise ModelFileError for a layer that does not compute in float32."""
    policy = dtype.get("config", {}).get("name") if isinstance(dtype, dict) else dtype
    harmless = ("float32", "float64", "int", "uint", "bool") if kind == "InputLayer" else "float32"
    if policy is not None and not str(policy).startswith(harmless):
        raise ModelFileError(
            f"{title} has the type {policy}; Pellucid computes in float32. In Keras, set the type "
            "to float32, and save the model again."
        )


def _instead(kind: str) -> str:
    if kind in ("Lambda", "TFOpLambda", "SlicingOpLambda"):
        return (
            "It holds Python code, and nothing in a file is executed: replace it by layers, such "
            "as Rescaling, Add or Activation, and save the model again."
        )
    known = sorted(Layer.classes)
    return f"{suggestion(kind, known).strip()} Known are: {', '.join(known)}.".strip()


def _name(description: Description) -> str:
    config = description.get("config")
    inner = config.get("name") if isinstance(config, dict) else None
    return str(description.get("name") or inner or "without a name")


def _place(description: Description) -> Description:
    """What says where a layer stands, which is read by `nodes`."""
    return {key: description[key] for key in ("name", "shared_object_id") if key in description}


def short(value: Any) -> str:
    """A value as messages show it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
