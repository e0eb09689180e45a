"""Layers of several inputs: as layers, as functions, as signs between tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pellucid import Input, Model, layers
from pellucid.errors import PellucidError

A = np.array([[1, 5, 3]], np.float32)
B = np.array([[4, 2, 3]], np.float32)
KINDS = [
    ("Add", [[5, 7, 6]]),
    ("Subtract", [[-3, 3, 0]]),
    ("Multiply", [[4, 10, 9]]),
    ("Average", [[2.5, 3.5, 3]]),
    ("Maximum", [[4, 5, 3]]),
    ("Minimum", [[1, 2, 3]]),
    ("Concatenate", [[1, 5, 3, 4, 2, 3]]),
]


@pytest.mark.parametrize(("kind", "expected"), KINDS)
def test_merging_of_arrays_and_of_tensors(kind: str, expected: list[list[float]]) -> None:
    assert_array_equal(getattr(layers, kind)()([A, B]), expected)
    assert_array_equal(getattr(layers, kind.lower())([A, B]), expected)
    inputs = [Input((3,)), Input((3,))]
    merged = getattr(layers, kind.lower())(inputs, name="merged")
    assert merged.shape == (None, len(expected[0]))
    model = Model(inputs, merged, engine="reference")
    assert_array_equal(model([A, B]), expected)
    layer = model.get_layer("merged")
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("join", "kind"),
    [
        (lambda a, b: a + b, "Add"),
        (lambda a, b: a - b, "Subtract"),
        (lambda a, b: a * b, "Multiply"),
    ],
)
def test_signs_between_tensors_are_layers(join: Callable[[Any, Any], Any], kind: str) -> None:
    assert type(join(Input((3,)), Input((3,))).layer).__name__ == kind


def test_concatenation_counts_the_batch_as_an_axis() -> None:
    images = np.zeros((2, 4, 3, 5), np.float32)
    for axis, shape in (
        (1, (2, 8, 3, 5)),
        (2, (2, 4, 6, 5)),
        (3, (2, 4, 3, 10)),
        (-2, (2, 4, 6, 5)),
    ):
        assert layers.concatenate([images, images], axis=axis).shape == shape


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: layers.add([Input((8, 8, 4)), Input((8, 8, 2))], name="sum"),
            "Layer sum (Add) cannot be put here. Add needs inputs of one shape, where a size of 1 "
            "fits any other; got (8, 8, 4) and (8, 8, 2). A Conv2D with kernel_size=1 brings "
            "images to another depth.",
        ),
        (
            lambda: layers.Subtract(name="less")([Input((8,))]),
            "Layer less (Subtract) cannot be put here. Subtract takes two inputs, one from the "
            "other; got 1.",
        ),
        (
            lambda: layers.concatenate([Input((8,)), Input((8,))], axis=0, name="row"),
            "Layer row (Concatenate) cannot be put here. Concatenate joins samples of the shape "
            "(8,) along one of their axes, 1 to 1, or -1 for the last; got axis=0.",
        ),
    ],
)
def test_inputs_that_do_not_fit_together_are_told(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PellucidError) as caught:
        make()
    assert str(caught.value) == message
