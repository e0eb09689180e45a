"""Networks of any shape in files: their order of layers, and so of weights, is Keras's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dags
import keras
import numpy as np
import pytest

import pellucid
from pellucid.models import Model

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(5)


def in_another_order(library: Any) -> Any:
    """Layers written down in another order than they are needed, and one used twice."""
    layers = library.layers
    inputs = library.Input((6, 6, 3), name="picture")
    last = layers.Conv2D(2, 1, name="last")
    late, common = layers.Conv2D(3, 1), layers.Conv2D(3, 3, padding="same")
    x = layers.Add()([common(inputs), late(inputs)])
    y = common(x)
    return library.Model(inputs, last(layers.Concatenate()([y, x, inputs])))


def a_model_twice(library: Any) -> Any:
    """A functional model and a Sequential in a model; one layer is frozen."""
    layers = library.layers
    start = library.Input((4,))
    hidden = layers.Dense(4, name="still")
    hidden.trainable = False
    inner = library.Model(start, layers.Dense(4)(hidden(start)), name="inner")
    chain = library.Sequential([library.Input((4,)), layers.Dense(4), layers.Dropout(0.5)])
    inputs = library.Input((4,))
    return library.Model(inputs, inner(chain(inner(inputs))))


NETWORKS = [in_another_order, a_model_twice, *dags.NETWORKS]


def samples(model: Model) -> Any:
    arrays = [GENERATOR.random((3, *each.shape[1:]), np.float32) for each in model.inputs]
    if isinstance(model.input, dict):
        return dict(zip(model.input_names, arrays, strict=True))
    return arrays if len(arrays) > 1 else arrays[0]


def answers(model: Any, x: Any) -> list[np.ndarray]:
    if isinstance(model, Model):
        model.engine = "reference"
    given = model.predict_on_batch(x)
    if isinstance(given, dict):
        given = [given[name] for name in sorted(given)]
    return [np.asarray(each) for each in (given if isinstance(given, list) else [given])]


def alike(ours: Any, theirs: Any, x: Any) -> bool:
    pairs = zip(answers(ours, x), answers(theirs, x), strict=True)
    return all(np.allclose(mine, others, rtol=1e-5, atol=1e-6) for mine, others in pairs)


def seen(model: Any) -> dict[str, Any]:
    """What tells one structure from another."""
    return {
        "layers": [layer.name for layer in model.layers],
        "weights": [weight.shape for weight in model.get_weights()],
        "trainable": [tuple(weight.shape) for weight in model.trainable_weights],
    }


@pytest.mark.parametrize("make", NETWORKS)
def test_networks_come_and_go(make: Callable[[Any], Any], tmp_path: Path) -> None:
    ours, theirs = make(pellucid), make(keras)
    x = samples(ours)
    ours.save(tmp_path / "ours.keras")
    in_keras = keras.saving.load_model(tmp_path / "ours.keras")
    assert seen(in_keras) == seen(ours)
    assert alike(ours, in_keras, x)

    theirs.save(tmp_path / "theirs.keras")
    read = pellucid.saving.load_model(tmp_path / "theirs.keras")
    assert seen(read) == seen(theirs)
    assert alike(read, theirs, x)

    in_keras.save(tmp_path / "back.keras")
    back = pellucid.saving.load_model(tmp_path / "back.keras")
    assert seen(back) == seen(ours)
    assert all(map(np.array_equal, answers(back, x), answers(ours, x)))


@pytest.mark.parametrize("make", NETWORKS)
def test_weights_alone_come_and_go(make: Callable[[Any], Any], tmp_path: Path) -> None:
    ours, theirs = make(pellucid), make(keras)
    x = samples(ours)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    assert alike(ours, theirs, x)

    other = make(pellucid)
    other.save_weights(tmp_path / "ours.weights.h5")
    theirs.load_weights(tmp_path / "ours.weights.h5")
    assert alike(other, theirs, x)

    other.save(tmp_path / "ours.keras")
    ours.load_weights(tmp_path / "ours.keras")
    assert all(map(np.array_equal, ours.get_weights(), other.get_weights()))
