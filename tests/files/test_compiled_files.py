"""What `compile` was told comes and goes, too: losses, metrics, and their weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import pellucid
from pellucid.errors import ModelFileError
from pellucid.files import compilation

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(7)
X = GENERATOR.random((12, 5), np.float32)
NUMBERS = GENERATOR.integers(0, 4, 12)
ROWS = np.eye(4, dtype=np.float32)[NUMBERS]

# For each: what makes the arguments of compile out of a library, and the targets.
COMPILED: list[tuple[Callable[[Any], dict[str, Any]], Any]] = [
    (lambda library: {"loss": "sparse_categorical_crossentropy", "metrics": ["acc"]}, NUMBERS),
    (
        lambda library: {
            "loss": library.losses.CategoricalCrossentropy(label_smoothing=0.1),
            "metrics": [
                library.metrics.TopKCategoricalAccuracy(k=2, name="top"),
                library.metrics.Precision(),
                library.metrics.Recall(thresholds=0.3),
                library.metrics.AUC(),
            ],
        },
        ROWS,
    ),
    (lambda library: {"loss": "mse", "metrics": ["categorical_accuracy"]}, ROWS),
    (
        lambda library: {
            "loss": library.losses.SparseCategoricalCrossentropy(),
            "metrics": [library.metrics.SparseTopKCategoricalAccuracy(3)],
            "weighted_metrics": ["accuracy"],
        },
        NUMBERS,
    ),
]


def network(library: Any) -> Any:
    layers = library.layers
    return library.Sequential([library.Input((5,)), layers.Dense(4, activation="softmax")])


def two_ends(library: Any) -> Any:
    inputs = library.Input((5,))
    heads = [library.layers.Dense(4, activation="softmax", name=n)(inputs) for n in ("one", "two")]
    return library.Model(inputs, heads)


def load(path: Path) -> Any:
    return pellucid.saving.load_model(path, engine="reference")


def same_figures(ours: Any, theirs: Any, y: Any) -> bool:
    mine = ours.evaluate(X, y, verbose=0, return_dict=True)
    others = theirs.evaluate(X, y, verbose=0, return_dict=True)
    return mine.keys() == others.keys() and all(
        np.isclose(mine[name], float(others[name]), rtol=1e-4) for name in mine
    )


@pytest.mark.parametrize(("arguments", "y"), COMPILED)
def test_losses_and_metrics(arguments: Any, y: Any, tmp_path: Path) -> None:
    ours, theirs = network(pellucid), network(keras)
    ours.compile("sgd", **arguments(pellucid), engine="reference")
    theirs.compile("sgd", **arguments(keras))
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    assert same_figures(ours, keras.saving.load_model(tmp_path / "ours.keras"), y)
    assert same_figures(load(tmp_path / "theirs.keras"), theirs, y)
    assert load(tmp_path / "ours.keras").get_compile_config() == ours.get_compile_config()


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss": ["mse", "mse"], "loss_weights": [1.0, 0.5], "metrics": [["accuracy"], []]},
        {"loss": {"one": "mse", "two": "categorical_crossentropy"}, "metrics": {"two": ["acc"]}},
    ],
)
def test_several_outputs(arguments: dict[str, Any], tmp_path: Path) -> None:
    ours, theirs = two_ends(pellucid), two_ends(keras)
    ours.compile("adam", **arguments, engine="reference")
    theirs.compile("adam", **arguments)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    y = [ROWS, ROWS]
    assert same_figures(ours, keras.saving.load_model(tmp_path / "ours.keras"), y)
    assert same_figures(load(tmp_path / "theirs.keras"), theirs, y)


def test_what_only_pellucid_has_says_so(tmp_path: Path) -> None:
    cycle = pellucid.optimizers.schedules.OneCycle(0.1, 10)
    model = network(pellucid)
    model.compile(pellucid.optimizers.SGD(cycle), "mse")
    model.save(tmp_path / "model.keras")
    assert load(tmp_path / "model.keras").optimizer == model.optimizer
    with pytest.raises(TypeError, match="OneCycle"):
        keras.saving.load_model(tmp_path / "model.keras")
    keras.saving.load_model(tmp_path / "model.keras", compile=False)


def test_the_words_of_keras_2_are_read() -> None:
    config = {
        "optimizer_config": {
            "class_name": "Custom>Adam",
            "config": {"learning_rate": 0.5, "decay": 0.0, "jit_compile": True, "name": "Adam"},
        },
        "loss": {"class_name": "MeanSquaredError", "config": {"reduction": "auto", "fn": None}},
        "metrics": [
            [
                {
                    "class_name": "MeanMetricWrapper",
                    "config": {"name": "acc", "dtype": "float32", "fn": "binary_accuracy"},
                }
            ]
        ],
        "sample_weight_mode": None,
    }
    assert compilation.read(config, "model.h5") == {
        "optimizer": {"class_name": "Adam", "config": {"learning_rate": 0.5, "name": "Adam"}},
        "loss": {"class_name": "MeanSquaredError", "config": {}},
        "metrics": [[{"class_name": "binary_accuracy", "config": {"name": "acc"}}]],
        "loss_weights": None,
        "weighted_metrics": None,
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"loss": {"class_name": "MeanSquaredError", "config": {"reduction": "sum"}}},
            "loss MeanSquaredError has reduction='sum', which there is not in Pellucid. Load the",
        ),
        (
            {"optimizer": {"class_name": "SGD", "config": {"gradient_accumulation_steps": 4}}},
            "optimizer SGD has gradient_accumulation_steps=4",
        ),
        (
            {"metrics": [{"class_name": "F1", "config": {}, "module": "mine"}]},
            "metrics F1 is a class of the program that wrote the file",
        ),
    ],
)
def test_what_there_is_not_here_is_told(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        compilation.read(config, "model.keras")


def test_an_unknown_loss_leaves_the_model(tmp_path: Path) -> None:
    model = network(keras)
    model.compile("sgd", "kl_divergence")
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=r"cannot be compiled as it was: .* compile=False"):
        load(tmp_path / "model.keras")
    assert not pellucid.saving.load_model(tmp_path / "model.keras", compile=False).compiled
