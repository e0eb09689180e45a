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
    (lambda: layers.Conv2D(6, 3, groups=2), (7, 8, 4), (5, 6, 6), [(3, 3, 2, 6), (6,)]),
    (lambda: layers.DepthwiseConv2D(3), (7, 8, 4), (5, 6, 4), [(3, 3, 4, 1), (4,)]),
    (
        lambda: layers.DepthwiseConv2D((3, 2), 2, "same", 3, use_bias=False),
        (7, 8, 4),
        (4, 4, 12),
        [(3, 2, 4, 3)],
    ),
    (
        lambda: layers.SeparableConv2D(5, 3, 2, "half", depth_multiplier=2, activation="relu"),
        (7, 8, 4),
        (4, 4, 5),
        [(3, 3, 4, 2), (1, 1, 8, 5), (5,)],
    ),
    (lambda: layers.Conv2DTranspose(6, 3), (7, 8, 4), (9, 10, 6), [(3, 3, 6, 4), (6,)]),
    (
        lambda: layers.Conv2DTranspose(6, 3, 2, "same", use_bias=False),
        (7, 8, 4),
        (14, 16, 6),
        [(3, 3, 6, 4)],
    ),
    (
        lambda: layers.Conv2DTranspose(6, (2, 3), 3, "zero", output_padding=(2, 0)),
        (7, 8, 4),
        (20, 22, 6),
        [(2, 3, 6, 4), (6,)],
    ),
    (
        lambda: layers.Conv2DTranspose(6, 3, padding=((0, 1), (2, 0)), dilation_rate=2),
        (7, 8, 4),
        (10, 10, 6),
        [(3, 3, 6, 4), (6,)],
    ),
    (lambda: layers.ZeroPadding2D(), (7, 8, 4), (9, 10, 4), []),
    (lambda: layers.ZeroPadding2D(((0, 1), (2, 3))), (7, 8, 4), (8, 13, 4), []),
    (lambda: layers.Cropping2D((1, 2)), (7, 8, 4), (5, 4, 4), []),
    (lambda: layers.UpSampling2D(), (7, 8, 4), (14, 16, 4), []),
    (lambda: layers.UpSampling2D((1, 3), None, "Bilinear"), (7, 8, 4), (7, 24, 4), []),
    (lambda: layers.UpSampling2D(2, interpolation="bicubic"), (7, 8, 4), (14, 16, 4), []),
    (lambda: layers.Reshape((4, -1)), (7, 8, 4), (4, 56), []),
    (lambda: layers.Permute((3, 1, 2)), (7, 8, 4), (4, 7, 8), []),
    (lambda: layers.GlobalAveragePooling2D(), (13, 12, 4), (4,), []),
    (lambda: layers.GlobalAvgPool2D(keepdims=True), (13, 12, 4), (1, 1, 4), []),
    (lambda: layers.GlobalMaxPooling2D(), (13, 12, 4), (4,), []),
    (lambda: layers.GlobalMaxPool2D(keepdims=True), (13, 12, 4), (1, 1, 4), []),
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
    (lambda: layers.Dropout(0.5, seed=3), (5,), (5,), []),
    (lambda: layers.SpatialDropout2D(0.5), (4, 4, 2), (4, 4, 2), []),
    (lambda: layers.GaussianNoise(0.5, seed=3), (4, 4, 2), (4, 4, 2), []),
    (lambda: layers.BatchNormalization(), (4, 4, 2), (4, 4, 2), [(2,)] * 4),
    (lambda: layers.BatchNormalization([3], scale=False), (4, 4, 2), (4, 4, 2), [(2,)] * 3),
    (lambda: layers.BatchNormalization(1, center=False), (5,), (5,), [(5,)] * 3),
    (lambda: layers.LayerNormalization(), (4, 4, 2), (4, 4, 2), [(2,)] * 2),
    (lambda: layers.LayerNormalization([2, 3], center=False), (3, 4, 2), (3, 4, 2), [(4, 2)]),
    (lambda: layers.ReLU(6.0, 0.1), (4, 4, 2), (4, 4, 2), []),
    (lambda: layers.LeakyReLU(), (5,), (5,), []),
    (lambda: layers.PReLU(), (4, 3, 2), (4, 3, 2), [(4, 3, 2)]),
    (lambda: layers.PReLU(shared_axes=[1, 2]), (4, 3, 2), (4, 3, 2), [(1, 1, 2)]),
    (lambda: layers.ELU(0.5), (5,), (5,), []),
    (lambda: layers.Softmax(), (4, 2), (4, 2), []),
    (lambda: layers.Softmax(1), (4, 3, 2), (4, 3, 2), []),
    (lambda: layers.Activation("swish"), (5,), (5,), []),
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
        (
            lambda: layers.Conv2D(8, 3, groups=3),
            r"^groups must divide filters: 8 filters cannot be cut into 3 equal groups\.$",
        ),
        (lambda: layers.Conv2D(8, 3, groups=0), "groups must be a whole number of at least 1"),
        (
            lambda: layers.DepthwiseConv2D(3, depth_multiplier=0),
            "depth_multiplier must be a whole number of at least 1, got 0",
        ),
        (
            lambda: layers.SeparableConv2D(8, 3, pointwise_initializer="zero"),
            "Did you mean 'zeros'",
        ),
        (
            lambda: layers.Conv2DTranspose(8, 3, 2, output_padding=-1),
            "output_padding must be a whole number of at least 0, got -1",
        ),
        (
            lambda: layers.Conv2DTranspose(8, 3, (2, 3), output_padding=2),
            r"^output_padding must be below strides \(2, 3\), got 2\.$",
        ),
        (
            lambda: layers.ZeroPadding2D("same"),
            r"^Cannot pad by 'same'\. Give a number >= 0, \(rows, columns\), or \(\(top, bottom\), "
            r"\(left, right\)\)\.$",
        ),
        (lambda: layers.Cropping2D((1, -1)), r"Cannot crop by \(1, -1\)\. Give a number >= 0"),
        (
            lambda: layers.UpSampling2D(2, interpolation="linear"),
            "Unknown interpolation 'linear'. Did you mean 'bilinear'",
        ),
        (lambda: layers.UpSampling2D(0), "size must be a whole number of at least 1"),
        (
            lambda: layers.Reshape((-1, -1)),
            r"^target_shape must give the sizes of one sample, at most one of them -1 for what is "
            r"left, without the batch; got \(-1, -1\)\.$",
        ),
        (lambda: layers.Reshape((0, 4)), r"target_shape must give .* got \(0, 4\)"),
        (lambda: layers.Reshape(4), "target_shape must give .* got 4"),
        (
            lambda: layers.Permute((0, 1)),
            r"^dims must have the numbers of all axes of a sample from 1 on, each once, for "
            r"instance \(2, 1\) to swap two; got \(0, 1\)\.$",
        ),
        (lambda: layers.Permute(2), "dims must have .* got 2"),
        (lambda: layers.Conv2D(8, 3, data_format="channels_first"), r"transpose\(0, 2, 3, 1\)"),
        (lambda: layers.Conv2D(8, 3, activation="rellu"), "Did you mean 'relu'"),
        (lambda: layers.Conv2D(8, 3, kernel_initializer="zero"), "Did you mean 'zeros'"),
        (lambda: layers.MaxPooling2D(0), "pool_size must be a whole number"),
        (lambda: layers.Dense(-1), "units must be a whole number"),
        (lambda: layers.Dropout(1.0), "rate must be at least 0 and less than 1, got 1.0"),
        (lambda: layers.Dropout(-0.1), "rate must be at least 0 and less than 1, got -0.1"),
        (lambda: layers.Dropout(None), "rate must be at least 0 and less than 1, got None"),
        (lambda: layers.Dropout(0.5, noise_shape=(None, 1)), "noise_shape must be None, .* maps"),
        (lambda: layers.SpatialDropout2D(1), "rate must be at least 0 and less than 1, got 1"),
        (lambda: layers.Dropout(0.5, seed=-1), "A seed must be an integer from 0 to 4294967295"),
        (lambda: layers.GaussianNoise(-1), "stddev must be a finite number of at least 0, got -1"),
        (lambda: layers.BatchNormalization(1.5), "axis must be a whole number, got 1.5"),
        (lambda: layers.BatchNormalization(momentum=2), "momentum must be from 0 to 1, got 2"),
        (lambda: layers.BatchNormalization(renorm=True), "renorm must be False"),
        (lambda: layers.BatchNormalization(epsilon=-1), "epsilon must be a finite number of at"),
        (lambda: layers.LayerNormalization(rms_scaling=True), "rms_scaling must be False"),
        (lambda: layers.ReLU(-1), "max_value must be a finite number of at least 0, got -1"),
        (lambda: layers.LeakyReLU(None), "negative_slope must be a finite number of at least 0"),
        (lambda: layers.PReLU(shared_axes=[0]), "shared_axes must be a whole number of at least"),
        (lambda: layers.ELU(-1), "alpha must be a finite number of at least 0, got -1"),
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


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            layers.BatchNormalization(1),
            (4, 4, 2),
            "BatchNormalization normalizes channels, which are the last axis: axis must be -1 or 3 "
            "here, got 1.",
        ),
        (
            layers.LayerNormalization([1, 3]),
            (4, 4, 2),
            "LayerNormalization takes mean and variance over the last axes, for instance axis=-1 "
            "or axis=[2, 3]; samples of the shape (4, 4, 2) have the axes 1 to 3, got axis=(1, 3).",
        ),
        (
            layers.Softmax(0),
            (4, 2),
            "Softmax works along one of the axes of samples of the shape (4, 2), 1 to 2, or -1 for "
            "the last; got axis=0.",
        ),
    ],
)
def test_axes_that_are_not_there_are_told(layer: layers.Layer, shape: Shape, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        layer.lower(shape)
    assert str(caught.value) == message


def test_a_batch_normalization_that_is_frozen_or_not_trained_keeps_to_what_moved() -> None:
    layer = layers.BatchNormalization(momentum=0.5, epsilon=0.0)
    images = np.array([[1.0], [3.0]])
    np.testing.assert_array_equal(layer(images), images)
    np.testing.assert_array_equal(layer(images, training=True), [[-1], [1]])
    np.testing.assert_array_equal([layer.moving_mean, layer.moving_variance], [[1], [1]])
    np.testing.assert_array_equal(layer(images), [[0], [2]])
    layer.trainable = False
    np.testing.assert_array_equal(layer(images, training=True), [[0], [2]])
    np.testing.assert_array_equal([layer.moving_mean, layer.moving_variance], [[1], [1]])
    assert [len(layer.trainable_weights), len(layer.non_trainable_weights)] == [0, 4]


def test_a_seed_of_its_own_makes_a_layer_independent_of_the_run() -> None:
    layer, images = layers.Dropout(0.5, seed=3), np.ones((4, 20))
    dropped = []
    for seed in (0, 1):
        pellucid.set_seed(seed)
        dropped.append(layers.Dropout(0.5, seed=3)(images, training=True))
    np.testing.assert_array_equal(*dropped)
    assert (layer(images, training=True) != layer(images, training=True)).any()


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
    np.testing.assert_array_equal(activations.relu([-3, 1, 9], 0.5, 6, 2), [-2.5, -0.5, 6])
    np.testing.assert_array_equal(activations.leaky_relu([-1.0, 2], 0.5), [-0.5, 2])
    np.testing.assert_array_equal(activations.elu([-1000.0, 2], alpha=0.5), [-0.5, 2])
    np.testing.assert_allclose(activations.gelu([1.0]), [0.8413447], rtol=1e-6)
    np.testing.assert_allclose(activations.gelu([1.0], approximate=True), [0.8411920], rtol=1e-6)
    np.testing.assert_allclose(activations.softmax([[0.0, 0.0]], axis=0), [[1, 1]])
    assert activations.swish is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get("ReLU") is activations.relu
    assert activations.get(None) is activations.linear
