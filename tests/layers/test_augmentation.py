"""Layers for raw and for augmented images: Keras's words, shapes, configuration and adaptation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import pellucid
from pellucid import layers
from pellucid.errors import ArgumentError, DataError, PellucidError, ShapeError
from pellucid.ops.base import Array
from pellucid.ops.borders import Cropping2D
from pellucid.ops.geometry import RandomCrop
from pellucid.ops.resizing import Resizing

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RANDOM: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("RandomFlip", (), {}),
    ("RandomFlip", ("vertical",), {"seed": 3}),
    ("RandomRotation", (0.1,), {}),
    ("RandomRotation", ((-0.2, 0.1),), {"fill_mode": "constant", "fill_value": 1.0}),
    ("RandomZoom", (0.2,), {}),
    ("RandomZoom", ((-0.2, 0.3), 0.1), {"interpolation": "nearest", "seed": 4}),
    ("RandomTranslation", (0.1, (0.0, 0.2)), {"fill_mode": "wrap"}),
    ("RandomContrast", (0.3,), {}),
    ("RandomContrast", ((0.5, 0.2),), {"value_range": (0, 1)}),
    ("RandomBrightness", (0.3,), {"value_range": (1, 0)}),
]
OTHERS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("RandomCrop", (4, 5), {"seed": 1}),
    ("CenterCrop", (4, 5), {}),
    ("CenterCrop", (12, 5), {}),
    ("Resizing", (4, 5), {}),
    ("Resizing", (4, 5, "bicubic"), {"antialias": True, "crop_to_aspect_ratio": True}),
    ("Resizing", (4, 5), {"pad_to_aspect_ratio": True, "fill_value": 2.0}),
    ("Normalization", (), {}),
    ("Normalization", (None,), {"invert": True}),
    ("Normalization", ([1, -1],), {}),
    ("Normalization", (-1, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]), {}),
]
IMAGES = np.random.default_rng(0).uniform(0, 255, (18, 9, 8, 3)).astype(np.float32)
every_layer = pytest.mark.parametrize(("kind", "arguments", "settings"), RANDOM + OTHERS)


@every_layer
def test_configurations_are_those_of_keras(
    kind: str, arguments: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    """Keras writes one number as such for zooms and translations, and means the same range."""
    layer = getattr(layers, kind)(*arguments, **settings)
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert again.get_config() == layer.get_config()
    assert again.lower((9, 8, 3)) == layer.lower((9, 8, 3))
    theirs = getattr(keras.layers, kind).from_config(config)
    assert theirs.get_config().keys() == config.keys()
    expected = {**theirs.get_config(), "dtype": "float32"}
    assert json.loads(json.dumps(expected)) == config
    ours = type(layer).from_config(getattr(keras.layers, kind)(*arguments, **settings).get_config())
    assert ours.lower((9, 8, 3)) == layer.lower((9, 8, 3))


@every_layer
def test_shapes_are_those_of_keras(
    kind: str, arguments: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    layer = getattr(layers, kind)(*arguments, **settings)
    theirs = getattr(keras.layers, kind)(*arguments, **settings)
    assert layer.shape_behind((9, 8, 3)) == theirs.compute_output_shape((None, 9, 8, 3))[1:]
    layer.build((None, 9, 8, 3))
    theirs.build((None, 9, 8, 3))
    assert [weight.shape for weight in layer.weights] == [weight.shape for weight in theirs.weights]
    assert not layer.trainable_weights


@pytest.mark.parametrize(("kind", "arguments", "settings"), RANDOM)
def test_augmentation_is_active_when_called_on_images(
    kind: str, arguments: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    pellucid.set_seed(1)
    layer = getattr(layers, kind)(*arguments, **settings)
    first, second = layer(IMAGES), layer(IMAGES)
    assert (first != second).any(), "every call has its own numbers"
    assert (first != IMAGES).any()
    assert_array_equal(layer(IMAGES, training=False), IMAGES)
    pellucid.set_seed(1)
    assert_array_equal(getattr(layers, kind)(*arguments, **settings)(IMAGES), first)
    pellucid.set_seed(2)
    other = getattr(layers, kind)(*arguments, **settings)(IMAGES)
    assert (other == first).all() == ("seed" in settings)


def test_crops() -> None:
    assert layers.CenterCrop(9, 8).lower((9, 8, 3)) == []
    assert layers.RandomCrop(9, 8).lower((9, 8, 3)) == []
    (stage,) = layers.CenterCrop(4, 8).lower((9, 8, 3))
    assert stage.op == Cropping2D(((2, 3), (0, 0)))
    (stage,) = layers.CenterCrop(10, 4).lower((9, 8, 3))
    assert stage.op == Resizing((10, 4), crop_to_aspect_ratio=True)
    (stage,) = layers.RandomCrop(9, 4, seed=2).lower((9, 8, 3))
    assert stage.op == Resizing((9, 4), crop_to_aspect_ratio=True)
    (stage,) = layers.RandomCrop(8, 4, seed=2).lower((9, 8, 3))
    assert stage.op == RandomCrop((8, 4), seed=2)


@pytest.mark.parametrize("size", [(4, 5), (3, 8), (9, 7), (12, 5), (20, 30)])
def test_center_crop_is_that_of_keras(size: tuple[int, int]) -> None:
    expected = keras.ops.convert_to_numpy(keras.layers.CenterCrop(*size)(IMAGES))
    assert_allclose(layers.CenterCrop(*size)(IMAGES), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2), (3, 1), (1, 2, 3)], ids=str)
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("cut", [None, [18], [1, 7, 10], "pairs"], ids=str)
def test_normalization_adapts_as_in_keras(axis: Any, invert: bool, cut: Any) -> None:
    if cut is None:
        data: Any = IMAGES
    elif cut == "pairs":
        data = ((part, np.zeros(2)) for part in np.split(IMAGES, 3))
    else:
        data = np.split(IMAGES, np.cumsum(cut)[:-1])
    ours, theirs = (
        layers.Normalization(axis, invert=invert),
        keras.layers.Normalization(axis, invert=invert),
    )
    ours.adapt(data)
    theirs.adapt(IMAGES)
    for weight, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert weight.shape == expected.shape
        assert_allclose(weight, expected, rtol=1e-4)
    expected = keras.ops.convert_to_numpy(theirs(IMAGES))
    assert_allclose(ours(IMAGES), expected, rtol=1e-3, atol=1e-3)


def test_normalization_with_known_moments() -> None:
    layer = layers.Normalization(mean=3.0, variance=4.0)
    assert_array_equal(layer(np.array([[1.0], [5.0]])), [[-1.0], [1.0]])
    assert layer.mean == 3
    layer = layers.Normalization((1, 3), [[1.0, 2.0, 3.0]], [[4.0, 0.25, 1.0]])
    assert_array_equal(layer(IMAGES), (IMAGES - np.float32([1, 2, 3])) / np.float32([2, 0.5, 1]))


def test_adapting_again_forgets() -> None:
    layer = layers.Normalization()
    assert layer.mean is None
    layer.adapt(IMAGES * 2 + 5)
    layer.adapt(IMAGES)
    again = layers.Normalization()
    again.adapt(IMAGES)
    assert_array_equal(layer.mean, again.mean)
    assert_array_equal(layer.variance, again.variance)
    assert layer(IMAGES).mean() == pytest.approx(0, abs=1e-5)


def test_what_has_no_variance_is_not_blown_up_without_end() -> None:
    layer = layers.Normalization()
    layer.adapt(np.ones((4, 2)))
    assert_allclose(layer(np.array([[1.0, 2.0]])), [[0.0, 1e7]], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: layers.RandomFlip("sideways"), PellucidError, "Unknown flip 'sideways'"),
        (
            lambda: layers.RandomRotation(1.5),
            ArgumentError,
            r"^factor must be one number or \(least, largest\), from -1 to 1; got 1\.5\.$",
        ),
        (lambda: layers.RandomRotation(None), ArgumentError, "factor must be a finite number"),
        (lambda: layers.RandomRotation((1, 2, 3)), ArgumentError, "factor must be one number or"),
        (lambda: layers.RandomZoom(0.1, -1.5), ArgumentError, "width_factor must be one number"),
        (lambda: layers.RandomContrast(-0.1), ArgumentError, "factor must be one number"),
        (
            lambda: layers.RandomTranslation(0.1, 0.1, fill_mode="reflekt"),
            PellucidError,
            "Unknown fill_mode 'reflekt'. Did you mean 'reflect'",
        ),
        (
            lambda: layers.RandomZoom(0.1, interpolation="linear"),
            PellucidError,
            "Unknown interpolation 'linear'. Did you mean 'bilinear'",
        ),
        (lambda: layers.RandomFlip(seed=-1), ArgumentError, "A seed must be an integer"),
        (lambda: layers.RandomFlip(data_format="channels_first"), ArgumentError, "transpose"),
        (
            lambda: layers.RandomBrightness(0.1, 255),
            ArgumentError,
            r"^value_range must be \(least, largest\), got 255\.$",
        ),
        (lambda: layers.RandomCrop(0, 3), ArgumentError, "height must be a whole number"),
        (lambda: layers.CenterCrop(3, 0), ArgumentError, "width must be a whole number"),
        (lambda: layers.Resizing(3, 3, "cubic"), PellucidError, "Did you mean 'bicubic'"),
        (
            lambda: layers.Resizing(3, 3, fill_mode="wrap"),
            ArgumentError,
            r"^fill_mode must be 'constant', got 'wrap'\.$",
        ),
        (
            lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
            ArgumentError,
            "two ways to keep the proportions of images. Choose one",
        ),
        (
            lambda: layers.Normalization(mean=1.0),
            ArgumentError,
            "^Give mean and variance together, or neither and call adapt",
        ),
        (lambda: layers.Normalization("last"), ArgumentError, "axis must be a whole number"),
        (
            lambda: layers.Normalization(mean="a", variance=1),
            ArgumentError,
            "mean must be a finite number or an array of them, got 'a'",
        ),
        (
            lambda: layers.Normalization(0, name="n").build((None, 4)),
            ShapeError,
            r"^Layer n has the axes \(0,\), but batches of samples \(4,\) have the axes 1 to 1, "
            r"each named once\.$",
        ),
        (
            lambda: layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0], name="n").build(
                (None, 4)
            ),
            ShapeError,
            r"^Layer n needs a mean and a variance that broadcast to \(4,\), the sizes of the axes "
            r"\(-1,\); theirs are \(2,\) and \(2,\)\.$",
        ),
        (
            lambda: layers.Normalization(mean=1, variance=1, name="n").adapt(IMAGES),
            ArgumentError,
            r"^Layer n was given its mean and variance; leave them out to adapt it\.$",
        ),
        (
            lambda: layers.Normalization(name="n").adapt([]),
            DataError,
            r"^Layer n has seen no batch to adapt to\.$",
        ),
        (
            lambda: layers.Normalization(name="n").adapt([[1.0], [2.0]]),
            DataError,
            r"^Layer n adapts to arrays of numbers \(sample, \.\.\.\); a batch was list of the "
            r"shape \(1,\)\.$",
        ),
        (
            lambda: layers.Normalization(name="n").adapt(3),
            DataError,
            r"to an iterable of such batches, got int\.$",
        ),
        (
            lambda: layers.Normalization(name="n").adapt(np.full((2, 2), np.nan)),
            DataError,
            r"^Layer n adapts to finite numbers; a batch has others\.$",
        ),
        (
            lambda: layers.Normalization(name="n").adapt([np.ones((2, 3)), np.ones((2, 4))]),
            ShapeError,
            "Layer n has weights for inputs of the shape",
        ),
    ],
)
def test_errors_say_what_to_do(
    make: Callable[[], Any], kind: type[PellucidError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_the_textbook_augments_in_front_of_a_model() -> None:
    """Listing 8.14 and 8.16, on small images."""
    augmentation = pellucid.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
    )
    shown: Array = augmentation(IMAGES)
    assert shown.shape == IMAGES.shape
    inputs = pellucid.Input(shape=(9, 8, 3))
    x = augmentation(inputs)
    x = layers.Rescaling(1.0 / 255)(x)
    x = layers.Flatten()(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    model = pellucid.Model(inputs=inputs, outputs=outputs)
    assert_array_equal(model(IMAGES, training=False), model(IMAGES, training=False))
    assert (model(IMAGES, training=True) != model(IMAGES, training=True)).any()
