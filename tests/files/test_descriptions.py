"""What files say of layers, in any Keras's words: read as today's would say it, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.errors import ModelFileError
from pellucid.files import descriptions, layout

Config = dict[str, Any]


def layer(kind: str, name: str = "it", **config: Any) -> Config:
    return {"class_name": kind, "config": {"name": name, **config}}


def settings(kind: str, **config: Any) -> Config:
    """What is kept of a layer's settings, without its name."""
    read: Config = descriptions.read(layer(kind, **config), "model.h5")["config"]
    return {key: value for key, value in read.items() if key != "name"}


POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
FUNCTION = {"module": "builtins", "class_name": "function", "config": "relu"}
GLOROT = {
    "module": "keras.initializers",
    "class_name": "GlorotUniform",
    "config": {"seed": None, "input_axes": None, "output_axes": None},
    "registered_name": None,
}
OLD_GLOROT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "distribution": "normal", "seed": {"class_name": "x"}, "dtype": "f"},
}


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("Dense", {"units": 3, "dtype": POLICY, "quantization_config": None}, {"units": 3}),
        ("Dense", {"units": 3, "dtype": "float32", "lora_rank": None}, {"units": 3}),
        ("Dense", {"activation": FUNCTION}, {"activation": "relu"}),
        ("Dense", {"batch_input_shape": [None, 3]}, {}),
        (
            "Dense",
            {"kernel_initializer": GLOROT},
            {"kernel_initializer": {"class_name": "GlorotUniform", "config": {}}},
        ),
        (
            "Dense",
            {"kernel_initializer": OLD_GLOROT},
            {
                "kernel_initializer": {
                    "class_name": "VarianceScaling",
                    "config": {"scale": 1.0, "distribution": "truncated_normal"},
                }
            },
        ),
        ("Dense", {"bias_initializer": "zeros"}, {"bias_initializer": "zeros"}),
        ("Rescaling", {"scale": 2.0, "seed": 3, "groups": 1}, {"scale": 2.0}),
        ("Flatten", {"data_format": "channels_last"}, {"data_format": "channels_last"}),
        ("InputLayer", {"batch_shape": [32, 8]}, {"batch_shape": [None, 8]}),
        (
            "InputLayer",
            {"batch_input_shape": [None, 8], "dtype": "uint8", "sparse": False, "ragged": False},
            {"batch_shape": [None, 8]},
        ),
    ],
)
def test_settings_of_any_keras_are_read(kind: str, given: Config, kept: Config) -> None:
    assert settings(kind, **given) == kept


HALF = {"class_name": "Policy", "config": {"name": "mixed_float16"}}


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ([], r"model.h5: this is no description of a layer or model: \[\]"),
        (layer("Conv2d"), r"layer it \(Conv2d\) is of a kind .* Did you mean 'Conv2D'\?"),
        (layer("LSTM"), r"layer it \(LSTM\) is of a kind that Pellucid does not have. Known are"),
        (layer("Lambda"), "holds Python code, and nothing in a file is executed: replace it by"),
        (layer("TFOpLambda"), "holds Python code"),
        (layer("Dense", lora_rank=4), "has lora_rank=4, which there is not in Pellucid"),
        (layer("Dense", dtype=HALF), "has the type mixed_float16; Pellucid computes in float32"),
        (layer("InputLayer", dtype="string"), "has the type string"),
        (layer("Dense", activation=layer("LeakyReLU")), "has activation=LeakyReLU, an object"),
        ({"class_name": "Dense", "config": 3}, "has no configuration"),
        ({"class_name": "Sequential", "config": {}}, "lists no layers"),
        (
            {**layer("Dense"), "module": "os", "registered_name": None},
            r"is a class of the program that wrote the file \(os, registered as None\)",
        ),
        (
            {**layer("Dense"), "module": "keras.layers", "registered_name": "mine>Dense"},
            "registered as mine>Dense",
        ),
        (
            layer("Dense", kernel_initializer={**GLOROT, "module": "mine.rules"}),
            "kernel_initializer is a class of the program",
        ),
    ],
)
def test_what_there_is_not_here_is_told(description: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        descriptions.read(description, "model.h5")


def test_the_first_layer_of_an_old_sequential_says_what_it_reads() -> None:
    old = {"class_name": "Sequential", "config": [layer("Dense", batch_input_shape=[None, 4])]}
    config = descriptions.read(old, "model.h5")["config"]
    assert config["name"] == "sequential"
    assert [layer["class_name"] for layer in config["layers"]] == ["InputLayer", "Dense"]
    assert config["layers"][0]["config"]["batch_shape"] == [None, 4]


def history(layer: str, node: int, place: int = 0) -> Config:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, node, place]}}


