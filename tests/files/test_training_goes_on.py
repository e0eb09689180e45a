"""A saved training goes on: here to the same bits, and with Keras to the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import pellucid
from pellucid.models import Model

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GENERATOR = np.random.default_rng(4)
IMAGES = GENERATOR.random((24, 6, 6, 1), np.float32)
LABELS = GENERATOR.integers(0, 3, 24)

# What makes an optimizer, in Keras's words, which are ours.
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.05}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "clipnorm": 1.0}),
    ("RMSprop", {"weight_decay": 0.01}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {"amsgrad": True, "clipvalue": 0.5}),
    ("AdamW", {"use_ema": True, "ema_momentum": 0.9}),
]


def network(library: Any, optimizer: Any) -> Any:
    layers = library.layers
    model = library.Sequential(
        [
            library.Input((6, 6, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    loss = library.losses.SparseCategoricalCrossentropy()
    model.compile(optimizer, loss, metrics=["accuracy"])
    return here(model) if library is pellucid else model


def here(model: Model) -> Model:
    model.engine = "reference"
    return model


def load(path: Path) -> Model:
    return here(pellucid.saving.load_model(path))


def optimizer(library: Any, number: int) -> Any:
    name, arguments = OPTIMIZERS[number]
    return getattr(library.optimizers, name)(**arguments)


def schedule(library: Any) -> Any:
    decay = library.optimizers.schedules.ExponentialDecay(0.1, decay_steps=2, decay_rate=0.5)
    return library.optimizers.SGD(decay, momentum=0.9)


def train(model: Any) -> None:
    for start in (0, 8):
        model.train_on_batch(IMAGES[start : start + 8], LABELS[start : start + 8])


def last_step(model: Any) -> list[np.ndarray]:
    model.train_on_batch(IMAGES[16:], LABELS[16:])
    return [np.asarray(weight) for weight in model.get_weights()]


def alike(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("number", [*range(len(OPTIMIZERS)), None])
def test_training_goes_on_in_keras_and_here(number: int | None, tmp_path: Path) -> None:
    def make(library: Any) -> Any:
        return schedule(library) if number is None else optimizer(library, number)

    ours = network(pellucid, make(pellucid))
    train(ours)
    ours.save(tmp_path / "ours.keras")
    theirs = keras.saving.load_model(tmp_path / "ours.keras")
    assert int(theirs.optimizer.iterations) == 2
    again = load(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    back = load(tmp_path / "theirs.keras")

    expected = last_step(ours)
    assert all(map(np.array_equal, last_step(again), expected))
    assert all(map(np.array_equal, last_step(back), expected))
    assert alike(expected, last_step(theirs))


def test_a_resumed_training_ends_on_the_same_bits(tmp_path: Path) -> None:
    pellucid.set_seed(1)
    whole = network(pellucid, "adam")
    whole.fit(IMAGES, LABELS, batch_size=5, epochs=2, verbose=0)
    whole.save(tmp_path / "model.keras")
    pellucid.set_seed(2)
    resumed = load(tmp_path / "model.keras")
    for model in (whole, resumed):
        model.fit(IMAGES, LABELS, batch_size=5, epochs=4, initial_epoch=2, verbose=0)
    assert all(map(np.array_equal, resumed.get_weights(), whole.get_weights()))
    assert resumed.training_state.epoch == 4


def test_what_keras_has_not_trained_starts_here(tmp_path: Path) -> None:
    network(keras, "rmsprop").save(tmp_path / "model.keras")
    model = load(tmp_path / "model.keras")
    assert model.training_state.step == 0
    assert model.evaluate(IMAGES, LABELS, verbose=0, return_dict=True).keys() == {
        "loss",
        "accuracy",
    }


def test_it_is_compiled_only_if_asked(tmp_path: Path) -> None:
    network(pellucid, "sgd").save(tmp_path / "model.keras")
    assert load(tmp_path / "model.keras").compiled
    assert not pellucid.saving.load_model(tmp_path / "model.keras", compile=False).compiled


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    model = network(pellucid, "adam")
    for name in ("one", "two"):
        model.save(tmp_path / f"{name}.keras")
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
