"""The textbook's listings on photographs, with nothing changed but the imports.

Source: F. Chollet, Deep Learning with Python, second edition (2021), sections 8.2 and 9.3: a net
for cats and dogs, data augmentation, and a model like Xception. There are fewer pictures and epochs
than there, and plots are left out.
"""

from __future__ import annotations

import os
import pathlib
import shutil

import numpy as np
import pytest
from photographs import CLASSES, disc
from PIL import Image

import pellucid as keras
from pellucid import layers
from pellucid.utils import image_dataset_from_directory

EPOCHS = 3


@pytest.fixture(autouse=True)
def _fresh(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder of its own, and the same numbers each time."""
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    keras.utils.clear_session()


@pytest.fixture(scope="module")
def base_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Photographs in three parts, each with a folder for cats and one for dogs."""
    original_dir = tmp_path_factory.mktemp("train")
    generator = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        for i in range(22):
            size = generator.integers(60, 100, 2)
            Image.fromarray(disc(generator, size, 2 * number)).save(
                original_dir / f"{name}.{i}.jpg"
            )

    # Listing 8.6: copying images to training, validation, and test directories
    new_base_dir = tmp_path_factory.mktemp("small") / "cats_vs_dogs_small"

    def make_subset(subset_name: str, start_index: int, end_index: int) -> None:
        for category in ("cat", "dog"):
            dir = new_base_dir / subset_name / category
            os.makedirs(dir)
            fnames = [f"{category}.{i}.jpg" for i in range(start_index, end_index)]
            for fname in fnames:
                shutil.copyfile(src=original_dir / fname, dst=dir / fname)

    make_subset("train", start_index=0, end_index=10)
    make_subset("validation", start_index=10, end_index=16)
    make_subset("test", start_index=16, end_index=22)
    return new_base_dir


def datasets(new_base_dir: pathlib.Path):
    # Listing 8.9: using image_dataset_from_directory to read images
    train_dataset = image_dataset_from_directory(
        new_base_dir / "train", image_size=(180, 180), batch_size=32
    )
    validation_dataset = image_dataset_from_directory(
        new_base_dir / "validation", image_size=(180, 180), batch_size=32
    )
    test_dataset = image_dataset_from_directory(
        new_base_dir / "test", image_size=(180, 180), batch_size=32
    )
    return train_dataset, validation_dataset, test_dataset


def test_a_convnet_from_scratch(base_dir: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Listing 8.7: instantiating a small convnet for dogs vs. cats classification
    inputs = keras.Input(shape=(180, 180, 3))
    x = layers.Rescaling(1.0 / 255)(inputs)
    x = layers.Conv2D(filters=32, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=64, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=128, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=256, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=256, kernel_size=3, activation="relu")(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs=inputs, outputs=outputs)
    model.summary()
    assert "Total params: 991,041" in capsys.readouterr().out

    # Listing 8.8: configuring the model for training
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    train_dataset, validation_dataset, test_dataset = datasets(base_dir)
    assert "Found 20 files belonging to 2 classes." in capsys.readouterr().out

    # Listing 8.10: displaying the shapes of the data and labels yielded by the Dataset
    for data_batch, labels_batch in train_dataset:
        assert data_batch.shape == (20, 180, 180, 3)
        assert labels_batch.shape == (20,)
        break

    # Listing 8.11: fitting the model using a Dataset
    callbacks = [
        keras.callbacks.ModelCheckpoint(
            filepath="convnet_from_scratch.keras", save_best_only=True, monitor="val_loss"
        )
    ]
    history = model.fit(
        train_dataset, epochs=EPOCHS, validation_data=validation_dataset, callbacks=callbacks
    )

    # Listing 8.12: what is plotted
    assert len(history.history["accuracy"]) == EPOCHS
    assert len(history.history["val_accuracy"]) == EPOCHS
    best = min(history.history["val_loss"])

    # Listing 8.13: evaluating the model on the test set
    test_model = keras.models.load_model("convnet_from_scratch.keras")
    test_loss, test_acc = test_model.evaluate(test_dataset)
    assert test_loss > 0
    assert 0 <= test_acc <= 1
    assert test_model.evaluate(validation_dataset)[0] == pytest.approx(best, rel=1e-4)


def test_data_augmentation(base_dir: pathlib.Path) -> None:
    # Listing 8.14: define a data augmentation stage to add to an image model
    data_augmentation = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.2),
        ]
    )
    train_dataset, validation_dataset, test_dataset = datasets(base_dir)

    # Listing 8.15: displaying some randomly augmented training images
    for images, _ in train_dataset.take(1):
        for _ in range(2):
            augmented_images = data_augmentation(images)
            assert augmented_images[0].astype("uint8").shape == (180, 180, 3)

    # Listing 8.16: defining a new convnet that includes image augmentation and dropout
    inputs = keras.Input(shape=(180, 180, 3))
    x = data_augmentation(inputs)
    x = layers.Rescaling(1.0 / 255)(x)
    x = layers.Conv2D(filters=32, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=64, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=128, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=256, kernel_size=3, activation="relu")(x)
    x = layers.MaxPooling2D(pool_size=2)(x)
    x = layers.Conv2D(filters=256, kernel_size=3, activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs=inputs, outputs=outputs)
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    # Listing 8.17: training the regularized convnet
    callbacks = [
        keras.callbacks.ModelCheckpoint(
            filepath="convnet_from_scratch_with_augmentation.keras",
            save_best_only=True,
            monitor="val_loss",
        )
    ]
    model.fit(train_dataset, epochs=EPOCHS, validation_data=validation_dataset, callbacks=callbacks)

    # Listing 8.18: evaluating the model on the test set
    test_model = keras.models.load_model("convnet_from_scratch_with_augmentation.keras")
    test_loss, test_acc = test_model.evaluate(test_dataset)
    # What changes pictures at random is not there outside of training.
    assert test_model.evaluate(test_dataset)[0] == pytest.approx(test_loss, rel=1e-6)
    assert 0 <= test_acc <= 1


def test_a_model_like_xception(base_dir: pathlib.Path) -> None:
    data_augmentation = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.2),
        ]
    )
    # Section 9.3.5
    inputs = keras.Input(shape=(180, 180, 3))
    x = data_augmentation(inputs)

    x = layers.Rescaling(1.0 / 255)(x)
    x = layers.Conv2D(filters=32, kernel_size=5, use_bias=False)(x)

    for size in [32, 64, 128, 256, 512]:
        residual = x

        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)

        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)

        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)

        residual = layers.Conv2D(size, 1, strides=2, padding="same", use_bias=False)(residual)
        x = layers.add([x, residual])

    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs=inputs, outputs=outputs)
    assert model.count_params() == 721_857

    train_dataset, validation_dataset, test_dataset = datasets(base_dir)
    model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    history = model.fit(
        train_dataset,
        epochs=EPOCHS,
        validation_data=validation_dataset,
        callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=EPOCHS)],
    )
    assert history.history["loss"][-1] < history.history["loss"][0]

    model.save("mini_xception.keras")
    again = keras.models.load_model("mini_xception.keras")
    assert again.evaluate(test_dataset) == pytest.approx(model.evaluate(test_dataset), rel=1e-6)