def test_the_nodes_of_keras_2_become_those_of_keras_3() -> None:
    """A shared Dense, and a model in the model whose first use is number 1."""
    inner = {"class_name": "Model", "config": {**functional(), "name": "inner"}}
    old = {
        "class_name": "Model",
        "config": {
            "name": "net",
            "layers": [
                {**layer("InputLayer", "x", batch_input_shape=[None, 4]), "inbound_nodes": []},
                {
                    **layer("Dense", "dense"),
                    "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 1, 0, {"training": False}]]],
                },
                {**inner, "name": "inner", "inbound_nodes": [[["dense", 0, 0]]]},
                {
                    **layer("Flatten", "join"),
                    "inbound_nodes": [[["dense", 1, 0, {}], ["inner", 1, 0, {}]]],
                },
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["join", 0, 0], ["inner", 1, 0]],
        },
    }
    config = descriptions.read(old, "model.h5")["config"]
    assert [layer["inbound_nodes"] for layer in config["layers"]] == [
        [],
        [
            {"args": [history("x", 0)], "kwargs": {}},
            {"args": [history("inner", 0)], "kwargs": {"training": False}},
        ],
        [{"args": [history("dense", 0)], "kwargs": {}}],
        [{"args": [[history("dense", 1), history("inner", 0)]], "kwargs": {}}],
    ]
    assert config["input_layers"] == ["x", 0, 0]
    assert config["output_layers"] == [["join", 0, 0], ["inner", 1, 0]]


def functional(**keywords: Any) -> Config:
    node = {"args": [history("x", 0)], "kwargs": keywords}
    return {
        "name": "net",
        "layers": [
            {**layer("InputLayer", "x", batch_shape=[None, 4]), "inbound_nodes": []},
            {**layer("Dense", "dense"), "name": "dense", "inbound_nodes": [node]},
        ],
        "input_layers": ["x", 0, 0],
        "output_layers": ["dense", 0, 0],
    }


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"training": True}, r"layer dense \(Dense\) is called with training=True, which cannot"),
        ({"mask": [1]}, r"called with mask=\[1\]"),
    ],
)
def test_calls_that_cannot_be_kept_are_told(keywords: Config, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        descriptions.read({"class_name": "Functional", "config": functional(**keywords)}, "a.h5")


def test_groups_are_numbered_by_class() -> None:
    inner = {
        "class_name": "Sequential",
        "config": {"name": "inner", "layers": [layer("InputLayer"), layer("Conv2D", "b")]},
    }
    shared = [{**layer("Dense", name), "shared_object_id": 7} for name in ("c", "d")]
    outer = {
        "class_name": "Functional",
        "config": {"layers": [layer("InputLayer", "x"), layer("Conv2D", "a"), inner, *shared]},
    }
    assert list(layout.groups(outer)) == [
        (("x",), "layers/input_layer"),
        (("a",), "layers/conv2d"),
        (("inner",), "layers/sequential"),
        (("inner", "b"), "layers/sequential/layers/conv2d"),
        (("c",), "layers/dense"),
        (("d",), "layers/dense"),
    ]
