"""What cannot be saved or loaded: one error that says what, where, and what to do."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import pellucid
from pellucid.errors import ArgumentError, ModelFileError, ShapeError, TrainingError
from pellucid.layers.base import Layer
from pellucid.models import Model

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def network(units: int = 3) -> Model:
    layers = pellucid.layers
    return pellucid.Sequential(
        [
            pellucid.Input((6, 6, 1)),
            layers.Conv2D(2, 3, padding="half", name="edges"),
            layers.Flatten(),
            layers.Dense(units, name="top"),
        ],
        name="net",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a model."""
    path = tmp_path / "model.keras"
    network().save(path)
    return path


def rewrite(
    path: Path,
    config: Callable[[Any], Any] = lambda config: config,
    weights: Callable[[h5py.File], Any] = lambda file: None,
) -> None:
    """Change what a file says of the model, or its weights."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    description = json.loads(members["config.json"])
    config(description["config"]["layers"])
    memory = io.BytesIO(members["model.weights.h5"])
    with h5py.File(memory, "r+") as file:
        weights(file)
    members |= {"config.json": json.dumps(description), "model.weights.h5": memory.getvalue()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _not_a_number(file: h5py.File) -> None:
    file["layers/dense/vars/1"][0] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layers: layers[3].update(class_name="Desne"), r"layer top \(Desne\) .* 'Dense'"),
        (lambda layers: layers[3].update(module="os"), "Nothing in a file is executed"),
        (lambda layers: layers[3]["config"].update(units=0), "units must be a whole number"),
        (lambda layers: layers[3]["config"].update(unit=3), r"has unit=3, which there is not in"),
        (lambda layers: layers[3]["config"].pop("units"), "missing 1 required positional"),
        (lambda layers: layers[1]["config"].update(kernel_size=[9, 9], padding="valid"), "edges"),
        (lambda layers: layers[1]["config"].update(name="top"), "The name top occurs 2 times"),
        (lambda layers: layers[0]["config"].update(batch_shape=[None, None, 6, 1]), "every size"),
        (lambda layers: layers[0]["config"].update(batch_shape=3), "is damaged, or of a Keras"),
        (lambda layers: layers[3]["config"].update(kernel_initializer="magic"), "'magic'"),
        (lambda layers: layers.clear(), "model net lists no layers"),
    ],
)
def test_a_model_that_cannot_be_made_is_told(
    change: Callable[[Any], Any], message: str, path: Path
) -> None:
    rewrite(path, config=change)
    with pytest.raises((ModelFileError, ShapeError), match=message) as raised:
        pellucid.saving.load_model(path)
    assert "model.keras" in str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _not_a_number,
            r"layers/dense/vars/1 \(layer top\) has values that are infinite or not",
        ),
        (
            lambda file: file.pop("layers/dense"),
            r"model.keras has 0 arrays of weights for layer top, needed are 2: it is of another",
        ),
        (
            lambda file: file.pop("layers/conv2d/vars/0"),
            r"has 1 arrays of weights for layer edges, needed are 2|has no array",
        ),
    ],
)
def test_weights_that_do_not_fit_are_told(
    change: Callable[[h5py.File], Any], message: str, path: Path
) -> None:
    rewrite(path, weights=change)
    with pytest.raises(ModelFileError, match=message):
        pellucid.saving.load_model(path)


def test_weights_are_copied_all_or_none(path: Path) -> None:
    rewrite(path, weights=_not_a_number)
    model = network()
    before = model.get_weights()
    with pytest.raises(ModelFileError):
        model.load_weights(path)
    assert all(map(np.array_equal, model.get_weights(), before))
    message = r"dense/vars/0 \(layer top\) has the shape \(72, 3\), needed is \(72, 4\)"
    with pytest.raises(ModelFileError, match=message):
        network(units=4).load_weights(path)


def test_sizes_that_a_file_claims_cost_nothing(path: Path) -> None:
    """Four terabytes of weights: no memory is used for them before they are found missing."""

    def claim(layers: Any) -> None:
        layers[3]["config"].update(units=10**10)

    rewrite(path, config=claim)
    with pytest.raises(ModelFileError, match=r"model.keras"):
        pellucid.saving.load_model(path)


def test_python_in_a_file_is_never_executed(tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=r"\(Lambda\) .* holds Python code, and nothing in a"):
        pellucid.saving.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["model", "model.pb", "model.weights.h5", "model.pt"])
def test_other_endings_are_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"Models are saved as \.keras files"):
        network().save(tmp_path / name)
    with pytest.raises(ArgumentError, match=r"loaded from \.keras files|holds weights alone"):
        pellucid.saving.load_model(tmp_path / name)
    with pytest.raises(ArgumentError, match=r"Weights are saved as \.weights\.h5 files"):
        network().save_weights(tmp_path / "model.h5")
    with pytest.raises(ArgumentError, match=r"Weights are loaded from \.weights\.h5, \.keras and"):
        network().load_weights(tmp_path / "model.txt")


def test_a_file_is_replaced_only_if_asked(path: Path) -> None:
    with pytest.raises(ModelFileError, match="exists already and is not replaced"):
        network().save(path, overwrite=False)


def test_weights_that_diverged_are_not_saved(path: Path) -> None:
    model, before = network(), path.read_bytes()
    model.weights[0][...] = np.nan
    with pytest.raises(TrainingError, match="weights of layer edges are no longer finite"):
        model.save(path)
    assert path.read_bytes() == before


def test_a_model_without_a_shape_has_nothing_to_save(tmp_path: Path) -> None:
    model = pellucid.Sequential([pellucid.layers.Dense(3)])
    with pytest.raises(ShapeError, match="does not know its input's shape yet"):
        model.save(tmp_path / "model.keras")


def test_paddings_that_keras_has_no_word_for(tmp_path: Path) -> None:
    """'half' is 'same' there; 'full' is nobody's but ours, and says so."""
    network().save(tmp_path / "half.keras")
    assert keras.saving.load_model(tmp_path / "half.keras").layers[0].padding == "same"
    full = pellucid.Sequential(
        [pellucid.Input((6, 6, 1)), pellucid.layers.Conv2D(2, 3, padding="full")]
    )
    full.save(tmp_path / "full.keras")
    back = pellucid.saving.load_model(tmp_path / "full.keras")
    assert back.get_config() == full.get_config()
    with pytest.raises(TypeError, match="Could not locate class 'Conv2D'"):
        keras.saving.load_model(tmp_path / "full.keras")


def test_a_layer_of_ones_own(tmp_path: Path) -> None:
    class Doubling(pellucid.layers.Rescaling):
        """A kind of layer that only this program knows."""

    model = pellucid.Sequential([pellucid.Input((2,)), Doubling(2.0)])
    model.save(tmp_path / "model.keras")
    try:
        back = pellucid.saving.load_model(tmp_path / "model.keras", engine="reference")
    finally:
        del Layer.classes["Doubling"]
    assert np.array_equal(back.predict([[1.0, 2.0]], verbose=0), [[2.0, 4.0]])
    with pytest.raises(ModelFileError, match=r"\(Doubling\) is of a kind that Pellucid does not"):
        pellucid.saving.load_model(tmp_path / "model.keras")
    with pytest.raises(TypeError, match="Could not locate class 'Doubling'"):
        keras.saving.load_model(tmp_path / "model.keras")


def test_names_are_where_keras_has_them() -> None:
    assert pellucid.models.load_model is pellucid.saving.load_model
    assert pellucid.models.save_model is pellucid.saving.save_model
