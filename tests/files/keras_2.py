"""Files in the layout of Keras 2, made by hand out of those of Keras 3's own .h5 writer.

What differs: a functional model is called Model, an input says batch_input_shape, nodes are nested
lists in which a model's first use is number 1, initializers and types are told without modules,
names of weights end in ":0", and those of layers in a model do not begin with the model's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py


def convert(path: Path) -> None:
    """Rewrite a file that Keras 3 wrote."""
    with h5py.File(path, "r+") as file:
        model = _model(json.loads(file.attrs["model_config"]))
        file.attrs["model_config"] = json.dumps(model).encode()
        file.attrs["keras_version"] = b"2.4.0"
        if "training_config" in file.attrs:
            training = json.loads(file.attrs["training_config"])
            file.attrs["training_config"] = json.dumps(_training(training)).encode()
        weights = file["model_weights"]
        del weights["top_level_model_weights"]
        for name in weights:
            _rename(weights[name], name)


def _model(description: Any) -> Any:
    config = description["config"]
    kind = description["class_name"]
    models = {
        layer["config"]["name"]
        for layer in config["layers"]
        if layer["class_name"] in ("Functional", "Sequential")
    }
    kept = {"name": config["name"], "layers": [_layer(each, models) for each in config["layers"]]}
    if kind == "Functional":
        kept["input_layers"] = _ends(config["input_layers"], config, [])
        kept["output_layers"] = _ends(config["output_layers"], config, models)
    return {"class_name": "Model" if kind == "Functional" else kind, "config": kept}


def _layer(layer: Any, models: set[str]) -> Any:
    if layer["class_name"] in ("Functional", "Sequential"):
        old = _model(layer)
    else:
        config = {key: _setting(value) for key, value in layer["config"].items()}
        config.pop("optional", None)
        config.pop("quantization_config", None)
        if "batch_shape" in config:
            config["batch_input_shape"] = config.pop("batch_shape")
        old = {"class_name": layer["class_name"], "config": config}
    if "inbound_nodes" in layer:
        old["name"] = layer["name"]
        old["inbound_nodes"] = [_node(node, models) for node in layer["inbound_nodes"]]
    return old


def _setting(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value["class_name"] == "DTypePolicy":
        return "float32"
    config = {k: v for k, v in value["config"].items() if k not in ("input_axes", "output_axes")}
    return {"class_name": value["class_name"], "config": {**config, "dtype": "float32"}}


def _node(node: Any, models: set[str]) -> Any:
    (tensors,) = node["args"]
    keywords = {key: value for key, value in node["kwargs"].items() if value is not None}
    histories = [
        tensor["config"]["keras_history"]
        for tensor in (tensors if isinstance(tensors, list) else [tensors])
    ]
    return [[name, number + (name in models), place, keywords] for name, number, place in histories]


def _ends(ends: Any, config: Any, models: Any) -> Any:
    functional = {
        layer["config"]["name"] for layer in config["layers"] if layer["class_name"] == "Functional"
    }
    ends = [ends] if isinstance(ends[0], str) else ends
    return [
        [name, number + (name in models and name not in functional), place]
        for name, number, place in ends
    ]


def _training(training: Any) -> Any:
    keep = {key: training[key] for key in ("loss", "metrics", "loss_weights", "weighted_metrics")}
    optimizer = training["optimizer_config"]
    config = {k: v for k, v in optimizer["config"].items() if v is not None}
    config |= {"decay": 0.0, "is_legacy_optimizer": False, "jit_compile": False}
    config.pop("use_ema", None)
    config.pop("ema_momentum", None)
    return {**keep, "optimizer_config": {**optimizer, "config": config}, "sample_weight_mode": None}


def _rename(group: h5py.Group, layer: str) -> None:
    """Give the weights of a layer, or of a model, Keras 2's names."""
    new = []
    for name in group.attrs["weight_names"]:
        shorter = name.removeprefix(f"{layer}/") if name.count("/") > 1 else name
        group[f"{shorter}:0"] = group[name][()]
        new.append(f"{shorter}:0".encode())
    group.attrs["weight_names"] = new
