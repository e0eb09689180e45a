"""The textbook's listings, with nothing changed but the imports and the amount of data.

Source: F. Chollet, Deep Learning with Python, second edition (2021), listings 8.1 to 8.5, and the
first edition (2017), listings 5.1 to 5.3.
"""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as keras
from pellucid import layers
from pellucid.data.loader import Pair
from pellucid.datasets import mnist

STROKES = np.random.default_rng(1).random((10, 28, 28)) < 0.15


def digits(count: int, seed: int) -> Pair:
    """Pictures like MNIST's, uint8: each class has strokes of its own, under noise."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count).astype(np.uint8)
    noise = generator.integers(0, 60, (count, 28, 28))
    return (np.where(STROKES[labels], 180, 0) + noise).astype(np.uint8), labels


@pytest.fixture(autouse=True)
def _small_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "load_data", lambda: (digits(640, 0), digits(64, 1)))
    keras.utils.set_random_seed(0)
    keras.utils.clear_session()


def convnet() -> keras.Model:
    # Listing 8.1: instantiating a small convnet
    inputs = keras.Input(shape=(28, 28, 1))
    x = layers.Conv2D(filters=32, kernel_size=3, activation="relu")(inputs)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=64, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=128, kernel_size=3, activation="relu")(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs=inputs, outputs=outputs)


def test_the_convnet_of_chapter_8(capsys: pytest.CaptureFixture[str]) -> None:
    model = convnet()

    # Listing 8.2: displaying the model's summary
    model.summary()
    shown = capsys.readouterr().out
    assert "max_pooling2d_1" in shown
    assert "Total params: 104,202" in shown

    # Listing 8.3: training the convnet on MNIST images
    (train_images, train_labels), (test_images, test_labels) = mnist.load_data()
    train_images = train_images.reshape((len(train_images), 28, 28, 1))
    train_images = train_images.astype("float32") / 255
    test_images = test_images.reshape((len(test_images), 28, 28, 1))
    test_images = test_images.astype("float32") / 255
    model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_images, train_labels, epochs=3, batch_size=64)

    # Listing 8.4: evaluating the convnet
    test_loss, test_acc = model.evaluate(test_images, test_labels)
    assert test_acc > 0.95
    assert test_loss < 1


def test_the_convnet_without_max_pooling() -> None:
    # Listing 8.5: an incorrectly structured convnet missing its max-pooling layers
    inputs = keras.Input(shape=(28, 28, 1))
    x = layers.Conv2D(filters=32, kernel_size=3, activation="relu")(inputs)
    x = layers.Conv2D(filters=64, kernel_size=3, activation="relu")(x)
    x = layers.Conv2D(filters=128, kernel_size=3, activation="relu")(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    model_no_max_pool = keras.Model(inputs=inputs, outputs=outputs)
    assert model_no_max_pool.count_params() == 712_202


def test_the_first_editions_convnet() -> None:
    # Listings 5.1 to 5.3
    model = keras.models.Sequential()
    model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    assert model.count_params() == 93_322
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    model.engine = "reference"
    images, labels = digits(64, 0)
    images = images.reshape((64, 28, 28, 1)).astype("float32") / 255
    history = model.fit(images, keras.utils.to_categorical(labels), epochs=1, batch_size=64)
    assert set(history.history) == {"loss", "accuracy"}
