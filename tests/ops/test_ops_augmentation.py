"""Augmentation: Keras's own change of an image for the same random numbers, and their source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal, assert_equal

from pellucid import random
from pellucid.errors import ShapeError
from pellucid.ops.augmentation import Augmentation
from pellucid.ops.base import Array, Context
from pellucid.ops.geometry import (
    AffineOp,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from pellucid.ops.light import RandomBrightness, RandomContrast
from pellucid.ops.sampling import FILL_MODES, INTERPOLATIONS, sine_and_cosine

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TRAINING = Context(training=True, seed=7, step=11, node=3)
SAMPLES = 12
MAPS = [
    RandomRotation((-0.5, 0.5)),
    RandomRotation((0.1, 0.2)),
    RandomZoom((-0.6, 1.0)),
    RandomZoom((-0.5, 0.5), (-0.9, 0.3)),
    RandomTranslation((-1.0, 1.0), (-0.3, 0.4)),
]
LIGHTS = [
    RandomContrast((0.3, 0.8), (0, 255)),
    RandomContrast((0.0, 0.5), (50, 180)),
    RandomBrightness((-0.7, 0.4), (0, 255)),
    RandomBrightness((0.1, 0.2), (-10, 200)),
]
FLIPS = [RandomFlip(), RandomFlip(vertical=False), RandomFlip(horizontal=False)]


def images(*shape: int) -> Array:
    return np.random.default_rng(0).uniform(0, 255, (SAMPLES, *shape)).astype(np.float32)


def chances(draw: int = 0) -> Array:
    return random.uniform((7, 11, 3), draw, np.arange(SAMPLES))


def keras_layer(op: Augmentation) -> keras.Layer:
    """Keras's layer, which will draw the very numbers that the operation draws."""
    kind = getattr(keras.layers, type(op).__name__)
    match op:
        case RandomFlip(horizontal=True, vertical=True):
            return kind()
        case RandomFlip():
            return kind("horizontal" if op.horizontal else "vertical")
        case RandomContrast() | RandomBrightness():
            return kind(op.factor, op.value_range)
        case RandomRotation():
            return kind(op.factor, op.fill_mode, op.interpolation, fill_value=op.fill_value)
        case RandomZoom() | RandomTranslation():
            factors = op.height_factor, op.width_factor
            return kind(*factors, op.fill_mode, op.interpolation, fill_value=op.fill_value)
    raise AssertionError(f"Keras's word for {op} is missing here.")


