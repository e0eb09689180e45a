"""Layers: their arguments, their words, their weights, their configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid import activations, layers
from pellucid.errors import ArgumentError, DataError, PellucidError, ShapeError
from pellucid.shapes import Shape

TABLE = [
    (lambda: layers.Conv2D(8, 3), (28, 28, 1), (26, 26, 8), [(3, 3, 1, 8), (8,)]),
    (lambda: layers.Conv2D(8, (5, 3), use_bias=False), (9, 9, 3), (5, 7, 8), [(5, 3, 3, 8)]),
    (lambda: layers.Conv2D(2, 3, 2, "same"), (7, 8, 1), (4, 4, 2), [(3, 3, 1, 2), (2,)]),
    (lambda: layers.Conv2D(2, 3, padding="half"), (7, 8, 1), (7, 8, 2), [(3, 3, 1, 2), (2,)]),
    (lambda: layers.Conv2D(2, 3, padding="zero"), (7, 8, 1), (7, 8, 2), [(3, 3, 1, 2), (2,)]),
    (lambda: layers.Conv2D(2, 3, padding="full"), (7, 8, 1), (9, 10, 2), [(3, 3, 1, 2), (2,)]),
    (lambda: layers.Conv2D(2, 3, padding=(1, 0)), (7, 8, 1), (7, 6, 2), [(3, 3, 1, 2), (2,)]),
    (
        lambda: layers.Conv2D(2, 3, padding=((0, 1), (2, 0)), dilation_rate=2),
        (7, 8, 1),
        (4, 6, 2),
        [(3, 3, 1, 2), (2,)],
    ),
    (lambda: layers.MaxPooling2D(), (13, 13, 4), (6, 6, 4), []),
    (lambda: layers.MaxPool2D(3, 2, "same"), (13, 13, 4), (7, 7, 4), []),
    (lambda: layers.AveragePooling2D((1, 2)), (13, 13, 4), (13, 6, 4), []),
    (lambda: layers.AvgPool2D(2, strides=1), (13, 13, 4), (12, 12, 4), []),
    (lambda: layers.Flatten(), (3, 3, 128), (1152,), []),
    (lambda: layers.Dense(10, "softmax"), (1152,), (10,), [(1152, 10), (10,)]),
    (lambda: layers.Dense(10, use_bias=False), (4, 6), (4, 10), [(6, 10)]),
    (lambda: layers.Activation("relu"), (4, 4, 2), (4, 4, 2), []),
    (lambda: layers.Activation(activations.tanh), (5,), (5,), []),
    (lambda: layers.Rescaling(1 / 255, -0.5), (4, 4, 2), (4, 4, 2), []),
    (lambda: layers.Dropout(0.5), (4, 4, 2), (4, 4, 2), []),
]


@pytest.mark.parametrize(("make", "input_shape", "output_shape", "weights"), TABLE)
def test_shapes_weights_and_configuration(
    make: Callable[[], layers.Layer], input_shape: Shape, output_shape: Shape, weights: list[Shape]
) -> None:
    layer = make()
    assert layer.shape_behind(input_shape) == output_shape
    layer.build((None, *input_shape))
    assert layer.output_shape == (None, *output_shape)
    assert [weight.shape for weight in layer.weights] == weights
    assert all(weight.dtype == np.float32 for weight in layer.weights)
    assert all(weight.ctypes.data % 64 == 0 for weight in layer.weights)
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert again.get_config() == layer.get_config()
    assert again.lower(input_shape) == layer.lower(input_shape)


def test_a_filter_is_a_stack_of_kernels() -> None:
    layer = layers.Conv2D(4, (2, 3))
    layer.build((None, 5, 5, 3))
    layer.bias[2] = 0.5
    assert layer.kernel.shape == (2, 3, 3, 4)
    assert layer.filter_stacks.shape == (4, 2, 3, 3)
    filter = layer.filter(2)
    assert filter.stack.shape == (2, 3, 3)
    assert filter.bias == 0.5
    assert filter.depth == 3
    assert filter.kernels.shape == (3, 2, 3)
    assert np.array_equal(filter.kernel(1), layer.kernel[:, :, 1, 2])
    assert np.shares_memory(filter.kernel(1), layer.kernel)
    assert np.array_equal(layer.filter_stacks[2], filter.stack)


def test_a_filter_or_kernel_that_is_not_there_is_told() -> None:
    layer = layers.Conv2D(4, 3, name="c")
    layer.build((None, 5, 5, 3))
    with pytest.raises(ArgumentError, match=r"c has no filter 4: it has 4, 0 to 3\."):
        layer.filter(4)
    with pytest.raises(ArgumentError, match=r"no kernel for channel 3: the filter reads 3"):
        layer.filter(0).kernel(3)


def test_a_layer_without_bias_has_none() -> None:
    layer = layers.Conv2D(4, 3, use_bias=False)
    layer.build((None, 5, 5, 1))
    assert layer.bias is None
    assert layer.filter(0).bias == 0


def test_weights_are_copied_in_place() -> None:
    layer = layers.Dense(2)
    layer.build((None, 3))
    kernel = layer.kernel
    layer.set_weights([np.ones((3, 2)), np.zeros(2)])
    assert layer.kernel is kernel
    assert (kernel == 1).all()
    copies = layer.get_weights()
    copies[0][...] = 5
    assert (kernel == 1).all()
    assert layer.count_params() == 8


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([np.ones((3, 2))], r"Layer d has 2 arrays of weights, got 1\."),
        (3, r"Layer d has 2 arrays of weights, got int\."),
        ([np.ones((2, 3)), np.ones(2)], r"d/kernel has the shape \(3, 2\), got \(2, 3\)\."),
        ([np.ones((3, 2)), np.full(2, np.nan)], "d/bias needs finite real numbers"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(weights: Any, message: str) -> None:
    layer = layers.Dense(2, name="d", kernel_initializer="zeros")
    layer.build((None, 3))
    with pytest.raises(DataError, match=message):
        layer.set_weights(weights)
    assert not layer.kernel.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(0, 3), "filters must be a whole number of at least 1, got 0"),
        (lambda: layers.Conv2D(1.5, 3), "filters must be a whole number of at least 1, got 1.5"),
        (lambda: layers.Conv2D(True, 3), "filters must be a whole number of at least 1"),
        (lambda: layers.Conv2D(8, (3, 3, 3)), r"one number or \(rows, columns\), got \(3, 3, 3\)"),
        (lambda: layers.Conv2D(8, 3, 0), "strides must be a whole number of at least 1"),
        (
            lambda: layers.Conv2D(8, 3, padding="sane"),
            "Unknown padding 'sane'. Did you mean 'same'",
        ),
        (lambda: layers.Conv2D(8, 3, padding=-1), "Cannot pad by -1"),
        (lambda: layers.Conv2D(8, 3, groups=2), "groups must be 1"),
        (lambda: layers.Conv2D(8, 3, data_format="channels_first"), r"transpose\(0, 2, 3, 1\)"),
        (lambda: layers.Conv2D(8, 3, activation="rellu"), "Did you mean 'relu'"),
        (lambda: layers.Conv2D(8, 3, kernel_initializer="zero"), "Did you mean 'zeros'"),
        (lambda: layers.MaxPooling2D(0), "pool_size must be a whole number"),
        (lambda: layers.Dense(-1), "units must be a whole number"),
        (lambda: layers.Dropout(1.0), "rate must be at least 0 and less than 1, got 1.0"),
        (lambda: layers.Dropout(-0.1), "rate must be at least 0 and less than 1, got -0.1"),
        (lambda: layers.Dropout(None), "rate must be at least 0 and less than 1, got None"),
        (lambda: layers.Rescaling(float("nan")), "scale must be a finite number, got nan"),
        (lambda: layers.Rescaling([1, 2]), r"scale must be a finite number, got \[1, 2\]"),
        (lambda: layers.Input((28, None, 1)), "every size of one sample"),
        (lambda: layers.Input(28), "every size of one sample"),
        (lambda: layers.Flatten().build(28), r"must be like \(None, 28, 28, 1\), got 28"),
        (lambda: layers.Dense(3)("text"), r"Layer dense\S* computes arrays of numbers .* got str"),
        (lambda: layers.Dense(3, dtype="float64"), "dtype must be 'float32', .* got 'float64'"),
        (lambda: layers.Dense(3, name=5), "name must be a text without '/', .* got 5"),
        (lambda: layers.Dense(3, name="a/b"), "name must be a text without '/', .* got 'a/b'"),
        (lambda: layers.Dense(3, name="d").kernel, "Layer d has no shape and no weights yet"),
    ],
)
def test_arguments_are_checked(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PellucidError, match=message):
        make()


def test_a_built_layer_refuses_inputs_that_its_weights_do_not_fit() -> None:
    layer = layers.Conv2D(4, 3, name="c")
    layer.build((None, 8, 8, 1))
    layer.build((None, 9, 9, 1))
    with pytest.raises(ShapeError, match=r"c has weights for inputs of the shape \(8, 8, 1\)"):
        layer.build((None, 8, 8, 3))


def test_layers_are_numbered_as_in_keras() -> None:
    pellucid.utils.clear_session()
    made = [layers.Conv2D(1, 1), layers.Conv2D(1, 1), layers.MaxPooling2D(), layers.Dense(1)]
    assert [layer.name for layer in made] == ["conv2d", "conv2d_1", "max_pooling2d", "dense"]
    assert layers.Input((1,)).layer.name == "input_layer"
    pellucid.utils.clear_session()
    assert layers.Conv2D(1, 1).name == "conv2d"


def test_activations_are_functions_too() -> None:
    np.testing.assert_array_equal(activations.relu([-1, 0, 2]), [0, 0, 2])
    np.testing.assert_allclose(activations.softmax([0.0, 0.0]), [0.5, 0.5])
    np.testing.assert_allclose(activations.sigmoid([0.0]), [0.5])
    np.testing.assert_allclose(activations.tanh([0.0]), [0])
    np.testing.assert_array_equal(activations.linear([3.0]), [3])
    assert activations.get("ReLU") is activations.relu
    assert activations.get(None) is activations.linear
