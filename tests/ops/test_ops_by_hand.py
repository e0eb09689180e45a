"""Small examples worked out by hand, where two libraries could share a mistake."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pellucid.ops.activations import (
    ClippedRelu,
    Elu,
    HardSigmoid,
    HardSilu,
    LeakyRelu,
    PRelu,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
)
from pellucid.ops.base import Array, Context, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.dropout import Dropout, SpatialDropout2D
from pellucid.ops.merging import Maximum, Minimum, Multiply
from pellucid.ops.noise import GaussianNoise
from pellucid.ops.normalization import BatchNormalization, LayerNormalization
from pellucid.ops.pooling import AveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from pellucid.ops.transposed import Conv2DTranspose
from pellucid.ops.upsampling import UpSampling2D
from pellucid.random import hash32

HERE = Context()


def grid(rows: list[list[float]]) -> Array:
    """One image of one channel."""
    return np.array(rows, np.float32)[None, :, :, None]


def forward(op: Op, values: Array, *parameters: Array, context: Context = HERE) -> Array:
    return op.forward((values,), parameters, context)


def gradient(op: Op, values: Array, of_output: Array, context: Context = HERE) -> Array:
    output = forward(op, values, context=context)
    return op.backward(of_output, (values,), (), output, context).inputs[0]


def test_convolution_does_not_flip_the_kernel() -> None:
    image = grid([[1, 2, 3], [4, 5, 6]])
    kernel = np.array([[10, 1]], np.float32)[..., None, None]
    bias = np.array([100], np.float32)
    expected = grid([[112, 123], [145, 156]])
    assert_array_equal(forward(Conv2D(1, (1, 2)), image, kernel, bias), expected)


def test_convolution_of_an_impulse_is_the_kernel_turned_round() -> None:
    image = grid([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    kernel = np.arange(9, dtype=np.float32).reshape(3, 3, 1, 1)
    op = Conv2D(1, (3, 3), padding=((1, 1), (1, 1)), use_bias=False)
    assert_array_equal(forward(op, image, kernel), grid([[8, 7, 6], [5, 4, 3], [2, 1, 0]]))


def test_a_filter_sums_over_its_kernels() -> None:
    image = np.array([[[[1, 10, 100]]]], np.float32)
    kernel = np.array([[[[1, 0], [2, 0], [3, 1]]]], np.float32)
    assert_array_equal(forward(Conv2D(2, (1, 1), use_bias=False), image, kernel), [[[[321, 100]]]])


def test_a_filter_reads_the_channels_of_its_group_only() -> None:
    image = np.array([[[[1, 10, 100, 1000]]]], np.float32)
    kernel = np.array([[[[1, 2, 3, 4], [1, 0, 0, 1]]]], np.float32)
    op = Conv2D(4, (1, 1), use_bias=False, groups=2)
    assert_array_equal(forward(op, image, kernel), [[[[11, 2, 300, 1400]]]])


def test_kernels_of_a_channel_make_neighbouring_feature_maps() -> None:
    image = np.array([[[[1, 10]]]], np.float32)
    kernel = np.array([[[[1, 2], [3, 4]]]], np.float32)
    bias = np.array([0, 0, 0, 100], np.float32)
    op = DepthwiseConv2D((1, 1), depth_multiplier=2)
    assert_array_equal(forward(op, image, kernel, bias), [[[[1, 2, 30, 140]]]])


def test_a_transposed_convolution_stamps_its_kernel_and_adds_where_stamps_meet() -> None:
    image = grid([[1, 10]])
    kernel = np.array([[1, 2, 3]], np.float32)[..., None, None]
    whole = Conv2DTranspose(1, (1, 3), strides=(1, 2), use_bias=False)
    assert_array_equal(forward(whole, image, kernel), grid([[1, 2, 13, 20, 30]]))
    cut = replace(whole, padding=((0, 0), (1, 2)), output_padding=(0, 1))
    assert_array_equal(forward(cut, image, kernel), grid([[2, 13, 20]]))


def test_bilinear_upsampling_goes_from_centre_to_centre() -> None:
    image = grid([[0, 8]])
    between = UpSampling2D((1, 2), "bilinear")
    assert_array_equal(forward(between, image), grid([[0, 2, 6, 8]]))
    assert_array_equal(gradient(between, image, grid([[4, 4, 4, 8]])), grid([[8, 12]]))
    assert_array_equal(forward(UpSampling2D((2, 1)), image), grid([[0, 8], [0, 8]]))


def test_the_first_of_equal_maxima_of_a_whole_map_gets_the_gradient() -> None:
    image = grid([[0, 7, 7], [7, 7, 0]])
    expected = grid([[0, 5, 0], [0, 0, 0]])
    assert_array_equal(gradient(GlobalMaxPooling2D(), image, np.full((1, 1), 5.0)), expected)


def test_max_pooling_never_sees_padding() -> None:
    image = grid([[-3, -2], [-5, -4]])
    op = MaxPooling2D((2, 2), (1, 1), ((1, 1), (1, 1)))
    expected = grid([[-3, -2, -2], [-3, -2, -2], [-5, -4, -4]])
    assert_array_equal(forward(op, image), expected)


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    image = grid([[0, 7, 7], [7, 7, 0]])
    assert_array_equal(
        gradient(MaxPooling2D((2, 3), (2, 3)), image, grid([[5]])), grid([[0, 5, 0], [0, 0, 0]])
    )
    overlapping = MaxPooling2D((2, 2), (1, 1))
    assert_array_equal(gradient(overlapping, image, grid([[5, 3]])), grid([[0, 8, 0], [0, 0, 0]]))


def test_minus_infinity_next_to_padding_keeps_its_gradient() -> None:
    image = grid([[-math.inf]])
    op = MaxPooling2D((2, 2), (2, 2), ((1, 0), (1, 0)))
    assert_array_equal(gradient(op, image, grid([[5]])), grid([[5]]))


def test_average_pooling_divides_by_the_cells_that_exist() -> None:
    image = grid([[1, 2, 3], [4, 5, 6]])
    op = AveragePooling2D((2, 2), (2, 2), ((0, 0), (0, 1)))
    assert_array_equal(forward(op, image), grid([[3, 4.5]]))
    assert_array_equal(gradient(op, image, grid([[8, 8]])), grid([[2, 2, 4], [2, 2, 4]]))
    above = AveragePooling2D((2, 3), (1, 3), ((1, 0), (0, 0)))
    assert_array_equal(forward(above, image), grid([[2], [3.5]]))


def test_dense_works_on_the_last_axis() -> None:
    values = np.array([[[1, 2], [3, 4]]], np.float32)
    kernel, bias = np.array([[1, 10, 0], [2, 20, 1]], np.float32), np.array([0, 0, 1], np.float32)
    assert_array_equal(forward(Dense(3), values, kernel, bias), [[[5, 50, 3], [11, 110, 5]]])


def test_relu_is_flat_at_zero() -> None:
    values = np.array([[-1, -0.0, 0.0, 2]], np.float32)
    assert_array_equal(gradient(Relu(), values, np.ones_like(values)), [[0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("op", "values", "outputs", "slopes"),
    [
        (ClippedRelu(6.0), [-1, 0, 2, 6, 9], [0, 0, 2, 6, 6], [0, 0, 1, 0, 0]),
        (ClippedRelu(4, 0.5, 1), [-1, 1, 2, 9], [-1, 0, 2, 4], [0.5, 0, 1, 0]),
        (LeakyRelu(0.25), [-4, 0, 2], [-1, 0, 2], [0.25, 0.25, 1]),
        (HardSigmoid(), [-9, -3, 0, 3], [0, 0, 0.5, 1], [0, 0, 1 / 6, 0]),
        (HardSilu(), [-9, -3, 0, 3, 9], [0, 0, 0, 3, 9], [0, 0, 0.5, 1, 1]),
    ],
)
def test_activations_at_their_bends(
    op: Op, values: list[float], outputs: list[float], slopes: list[float]
) -> None:
    given = np.array([values], np.float32)
    assert_allclose(forward(op, given), [outputs], rtol=1e-6)
    assert_allclose(gradient(op, given, np.ones_like(given)), [slopes], rtol=1e-6)


def test_a_learned_slope_is_flat_at_zero() -> None:
    values, alpha = np.array([[-2, 0, 3]], np.float32), np.array([0.5, 0.5, 0.5], np.float32)
    output = forward(PRelu(), values, alpha)
    assert_array_equal(output, [[-1, 0, 3]])
    slopes = PRelu().backward(np.ones_like(values), (values,), (alpha,), output, HERE)
    assert_array_equal(slopes.inputs[0], [[0.5, 0, 1]])
    assert_array_equal(slopes.parameters[0], [-2, 0, 0])


def test_large_numbers_do_not_overflow() -> None:
    values = np.array([[-1000, 0, 1000]], np.float32)
    assert_array_equal(forward(Sigmoid(), values), [[0, 0.5, 1]])
    assert_array_equal(forward(Softmax(), values), [[0, 0, 1]])
    assert_array_equal(forward(Silu(), values), [[0, 0, 1000]])
    assert_array_equal(forward(Elu(), values), [[-1, 0, 1000]])
    assert_array_equal(forward(Softplus(), values)[:, ::2], [[0, 1000]])
    without_end = np.array([[-math.inf, math.inf]], np.float32)
    assert_array_equal(forward(ClippedRelu(6.0), without_end), [[0, 6]])
    assert_array_equal(forward(Softmax(), np.full((1, 4), 1000, np.float32)), [[0.25] * 4])


def philox_in_words(key: int, left: int, right: int) -> int:
    """Philox-2x32-10's first word, once more in plain integers."""
    for _ in range(10):
        product = 0xD256D193 * left
        left, right = (product >> 32) ^ key ^ right, product & 0xFFFFFFFF
        key = (key + 0x9E3779B9) & 0xFFFFFFFF
    return left


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_dropout_is_a_function_of_seed_step_node_sample_and_position(rate: float) -> None:
    context = Context(training=True, seed=3, step=5, node=2)
    values = np.ones((4, 3, 2, 5), np.float32)
    output = forward(Dropout(rate), values, context=context).reshape(4, 30)
    key = hash32(3, 5, 2)
    for sample, position in np.ndindex(4, 30):
        chance = (philox_in_words(key, position, sample) >> 8) * 2.0**-24
        kept = np.float32(1 / (1 - rate)) if chance >= np.float32(rate) else 0
        assert output[sample, position] == kept


