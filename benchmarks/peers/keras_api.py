"""A peer for every library with Keras's API: Keras on its backends, and Pellucid."""

import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.networks import Array, Conv2D, Dense, Flatten, MaxPooling2D, Network


class KerasApiPeer:
    """Training with `fit`, prediction with `predict` and `predict_on_batch`."""

    def __init__(
        self,
        keras: ModuleType,
        versions: dict[str, str],
        network: Network,
        images: Array,
        labels: np.ndarray,
        weights: Sequence[Array],
        **compile_options: Any,
    ) -> None:
        self.keras = keras
        self.versions = versions
        self.images = images
        self.labels = labels
        self.first_weights = list(weights)
        self.compile_options = compile_options
        self.model = build(keras, network)
        self.stopwatch = make_stopwatch(keras)
        self.restart("rmsprop")

    def restart(self, rule: str) -> None:
        optimizers = self.keras.optimizers
        self.model.set_weights(self.first_weights)
        self.model.compile(
            optimizer=optimizers.SGD(0.01) if rule == "sgd" else optimizers.RMSprop(1e-3),
            loss="sparse_categorical_crossentropy",
            **self.compile_options,
        )

    def train(self, count: int, batch_size: int, shuffle: bool) -> float:
        self.model.fit(
            self.images[:count],
            self.labels[:count],
            batch_size=batch_size,
            epochs=1,
            shuffle=shuffle,
            verbose=0,
            callbacks=[self.stopwatch],
        )
        return float(self.stopwatch.seconds)

    def predict(self, count: int, batch_size: int) -> Array:
        return np.asarray(self.model.predict(self.images[:count], batch_size=batch_size, verbose=0))

    def predict_one(self, index: int) -> Array:
        return np.asarray(self.model.predict_on_batch(self.images[index : index + 1]))

    def weights(self) -> list[Array]:
        return [np.asarray(weight) for weight in self.model.get_weights()]


def build(keras: ModuleType, network: Network) -> Any:
    """The network as a Sequential model of Keras or of a library with its API."""
    made = [keras.Input(shape=network.input_shape)]
    for layer in network.layers:
        match layer:
            case Conv2D(filters, size, padding):
                made.append(keras.layers.Conv2D(filters, size, padding=padding, activation="relu"))
            case MaxPooling2D(pool_size):
                made.append(keras.layers.MaxPooling2D(pool_size))
            case Flatten():
                made.append(keras.layers.Flatten())
            case Dense(units, activation):
                made.append(keras.layers.Dense(units, activation=activation))
    return keras.Sequential(made)


def make_stopwatch(keras: ModuleType) -> Any:
    """A callback that keeps an epoch's seconds, without what `fit` does once a call."""

    class Stopwatch(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
        seconds = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds = time.perf_counter() - self.start

    return Stopwatch()