@pytest.fixture
def same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Keras draw the numbers that are drawn here."""
    draws = iter(range(2))

    def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, **_: Any) -> torch.Tensor:
        drawn = minval + chances(next(draws)) * np.float32(maxval - minval)
        return torch.tensor(drawn.reshape(tuple(shape)))

    monkeypatch.setattr("keras.src.backend.torch.random.uniform", uniform)


def assert_as_in_keras(
    op: Augmentation, batch: Array, agree: Callable[[Array, Array], None]
) -> None:
    """Forward and the gradient by the images."""
    theirs = torch.tensor(batch, requires_grad=True)
    expected = keras_layer(op)(theirs * 1, training=True)  # RandomBrightness works in place
    output = op.forward((batch,), (), TRAINING)
    agree(output, expected.detach().numpy())
    weights = np.random.default_rng(1).normal(size=output.shape).astype(np.float32)
    expected.backward(torch.tensor(weights))
    (gradient,) = op.backward(weights, (batch,), (), output, TRAINING).inputs
    agree(gradient, theirs.grad.numpy())


def near(output: Array, expected: Array) -> None:
    assert_allclose(output, expected, rtol=1e-4, atol=1e-2)


def mostly_equal(output: Array, expected: Array) -> None:
    """The nearest of two pixels is another one if a place is rounded otherwise."""
    assert np.isclose(output, expected, rtol=1e-5, atol=1e-5).mean() > 0.995


@pytest.mark.usefixtures("same_numbers")
@pytest.mark.parametrize("fill_value", [0.0, 30.0])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fill_mode", FILL_MODES)
@pytest.mark.parametrize("op", MAPS, ids=str)
def test_affine_maps_are_those_of_keras(
    op: AffineOp, fill_mode: str, interpolation: str, fill_value: float
) -> None:
    op = replace(op, fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value)
    agree = near if interpolation == "bilinear" else mostly_equal
    assert_as_in_keras(op, images(17, 24, 3), agree)


@pytest.mark.usefixtures("same_numbers")
@pytest.mark.parametrize("op", [*FLIPS, *LIGHTS], ids=str)
def test_flips_and_light_are_those_of_keras(op: Augmentation) -> None:
    assert_as_in_keras(op, images(6, 5, 3), near)


def test_sines_and_cosines_are_near_the_true_ones() -> None:
    turns = np.linspace(-2, 2, 10001, dtype=np.float32)
    angles = turns.astype(np.float64) * 2 * np.pi
    for ours, true in zip(sine_and_cosine(turns), (np.sin(angles), np.cos(angles)), strict=True):
        assert ours.dtype == np.float32
        assert_allclose(ours, true, rtol=0, atol=1.2e-7)
    quarters = np.arange(-4, 5, dtype=np.float32) / 4
    assert_equal(sine_and_cosine(quarters)[0], [0, 1, 0, -1, 0, 1, 0, -1, 0])
    assert_equal(sine_and_cosine(quarters)[1], [1, 0, -1, 0, 1, 0, -1, 0, 1])


def test_a_quarter_of_a_turn_is_exact() -> None:
    batch = images(5, 5, 2)
    turned = RandomRotation((0.25, 0.25)).forward((batch,), (), TRAINING)
    assert_array_equal(turned, np.rot90(batch, axes=(1, 2)))


def test_every_image_is_cropped_at_a_place_of_its_own() -> None:
    batch = images(9, 7, 2)
    op = RandomCrop((4, 5))
    output = op.forward((batch,), (), TRAINING)
    assert output.shape == (SAMPLES, *op.output_shape((9, 7, 2)))
    tops, lefts = np.floor(chances(0) * 6).astype(int), np.floor(chances(1) * 3).astype(int)
    for crop, image, top, left in zip(output, batch, tops, lefts, strict=True):
        assert_array_equal(crop, image[top : top + 4, left : left + 5])
    assert len({*zip(tops, lefts, strict=True)}) > 3
    (gradient,) = op.backward(output, (batch,), (), output, TRAINING).inputs
    assert_allclose(gradient.sum(), output.sum(), rtol=1e-6)
    assert_array_equal(gradient[0, tops[0] : tops[0] + 4, lefts[0] : lefts[0] + 5], output[0])


def test_a_crop_never_leaves_the_image() -> None:
    largest = np.float32(1 - 2**-24)
    for size in (*range(2, 300), 1023, 1024, 1025, 65537):
        assert RandomCrop((2, 2)).corner([largest] * 2, size, size) == (size - 2, size - 2)


EVERY = [*MAPS, *FLIPS, *LIGHTS, RandomCrop((3, 3))]
every_op = pytest.mark.parametrize("op", EVERY, ids=str)


@every_op
def test_an_image_has_its_own_numbers(op: Augmentation) -> None:
    """They follow from its place, not from what else is in the batch."""
    batch = images(6, 5, 3)
    together = op.forward((batch,), (), TRAINING)
    assert_array_equal(op.forward((batch[:3],), (), TRAINING), together[:3])
    same = op.forward((np.repeat(batch[:1], SAMPLES, 0),), (), TRAINING)
    assert len({output.tobytes() for output in same}) > 1


@every_op
def test_seed_step_and_node_change_the_numbers(op: Augmentation) -> None:
    batch = images(6, 5, 3)
    changed = {"seed": 8, "step": 12, "node": 4}
    contexts = [TRAINING, *(replace(TRAINING, **{key: changed[key]}) for key in changed)]
    outputs = {op.forward((batch,), (), context).tobytes() for context in contexts}
    assert len(outputs) == 4
    own = replace(op, seed=8)
    assert_array_equal(own.forward((batch,), (), TRAINING), op.forward((batch,), (), contexts[1]))


@every_op
def test_nothing_is_changed_outside_of_training(op: Augmentation) -> None:
    batch = images(6, 5, 3)
    assert op.random
    if not isinstance(op, RandomCrop):
        assert op.inference() is None
        assert op.forward((batch,), (), Context()) is batch
        assert op.backward(batch, (batch,), (), batch, Context()).inputs[0] is batch


@every_op
def test_only_images_are_augmented(op: Augmentation) -> None:
    with pytest.raises(
        ShapeError,
        match=rf"^{type(op).__name__} needs images of the shape \(height, width, channels\), "
        r"got \(5, 3\)\.$",
    ):
        op.output_shape((5, 3))
