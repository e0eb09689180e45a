"""Small examples worked out by hand, where two libraries could share a mistake."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pellucid.ops.activations import Relu, Sigmoid, Softmax
from pellucid.ops.base import Array, Context, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import Dropout
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
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


def test_large_numbers_do_not_overflow() -> None:
    values = np.array([[-1000, 0, 1000]], np.float32)
    assert_array_equal(forward(Sigmoid(), values), [[0, 0.5, 1]])
    assert_array_equal(forward(Softmax(), values), [[0, 0, 1]])
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


def test_nominal_multiply_adds() -> None:
    assert Conv2D(64, (3, 3)).multiply_adds((13, 13, 32)) == 11 * 11 * 64 * 9 * 32
    assert Dense(10).multiply_adds((7, 20)) == 7 * 20 * 10
    assert MaxPooling2D((2, 2), (2, 2)).multiply_adds((8, 8, 3)) == 0