def test_dropout_keeps_a_number_that_is_exactly_its_rate() -> None:
    first = (philox_in_words(hash32(0, 0, 0), 0, 0) >> 8) * 2.0**-24
    context = Context(training=True)
    assert forward(Dropout(first), np.ones((1, 1), np.float32), context=context) > 1
    above = Dropout(first + 2.0**-23)
    assert forward(above, np.ones((1, 1), np.float32), context=context) == 0


def test_dropout_drops_about_its_rate_and_other_values_at_every_step() -> None:
    values = np.ones((10, 1000), np.float32)
    dropped = [
        forward(Dropout(0.3), values, context=Context(training=True, step=step)) == 0
        for step in range(2)
    ]
    assert abs(dropped[0].mean() - 0.3) < 0.02
    assert abs((dropped[0] & dropped[1]).mean() - 0.09) < 0.02


def test_dropout_does_nothing_outside_training() -> None:
    values = np.arange(12, dtype=np.float32).reshape(2, 6)
    assert_array_equal(forward(Dropout(0.5), values), values)
    assert_array_equal(gradient(Dropout(0.5), values, values), values)


def test_spatial_dropout_drops_whole_maps_by_channel_and_sample() -> None:
    context = Context(training=True, seed=3, step=5, node=2)
    output = forward(SpatialDropout2D(0.5), np.ones((4, 3, 2, 5), np.float32), context=context)
    key = hash32(3, 5, 2)
    for sample, channel in np.ndindex(4, 5):
        chance = (philox_in_words(key, channel, sample) >> 8) * 2.0**-24
        assert (output[sample, :, :, channel] == (2 if chance >= 0.5 else 0)).all()


