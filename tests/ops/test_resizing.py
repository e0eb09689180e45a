"""Other sizes of images: Keras and ONNX, and by hand what neither has."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from onnx.reference.ops import op_resize

from pellucid.ops.base import Array, Context
from pellucid.ops.geometry import RandomCrop
from pellucid.ops.resizing import INTERPOLATIONS, Resizing, weights

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZES = [(7, 9), (3, 4), (16, 5), (12, 12)]
IMAGES = np.random.default_rng(0).normal(size=(2, 8, 10, 3))


def resized(op: Resizing, images: Array = IMAGES) -> Array:
    return op.forward((images,), (), Context())


ASPECTS = [
    {},
    {"crop_to_aspect_ratio": True},
    {"pad_to_aspect_ratio": True},
    {"pad_to_aspect_ratio": True, "fill_value": 5.0},
]


@pytest.mark.parametrize("aspect", ASPECTS, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("interpolation", "antialias"),
    [("nearest", False), ("bilinear", False), ("bilinear", True), ("bicubic", True)],
)
def test_resizes_as_keras_does(
    interpolation: str, antialias: bool, size: tuple[int, int], aspect: dict[str, float]
) -> None:
    """Keras on PyTorch has another bicubic kernel than elsewhere, but not so with antialias."""
    op = Resizing(size, interpolation, antialias, **aspect)  # type: ignore[arg-type]
    theirs = torch.tensor(IMAGES, requires_grad=True)
    expected = keras.ops.image.resize(
        theirs, size, interpolation, antialias, data_format="channels_last", **aspect
    )
    output = resized(op)
    assert_allclose(output, expected.detach(), rtol=1e-9, atol=1e-9)
    gradient = np.random.default_rng(1).normal(size=output.shape)
    expected.backward(torch.tensor(gradient))
    (ours,) = op.backward(gradient, (IMAGES,), (), output, Context()).inputs
    assert_allclose(ours, theirs.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bicubic_is_that_of_onnx(size: tuple[int, int]) -> None:
    image = IMAGES[0, :, :, 0]
    expected = op_resize._interpolate_nd(
        image,
        lambda ratio, scale: op_resize._cubic_coeffs(ratio, scale, -0.5),
        output_size=size,
        scale_factors=[size[0] / 8, size[1] / 10],
        exclude_outside=True,
    )
    output = resized(Resizing(size, "bicubic"), image[None, :, :, None])
    assert_allclose(output[0, :, :, 0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("lobes", [3, 5])
def test_lanczos_by_hand(lobes: int) -> None:
    """At twice the size every output lies a quarter of a pixel beside one."""
    matrix = weights(21, 42, f"lanczos{lobes}", antialias=False)
    distance = np.arange(-lobes + 1, lobes + 1) - 0.75  # output 21 lies at 10.25
    kernel = np.sinc(distance) * np.sinc(distance / lobes)
    expected = np.zeros(21)
    expected[10 + 1 - lobes : 10 + 1 + lobes] = kernel[::-1] / kernel.sum()
    assert_allclose(matrix[21], expected, atol=1e-12)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(INTERPOLATIONS), st.booleans())
def test_weights_are_those_of_a_mean(
    size: int, outputs: int, interpolation: str, antialias: bool
) -> None:
    matrix = weights(size, outputs, interpolation, antialias)
    assert_allclose(matrix.sum(axis=1), 1)
    if interpolation != "nearest":  # of two that are as near, the one behind
        assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-12)
    if size == outputs and not antialias:
        assert_allclose(matrix, np.eye(size), atol=1e-12)


@pytest.mark.parametrize("size", [(4, 4), (7, 2)], ids=str)
def test_outside_of_training_a_random_crop_is_the_middle_resized(size: tuple[int, int]) -> None:
    op = RandomCrop(size)
    expected = keras.preprocessing.image.smart_resize(IMAGES, size)
    assert_allclose(op.forward((IMAGES,), (), Context()), expected, rtol=1e-9, atol=1e-9)
