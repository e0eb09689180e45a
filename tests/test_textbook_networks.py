"""The textbook's networks that are no chains, with nothing changed but the imports.

Source: F. Chollet, Deep Learning with Python, second edition (2021), sections 7.2.2, 8.2.5, 8.3
and 9.3. The numbers of weights are those that the same lines give in Keras.
"""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as keras
from pellucid import layers

vocabulary_size = 10000
num_tags = 100
num_departments = 4


@pytest.fixture(autouse=True)
def _fresh_names() -> None:
    keras.utils.clear_session()


def customer_tickets() -> keras.Model:
    # Listing 7.9: a multi-input, multi-output functional model
    title = keras.Input(shape=(vocabulary_size,), name="title")
    text_body = keras.Input(shape=(vocabulary_size,), name="text_body")
    tags = keras.Input(shape=(num_tags,), name="tags")

    features = layers.Concatenate()([title, text_body, tags])
    features = layers.Dense(64, activation="relu")(features)

    priority = layers.Dense(1, activation="sigmoid", name="priority")(features)
    department = layers.Dense(num_departments, activation="softmax", name="department")(features)

    return keras.Model(inputs=[title, text_body, tags], outputs=[priority, department])


def test_several_inputs_and_outputs() -> None:
    model = customer_tickets()
    assert model.count_params() == 20100 * 64 + 64 + 65 + 65 * 4
    num_samples = 2
    title_data = np.random.default_rng(0).integers(0, 2, (num_samples, vocabulary_size))
    text_body_data = np.random.default_rng(1).integers(0, 2, (num_samples, vocabulary_size))
    tags_data = np.random.default_rng(2).integers(0, 2, (num_samples, num_tags))
    priority, department = model([title_data, text_body_data, tags_data])
    assert priority.shape == (2, 1)
    np.testing.assert_allclose(department.sum(axis=1), 1, rtol=1e-6)


def test_access_to_layer_connectivity() -> None:
    # Listings 7.12 and 7.13: the inputs or outputs of a layer, and a model that reuses them
    model = customer_tickets()
    names = [layer.name for layer in model.layers]
    expected = ["title", "text_body", "tags", "concatenate", "dense", "priority", "department"]
    assert names == expected
    assert model.layers[3].input == model.inputs
    assert model.layers[3].output.shape == (None, 20100)

    features = model.layers[4].output
    difficulty = layers.Dense(3, activation="softmax", name="difficulty")(features)
    new_model = keras.Model(inputs=model.inputs, outputs=[*model.outputs, difficulty])
    assert [output.shape for output in new_model.outputs] == [(None, 1), (None, 4), (None, 3)]
    assert new_model.weights[0] is model.weights[0]


def test_cats_and_dogs_with_data_augmentation() -> None:
    # Listings 8.14 and 8.16
    data_augmentation = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.2),
        ]
    )
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
    assert model.count_params() == 991_041


def test_freezing_a_convolutional_base() -> None:
    # Listings 8.23, 8.24 and 8.27, with a small base in place of the pretrained one
    conv_base = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(8, 3, activation="relu", name="block1"),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3, activation="relu", name="block2"),
        ]
    )
    conv_base.trainable = True
    assert len(conv_base.trainable_weights) == 4
    conv_base.trainable = False
    assert len(conv_base.trainable_weights) == 0

    inputs = keras.Input(shape=(32, 32, 3))
    x = conv_base(inputs)
    x = layers.Flatten()(x)
    x = layers.Dense(16)(x)
    x = layers.Dropout(0.5)(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs, outputs)
    assert len(model.trainable_weights) == 4

    conv_base.trainable = True
    for layer in conv_base.layers[:-1]:
        layer.trainable = False
    assert len(model.trainable_weights) == 6


def test_residual_blocks() -> None:
    # Listings 9.2 and 9.3: the number of filters changes; there is a max pooling layer
    inputs = keras.Input(shape=(32, 32, 3))
    x = layers.Conv2D(32, 3, activation="relu")(inputs)
    residual = x
    x = layers.Conv2D(64, 3, activation="relu", padding="same")(x)
    residual = layers.Conv2D(64, 1)(residual)
    x = layers.add([x, residual])
    assert x.shape == (None, 30, 30, 64)

    residual = x
    x = layers.Conv2D(64, 3, activation="relu", padding="same")(x)
    x = layers.MaxPooling2D(2, padding="same")(x)
    residual = layers.Conv2D(64, 1, strides=2)(residual)
    x = layers.add([x, residual])
    assert x.shape == (None, 15, 15, 64)

    # and the network of blocks that follows them
    inputs = keras.Input(shape=(32, 32, 3))
    x = layers.Rescaling(1.0 / 255)(inputs)

    def residual_block(x, filters, pooling=False):
        residual = x
        x = layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
        x = layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
        if pooling:
            x = layers.MaxPooling2D(2, padding="same")(x)
            residual = layers.Conv2D(filters, 1, strides=2)(residual)
        elif filters != residual.shape[-1]:
            residual = layers.Conv2D(filters, 1)(residual)
        x = layers.add([x, residual])
        return x  # noqa: RET504

    x = residual_block(x, filters=32, pooling=True)
    x = residual_block(x, filters=64, pooling=True)
    x = residual_block(x, filters=128, pooling=False)

    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = keras.Model(inputs=inputs, outputs=outputs)
    assert model.count_params() == 297_697


def mini_xception() -> keras.Model:
    # Section 9.3.5: putting it together
    data_augmentation = keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
    )
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
    return keras.Model(inputs=inputs, outputs=outputs)


def test_a_model_like_xception(capsys: pytest.CaptureFixture[str]) -> None:
    model = mini_xception()
    model.summary()
    shown = capsys.readouterr().out
    assert "Total params: 721,857" in shown
    assert "Trainable params: 718,849" in shown
    assert "Non-trainable params: 3,008" in shown


def test_intermediate_activations_and_a_feature_extractor() -> None:
    # Listings 9.9 and 9.13
    model = mini_xception()
    layer_outputs = []
    layer_names = []
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.MaxPooling2D):
            layer_outputs.append(layer.output)
            layer_names.append(layer.name)
    activation_model = keras.Model(inputs=model.input, outputs=layer_outputs)
    assert len(activation_model.outputs) == len(layer_names) == 11

    layer = model.get_layer(name="separable_conv2d")
    feature_extractor = keras.Model(inputs=model.input, outputs=layer.output)
    activation = feature_extractor(np.zeros((1, 180, 180, 3), np.float32))
    assert activation.shape == (1, 176, 176, 32)