def test_noise_is_the_quantile_of_a_number_of_seed_step_node_sample_and_position() -> None:
    context = Context(training=True, seed=3, step=5, node=2)
    output = forward(GaussianNoise(0.5), np.ones((4, 3, 5), np.float32), context=context)
    key = hash32(3, 5, 2)
    for sample, position in np.ndindex(4, 15):
        chance = ((philox_in_words(key, position, sample) >> 8) + 0.5) * 2.0**-24
        expected = 1 + 0.5 * NormalDist().inv_cdf(chance)
        assert math.isclose(output.reshape(4, 15)[sample, position], expected, abs_tol=1e-6)


@pytest.mark.parametrize("op", [GaussianNoise(0.5), SpatialDropout2D(0.5)])
def test_noise_does_nothing_outside_training(op: Op) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
    assert op.inference() is None
    assert_array_equal(forward(op, values), values)
    assert_array_equal(gradient(op, values, values), values)


def test_batch_normalization_takes_the_biased_variance_of_each_channel() -> None:
    values = np.array([[[1, 10], [3, 10]], [[5, 10], [7, 14]]], np.float32)
    op = BatchNormalization(momentum=0.75, epsilon=0.0)
    parameters = [np.array(pair, np.float32) for pair in ([2, 1], [1, 0], [4, 8], [1, 3])]
    training = Context(training=True)
    output = forward(op, values, *parameters, context=training)
    roots = math.sqrt(5), math.sqrt(3)
    expected = [[[-3, -1], [-1, -1]], [[1, -1], [3, 3]]] / np.array(roots) * [2, 1] + [1, 0]
    assert_allclose(output, expected, rtol=1e-6)
    moved = op.track((values,), tuple(parameters), training)
    assert_allclose(moved, [[0.75 * 4 + 0.25 * 4, 0.75 * 8 + 0.25 * 11], [2, 3]], rtol=1e-6)


