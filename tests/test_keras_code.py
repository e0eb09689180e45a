"""The same lines of code, run with Keras and with Pellucid: names, shapes, numbers, history."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

import pellucid

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(2)
IMAGES = GENERATOR.random((40, 12, 11, 2), np.float32)
LABELS = GENERATOR.integers(0, 3, 40)


def functional(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input(shape=(12, 11, 2))
    x = layers.Rescaling(2.0, offset=-1.0)(inputs)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2, strides=1)(x)
    x = layers.Conv2D(5, (2, 3), dilation_rate=(2, 1), use_bias=False)(x)
    x = layers.Activation("tanh")(x)
    x = layers.AveragePooling2D(pool_size=(1, 2))(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(3, activation="softmax")(x)
    return keras.Model(inputs=inputs, outputs=outputs)


def sequential(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential([layers.Conv2D(4, 3, kernel_initializer="he_normal")])
    model.add(layers.Conv2D(4, 3, activation="sigmoid"))
    model.add(layers.Flatten())
    model.add(layers.Dense(6, "relu", bias_initializer="ones"))
    model.add(layers.Dense(3, "softmax"))
    model.build(input_shape=(None, 12, 11, 2))
    return model


def train(keras: Any, model: Any, optimizer: str, weights: list[np.ndarray]) -> dict[str, Any]:
    """What a user sees of a training."""
    model.set_weights(weights)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.evaluate(IMAGES, LABELS, verbose=0)
    history = model.fit(IMAGES, LABELS, batch_size=16, epochs=3, verbose=0, shuffle=False)
    return {
        "before": before,
        "after": model.evaluate(IMAGES, LABELS, verbose=0),
        "history": {name: history.history[name] for name in sorted(history.history)},
        "epoch": history.epoch,
        "answers": model.predict(IMAGES, verbose=0),
        "batch": model.predict_on_batch(IMAGES[:2]),
        "trained": model.train_on_batch(IMAGES[:8], LABELS[:8]),
    }


def close(ours: Any, theirs: Any) -> bool:
    """Whether two such reports are alike, up to single precision."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(close(ours[k], theirs[k]) for k in theirs)
    return np.allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("make", [functional, sequential])
def test_names_shapes_and_numbers_of_weights(make: Any) -> None:
    def seen(keras: ModuleType) -> dict[str, Any]:
        model = make(keras)
        return {
            "name": model.name,
            "input": model.input_shape,
            "output": model.output_shape,
            "layers": [layer.name for layer in model.layers],
            "params": [layer.count_params() for layer in model.layers],
            "total": model.count_params(),
            "weights": [weight.shape for weight in model.get_weights()],
            "found": model.get_layer("conv2d_1").filters,
        }

    keras.utils.clear_session()
    pellucid.utils.clear_session()
    assert seen(pellucid) == seen(keras)


@pytest.mark.parametrize("make", [functional, sequential])
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_training_goes_as_with_keras(make: Any, optimizer: str) -> None:
    theirs, ours = make(keras), make(pellucid)
    weights = theirs.get_weights()
    expected = train(keras, theirs, optimizer, weights)
    assert close(train(pellucid, ours, optimizer, weights), expected)


@pytest.mark.parametrize("name", ["Conv2D", "MaxPooling2D", "AveragePooling2D", "Dense"])
def test_arguments_have_the_order_of_keras(name: str) -> None:
    def order(keras: Any) -> list[str]:
        parameters = inspect.signature(getattr(keras.layers, name).__init__).parameters.values()
        return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

    ours = order(pellucid)
    assert order(keras)[: len(ours)] == ours
