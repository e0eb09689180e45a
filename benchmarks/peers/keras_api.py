"""A peer for every library with Keras's API: Keras on its backends, and Pellucid."""

import time
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.description import (
    Array,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Network,
    Relu,
    Rescaling,
    Residual,
    weight_shapes,
)


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
        *,
        explicit_padding: bool = False,
        **compile_options: Any,
    ) -> None:
        self.keras = keras
        self.versions = versions
        self.images = images
        self.labels = labels
        self.first_weights = list(weights)
        self.compile_options = compile_options
        self.loss = "binary_crossentropy" if network.binary else "sparse_categorical_crossentropy"
        self.builder = Builder(keras, explicit_padding)
        self.model = self.builder.build(network)
        self.stopwatch = make_stopwatch(keras)
        self.restart("rmsprop")

    def restart(self, rule: str) -> None:
        optimizers = self.keras.optimizers
        remaining = iter(self.first_weights)
        for layer in self.builder.weighted:
            layer.set_weights([next(remaining) for _ in layer.weights])
        self.model.compile(
            optimizer=optimizers.SGD(0.01) if rule == "sgd" else optimizers.RMSprop(1e-3),
            loss=self.loss,
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
        layers = self.builder.weighted
        return [np.asarray(weight) for layer in layers for weight in layer.get_weights()]


class Builder:
    """Builds a network as a functional model of Keras or of a library with its API.

    explicit_padding: whether convolutions take a number as their padding. Keras's do not; and as
    "same" puts more zeros at the end than at the beginning of a strided one, those of a network
    here are a layer of their own.
    """

    def __init__(self, keras: ModuleType, explicit_padding: bool) -> None:
        self.keras = keras
        self.explicit_padding = explicit_padding
        self.weighted: list[Any] = []
        """The layers that have weights, in the order in which the description has them."""

    def build(self, network: Network) -> Any:
        """The model."""
        inputs = self.keras.Input(shape=network.input_shape)
        return self.keras.Model(inputs, self.stack(network.layers, inputs))

    def stack(self, layers: Sequence[Layer], value: Any) -> Any:
        """What comes out of a row of layers."""
        for layer in layers:
            if isinstance(layer, Residual):
                body = self.stack(layer.body, value)
                value = self.keras.layers.Add()([body, self.stack(layer.shortcut, value)])
                continue
            for counterpart in self.counterparts(layer):
                value = counterpart(value)
            if weight_shapes(layer, (1,)):
                self.weighted.append(counterpart)
        return value

    def counterparts(self, layer: Layer) -> Iterator[Any]:
        """The layers of Keras for one of the description; the last one has the weights."""
        layers = self.keras.layers
        match layer:
            case Rescaling(scale):
                yield layers.Rescaling(scale)
            case Conv2D(filters, size, strides, _, use_bias, activation):
                before, padding = self.padded(layer)
                yield from before
                yield layers.Conv2D(
                    filters,
                    size,
                    strides=strides,
                    padding=padding,
                    activation=activation,
                    use_bias=use_bias,
                )
            case DepthwiseConv2D(size, strides):
                before, padding = self.padded(layer)
                yield from before
                yield layers.DepthwiseConv2D(size, strides=strides, padding=padding, use_bias=False)
            case BatchNormalization(momentum, epsilon):
                yield layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
            case Relu():
                yield layers.ReLU()
            case MaxPooling2D(pool_size):
                yield layers.MaxPooling2D(pool_size)
            case GlobalAveragePooling2D():
                yield layers.GlobalAveragePooling2D()
            case Flatten():
                yield layers.Flatten()
            case Dense(units, activation):
                yield layers.Dense(units, activation=activation)

    def padded(self, layer: Conv2D | DepthwiseConv2D) -> tuple[list[Any], Any]:
        """A layer of zeros before a convolution, if there must be one, and its own padding."""
        if layer.padding == 0:
            return [], "valid"
        if layer.strides == 1 and 2 * layer.padding + 1 == layer.kernel_size:
            return [], "same"
        if self.explicit_padding:
            return [], layer.padding
        return [self.keras.layers.ZeroPadding2D(layer.padding)], "valid"


def make_stopwatch(keras: ModuleType) -> Any:
    """A callback that keeps an epoch's seconds, without what `fit` does once a call."""

    class Stopwatch(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
        seconds = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds = time.perf_counter() - self.start

    return Stopwatch()