@pytest.mark.parametrize(
    ("op", "context"),
    [
        (BatchNormalization(epsilon=0.0), HERE),
        (BatchNormalization(epsilon=0.0).inference(), Context(training=True)),
    ],
)
def test_batch_normalization_outside_training_keeps_to_what_moved(op: Op, context: Context) -> None:
    values = np.array([[5], [7]], np.float32)
    parameters = tuple(np.array([number], np.float32) for number in (2, 1, 3, 16))
    output = forward(op, values, *parameters, context=context)
    assert_array_equal(output, [[2], [3]])
    slopes = op.backward(np.ones_like(values), (values,), parameters, output, context)
    assert_array_equal(slopes.inputs[0], [[0.5], [0.5]])
    assert [slope.tolist() for slope in slopes.parameters] == [[1.5], [2]]
    assert op.track((values,), parameters, context) == parameters[-2:]


def test_layer_normalization_looks_at_one_sample() -> None:
    values = np.array([[1, 3], [10, 30]], np.float32)
    op = LayerNormalization(epsilon=0.0, center=False, scale=False)
    assert_array_equal(forward(op, values), [[-1, 1], [-1, 1]])


@pytest.mark.parametrize(("op", "largest"), [(Maximum(), 3), (Minimum(), 1)])
def test_the_first_of_equal_inputs_gets_the_gradient(op: Op, largest: float) -> None:
    inputs = tuple(np.array([numbers], np.float32) for numbers in ([3, 1], [3, 1], [1, 3]))
    output = op.forward(inputs, (), HERE)
    assert_array_equal(output, [[largest, largest]])
    slopes = op.backward(np.array([[5, 7]], np.float32), inputs, (), output, HERE)
    expected = [[5, 0], [0, 0], [0, 7]] if largest == 3 else [[0, 7], [0, 0], [5, 0]]
    assert_array_equal(np.concatenate(slopes.inputs), expected)


def test_a_gate_is_repeated_over_an_image_and_gets_the_sum_of_its_gradients() -> None:
    image = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    gate = np.array([[0.5, 2]], np.float32)
    output = Multiply().forward((image, gate), (), HERE)
    assert_array_equal(output[0, 1, 1], [3, 14])
    slopes = Multiply().backward(np.ones_like(image), (image, gate), (), output, HERE)
    assert_array_equal(slopes.inputs[1], [[0 + 2 + 4 + 6, 1 + 3 + 5 + 7]])


def test_nominal_multiply_adds() -> None:
    assert Conv2D(64, (3, 3)).multiply_adds((13, 13, 32)) == 11 * 11 * 64 * 9 * 32
    assert Conv2D(64, (3, 3), groups=4).multiply_adds((13, 13, 32)) == 11 * 11 * 64 * 9 * 8
    assert DepthwiseConv2D((3, 3), depth_multiplier=2).multiply_adds((7, 8, 5)) == 5 * 6 * 10 * 9
    assert Conv2DTranspose(6, (2, 3), (2, 2)).multiply_adds((7, 8, 5)) == 7 * 8 * 5 * 6 * 6
    assert Dense(10).multiply_adds((7, 20)) == 7 * 20 * 10
    assert MaxPooling2D((2, 2), (2, 2)).multiply_adds((8, 8, 3)) == 0
