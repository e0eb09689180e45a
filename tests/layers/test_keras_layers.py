"""Layers of many configurations against Keras's own: values, gradients, moving statistics."""

from __future__ import annotations

from typing import Any

import pytest
from agreement import assert_agreement
from hypothesis import given, settings
from hypothesis import strategies as st

# Keras converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

few = settings(max_examples=25, deadline=None)
image = st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3, 10, 17]))
sample = st.one_of(image, st.tuples(st.integers(1, 33)), st.tuples(st.just(5), st.integers(2, 9)))
learning = st.fixed_dictionaries({"center": st.booleans(), "scale": st.booleans()})


@few
@given(sample, learning, st.floats(0.1, 0.99), st.sampled_from([1e-3, 0.1]), st.booleans())
def test_batch_normalization(
    shape: tuple[int, ...], learned: dict[str, bool], momentum: float, epsilon: float, train: bool
) -> None:
    arguments = {**learned, "momentum": momentum, "epsilon": epsilon}
    assert_agreement("BatchNormalization", arguments, shape, training=train, tolerance=2e-4)


@few
@given(image, learning, st.booleans())
def test_a_frozen_batch_normalization(
    shape: tuple[int, ...], learned: dict[str, bool], train: bool
) -> None:
    """Only its values: nothing learns, and nothing follows the data."""
    assert_agreement("BatchNormalization", {**learned, "trainable": False}, shape, training=train)


@few
@given(image, learning, st.sampled_from([-1, 3, [-1], [2, 3], [-2, -1], [1, 2, 3]]))
def test_layer_normalization(
    shape: tuple[int, ...], learned: dict[str, bool], axis: int | list[int]
) -> None:
    assert_agreement(
        "LayerNormalization", {**learned, "axis": axis, "epsilon": 0.1}, shape, tolerance=1e-4
    )


ACTIVATIONS = [
    ("ReLU", {}),
    ("ReLU", {"max_value": 6.0}),
    ("ReLU", {"max_value": 0.9, "negative_slope": 0.2}),
    ("ReLU", {"max_value": 0.9, "negative_slope": 0.2, "threshold": 0.3}),
    ("ReLU", {"negative_slope": 0.2}),
    ("ReLU", {"threshold": 0.3}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.0}),
    ("PReLU", {}),
    ("PReLU", {"shared_axes": [1, 2]}),
    ("PReLU", {"shared_axes": 2}),
    ("ELU", {}),
    ("ELU", {"alpha": 0.5}),
    ("Softmax", {}),
    ("Softmax", {"axis": 1}),
    ("Softmax", {"axis": -2}),
    *(
        ("Activation", {"activation": name})
        for name in (
            "elu",
            "gelu",
            "hard_sigmoid",
            "hard_silu",
            "hard_swish",
            "leaky_relu",
            "linear",
            "relu",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "softmax",
            "softplus",
            "swish",
            "tanh",
        )
    ),
]


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS)
def test_activations(name: str, arguments: dict[str, Any]) -> None:
    assert_agreement(name, arguments, (5, 4, 3))


MERGINGS = [
    ((5, 4, 3), (5, 4, 3)),
    ((5, 4, 3), (1, 1, 3)),
    ((3,), (5, 4, 3)),
    ((7,), (7,)),
    ((5, 1, 3), (1, 4, 1)),
]


@pytest.mark.parametrize("shapes", MERGINGS, ids=str)
@pytest.mark.parametrize("name", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"])
def test_mergings(name: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    assert_agreement(name, {}, *shapes)


@pytest.mark.parametrize("name", ["Add", "Multiply", "Average", "Maximum", "Minimum"])
def test_mergings_of_three(name: str) -> None:
    assert_agreement(name, {}, (5, 4, 3), (5, 4, 3), (1, 1, 3))


@pytest.mark.parametrize(
    ("axis", "shapes"),
    [
        (-1, [(5, 4, 3), (5, 4, 7), (5, 4, 1)]),
        (3, [(5, 4, 3), (5, 4, 7)]),
        (1, [(5, 4, 3), (2, 4, 3)]),
        (-2, [(5, 4, 3), (5, 2, 3)]),
        (1, [(5,), (7,)]),
    ],
)
def test_concatenation(axis: int, shapes: list[tuple[int, ...]]) -> None:
    assert_agreement("Concatenate", {"axis": axis}, *shapes)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Dropout", {"rate": 0.5}),
        ("SpatialDropout2D", {"rate": 0.5}),
        ("GaussianNoise", {"stddev": 0.5}),
    ],
)
def test_what_only_training_knows_does_nothing_outside(
    name: str, arguments: dict[str, Any]
) -> None:
    assert_agreement(name, arguments, (5, 4, 3), training=False)
