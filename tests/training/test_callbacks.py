"""Callbacks: against Keras's on scripted figures, and what they do in a training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import pellucid
from pellucid import callbacks
from pellucid.errors import ArgumentError, TrainingError

GENERATOR = np.random.default_rng(7)
X = GENERATOR.random((40, 6), np.float32)
Y = (X[:, 0] > X[:, 1]).astype(np.int64)


class Rate:
    """An optimizer as far as callbacks know it."""

    def __init__(self, rate: float) -> None:
        self.learning_rate = rate

    def rate(self, step: int) -> float:
        return self.learning_rate


class Script:
    """A model without any network, whose figures are written down beforehand."""

    metrics: Sequence[Any] = ()

    def __init__(self) -> None:
        self.optimizer = Rate(0.5)
        self.training_state = type("State", (), {"step": 0})()
        self.stop_training = False
        self.epoch = -1
        self.told: list[Any] = []

    def get_weights(self) -> int:
        return self.epoch

    def set_weights(self, weights: int) -> None:
        self.told.append(("weights of", weights))

    def save(self, path: Any, overwrite: bool = True) -> None:
        self.told.append(("model", str(path)))

    def save_weights(self, path: Any, overwrite: bool = True) -> None:
        self.told.append(("weights", str(path)))

    def play(self, callback: Any, figures: Sequence[float], name: str) -> list[Any]:
        """Everything that a callback did with these figures, an epoch each."""
        callback.set_model(self)
        callback.on_train_begin()
        for self.epoch, figure in enumerate(figures):
            callback.on_epoch_begin(self.epoch)
            logs = {name: figure}
            callback.on_epoch_end(self.epoch, logs)
            self.told.append((logs, self.optimizer.learning_rate))
            if self.stop_training:
                break
        callback.on_train_end()
        return self.told


FIGURES = [
    [0.9, 0.7, 0.71, 0.7, 0.69, 0.72, 0.73, 0.74, 0.5, 0.6, 0.7, 0.8],
    [0.1, 0.2, 0.2, 0.1, 0.3, 0.4, 0.4, 0.4, 0.4, 0.5],
    [1.0, 1.0, 1.0, 1.0, 1.0],
]


@pytest.mark.parametrize("figures", FIGURES, ids=len)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("EarlyStopping", {}),
        ("EarlyStopping", {"patience": 2}),
        ("EarlyStopping", {"patience": 2, "restore_best_weights": True}),
        ("EarlyStopping", {"patience": 1, "min_delta": 0.05, "mode": "max"}),
        ("EarlyStopping", {"patience": 3, "baseline": 0.6, "restore_best_weights": True}),
        ("EarlyStopping", {"patience": 1, "start_from_epoch": 4}),
        ("ReduceLROnPlateau", {"patience": 2}),
        ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "cooldown": 2}),
        ("ReduceLROnPlateau", {"patience": 1, "factor": 0.1, "min_lr": 0.02, "mode": "max"}),
        ("ReduceLROnPlateau", {"patience": 1, "min_delta": 0.05}),
    ],
)
def test_what_watches_a_figure_does_what_keras_does(
    name: str, arguments: dict[str, Any], figures: list[float]
) -> None:
    ours, theirs = (getattr(library, name)(**arguments) for library in (callbacks, keras.callbacks))
    expected = Script().play(theirs, figures, "val_loss")
    assert Script().play(ours, figures, "val_loss") == expected


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: rate * 0.9]
)
def test_a_learning_rate_scheduler_is_that_of_keras(schedule: Any) -> None:
    expected = Script().play(keras.callbacks.LearningRateScheduler(schedule), [1, 2, 3], "loss")
    ours = Script().play(callbacks.LearningRateScheduler(schedule), [1, 2, 3], "loss")
    assert ours == expected


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("{epoch:02d}-{val_loss:.2f}.keras", {}),
        ("best.keras", {"save_best_only": True}),
        ("best.keras", {"save_best_only": True, "initial_value_threshold": 0.6}),
        ("best.keras", {"save_best_only": True, "mode": "max"}),
        ("a/{epoch}.weights.h5", {"save_weights_only": True}),
    ],
)
@pytest.mark.parametrize("figures", FIGURES, ids=len)
def test_models_are_kept_when_keras_keeps_them(
    path: str, arguments: dict[str, Any], figures: list[float], tmp_path: Path
) -> None:
    ours, theirs = (
        library.ModelCheckpoint(tmp_path / path, **arguments)
        for library in (callbacks, keras.callbacks)
    )
    expected = Script().play(theirs, figures, "val_loss")
    assert Script().play(ours, figures, "val_loss") == expected


@pytest.mark.parametrize("arguments", [{}, {"separator": ";"}])
def test_a_log_is_written_as_keras_does(arguments: dict[str, str], tmp_path: Path) -> None:
    texts = []
    for library in (callbacks, keras.callbacks):
        path = tmp_path / library.__name__
        for append in (False, False, True):
            Script().play(library.CSVLogger(path, append=append, **arguments), [0.5, 0.25], "loss")
        texts.append(path.read_text().splitlines())
    assert texts[0] == texts[1]


def model(optimizer: Any = "sgd") -> Any:
    pellucid.set_seed(1)
    made = pellucid.Sequential(
        [pellucid.Input((6,)), pellucid.layers.Dense(2, "softmax")], engine="reference"
    )
    made.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


def test_training_stops_and_ends_on_its_best_weights() -> None:
    class Spoil(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 3:
                kept.extend(self.model.get_weights())
            if epoch >= 4:
                logs["loss"] = 10.0

    kept: list[Any] = []
    trained = model()
    stop = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    history = trained.fit(X, Y, epochs=20, verbose=0, callbacks=[Spoil(), stop])
    assert history.epoch == [0, 1, 2, 3, 4, 5]
    assert history.history["loss"][-1] == 10.0
    assert all(map(np.array_equal, trained.get_weights(), kept))


def test_a_loss_that_is_not_finite_may_end_training_quietly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(TrainingError, match="The loss became"):
        spoiled(callbacks.TerminateOnNaN(raise_error=True))
    history = spoiled(callbacks.TerminateOnNaN())
    assert len(history.epoch) == 1
    assert not np.isfinite(history.history["loss"][0])
    assert "the loss is no longer finite, training stops." in capsys.readouterr().out


def spoiled(callback: callbacks.Callback) -> Any:
    broken = pellucid.Sequential(
        [pellucid.Input((6,)), pellucid.layers.Dense(1)], engine="reference"
    )
    broken.compile(pellucid.optimizers.SGD(1e30), "mse")
    return broken.fit(X, Y, batch_size=4, epochs=5, verbose=0, callbacks=[callback])


def test_each_batch_is_told_of_when_it_must_be(tmp_path: Path) -> None:
    seen: list[Any] = []
    listener = callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: seen.append(batch),
        on_train_batch_end=lambda batch, logs: seen.append((batch, *logs)),
        on_test_begin=lambda logs: seen.append("test"),
    )
    saved = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=4
    )
    trained = model()
    trained.save_weights = lambda path: seen.append(path.name)
    data = {"validation_data": (X, Y), "callbacks": [listener, saved]}
    trained.fit(X, Y, batch_size=16, epochs=2, verbose=0, **data)
    figures = ("loss", "accuracy")
    batches = [0, (0, *figures), 1, (1, *figures), 2, (2, *figures)]
    second = [*batches[:2], "2-1.weights.h5", *batches[2:]]
    assert seen == [*batches, "test", *second, "test"]


def test_a_rate_that_follows_a_schedule_cannot_be_set() -> None:
    rate = pellucid.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    trained = model(pellucid.optimizers.SGD(rate))
    plateau = callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10)
    with pytest.raises(ArgumentError, match="follows its schedule ExponentialDecay"):
        trained.fit(X, Y, epochs=3, verbose=0, callbacks=[plateau])


def test_a_figure_that_is_not_there_is_told_of_once() -> None:
    with pytest.warns(UserWarning, match="EarlyStopping watches 'val_loss', which is not") as told:
        model().fit(X, Y, epochs=3, verbose=0, callbacks=[callbacks.EarlyStopping()])
    assert len(told) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: callbacks.EarlyStopping(mode="up"),
            "EarlyStopping: mode must be 'auto', 'min' or 'max', got 'up'.",
        ),
        (
            lambda: callbacks.ReduceLROnPlateau(factor=1.0),
            "ReduceLROnPlateau: factor must be between 0 and 1, got 1.0.",
        ),
        (
            lambda: callbacks.ModelCheckpoint("model.pt"),
            "ModelCheckpoint: filepath must end in '.keras' with save_weights_only=False, got "
            "'model.pt'.",
        ),
        (
            lambda: callbacks.ModelCheckpoint("m.keras", save_freq=0),
            "ModelCheckpoint: save_freq must be 'epoch' or a number of batches, got 0.",
        ),
        (
            lambda: callbacks.LambdaCallback(on_epoch=print),
            "LambdaCallback: there is no event 'on_epoch'.",
        ),
        (
            lambda: Script().play(callbacks.ModelCheckpoint("{acc}.keras"), [1.0], "loss"),
            "ModelCheckpoint: filepath '{acc}.keras' names 'acc', known are: epoch, loss.",
        ),
        (
            lambda: Script().play(
                callbacks.LearningRateScheduler(lambda epoch: "fast"), [1.0], "loss"
            ),
            "LearningRateScheduler: the schedule must return a number, got 'fast' for epoch 0.",
        ),
    ],
)
def test_arguments_that_cannot_be_meant_say_so(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        make()
