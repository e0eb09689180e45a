"""Old .h5 files: those that Keras 3 still writes, and the same in the layout of Keras 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import keras_2
import numpy as np
import pytest

import pellucid
from pellucid.errors import ArgumentError, ModelFileError
from pellucid.models import Model

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(6)
IMAGES = GENERATOR.random((16, 8, 8, 1), np.float32)
LABELS = GENERATOR.integers(0, 3, 16)


def chain(library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((8, 8, 1)),
            layers.Rescaling(0.5),
            layers.Conv2D(3, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.0),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def nested(library: Any) -> Any:
    layers = library.layers
    start = library.Input((8, 8, 1))
    inner = library.Model(start, layers.Conv2D(1, 3, padding="same")(start), name="inner")
    inputs = library.Input((8, 8, 1))
    x = layers.Flatten()(inner(inner(inputs), training=False))
    return library.Model(inputs, layers.Dense(3, activation="softmax")(x))


def trained(model: Any, optimizer: Any = "adam") -> Any:
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.train_on_batch(IMAGES, LABELS)
    return model


def load(path: Path) -> Model:
    return pellucid.saving.load_model(path, engine="reference")


def untouched(path: Path) -> None:
    """Keras 3's own."""


@pytest.mark.parametrize("make", [chain, nested])
@pytest.mark.parametrize("layout", [untouched, keras_2.convert])
def test_old_models_are_read(
    make: Callable[[Any], Any], layout: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "model.h5"
    theirs = trained(make(keras))
    theirs.save(path)
    layout(path)
    ours = load(path)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))
    answers = np.asarray(theirs.predict_on_batch(IMAGES))
    assert np.allclose(ours.predict(IMAGES, verbose=0), answers, rtol=1e-5, atol=1e-6)
    assert ours.training_state.step == 1
    for model in (ours, theirs):
        model.train_on_batch(IMAGES, LABELS)
    pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
    assert all(np.allclose(mine, others, rtol=1e-3, atol=1e-5) for mine, others in pairs)


@pytest.mark.parametrize("make", [chain, nested])
def test_old_weights_are_read(make: Callable[[Any], Any], tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    theirs, ours = make(keras), make(pellucid)
    theirs.save(path)
    with h5py.File(path, "r+") as file:  # a file of weights alone has them at its root
        for name in file["model_weights"]:
            file.copy(file["model_weights"][name], name)
        file.attrs["layer_names"] = file["model_weights"].attrs["layer_names"]
        del file["model_weights"], file.attrs["model_config"]
    ours.load_weights(path)
    assert all(map(np.array_equal, ours.get_weights(), theirs.get_weights()))
    with pytest.raises(ModelFileError, match=r"holds weights alone\. Build the model, then call"):
        load(path)


def test_the_optimizer_of_before_keras_2_11_goes_on(tmp_path: Path) -> None:
    """There the steps are called iter, and all means come before all squares."""
    path = tmp_path / "model.h5"
    theirs = trained(chain(keras))
    theirs.save(path)
    with h5py.File(path, "r+") as file:
        group = file["optimizer_weights"]
        names = [str(name) for name in group.attrs["weight_names"]]
        steps, _, *slots = names
        group["Adam/iter:0"] = group[steps][()]
        group.attrs["weight_names"] = ["Adam/iter:0", *slots[::2], *slots[1::2]]
    ours = load(path)
    for model in (ours, theirs):
        model.train_on_batch(IMAGES, LABELS)
    pairs = zip(ours.get_weights(), theirs.get_weights(), strict=True)
    assert all(np.allclose(mine, others, rtol=1e-3, atol=1e-5) for mine, others in pairs)


def _without_layer(file: h5py.File) -> None:
    names = list(file["model_weights"].attrs["layer_names"])
    file["model_weights"].attrs["layer_names"] = names[:-1]


def _other_shape(file: h5py.File) -> None:
    group = file["model_weights/dense"]
    group["kernel"] = np.zeros((2, 3), np.float32)
    group.attrs["weight_names"] = ["kernel", group.attrs["weight_names"][1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_layer, "has weights for 1 layers, needed are 2: conv2d, dense. It is of another"),
        (
            _other_shape,
            r"/dense/kernel \(layer dense\) has the shape \(2, 3\), needed is \(27, 3\)",
        ),
        (lambda file: file.attrs.pop("model_config"), "holds weights alone"),
        (lambda file: file.attrs.modify("model_config", b"{"), "its model_config is no JSON"),
        (lambda file: file.attrs.modify("model_config", b"{}"), "this is no description"),
        (lambda file: file.pop("model_weights"), "has no group|lists no layers"),
    ],
)
def test_damage_is_told(change: Callable[[h5py.File], Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    keras.utils.clear_session()
    chain(keras).save(path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ModelFileError, match=message) as raised:
        load(path)
    assert "model.h5" in str(raised.value)


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    model = chain(pellucid)
    model.save_weights(path)
    with pytest.raises(ArgumentError, match=r"holds weights alone\. Build the model"):
        load(path)
