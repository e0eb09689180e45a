"""The checklist of every operation: shape rule, gradient, PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import oracles
import pytest
from checklist import CASES, SAMPLES, Case, one_op_graph
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context
from pellucid.ops.convolution import Conv2D
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.transposed import Conv2DTranspose

TRAINING = Context(training=True, seed=7, step=11, node=0)
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def arrays(case: Case) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Inputs and parameters of a case in double precision."""
    one = one_op_graph(case)
    return doubled(one.inputs), doubled(one.parameters)


def doubled(values: list[Array]) -> tuple[Array, ...]:
    return tuple(value.astype(np.float64) for value in values)


def learned(case: Case, parameters: Sequence[Any]) -> Sequence[Any]:
    """The parameters that have a gradient."""
    return parameters[: len(parameters) - case.op.tracked]


@every_case
def test_shape_rule_is_the_real_shape_and_precision_stays(case: Case) -> None:
    one = one_op_graph(case)
    inputs, parameters = tuple(one.inputs), tuple(one.parameters)
    output = case.op.forward(inputs, parameters, TRAINING)
    assert output.shape == (SAMPLES, *case.op.output_shape(*case.input_shapes))
    assert output.dtype == np.float32
    gradients = case.op.backward(output, inputs, parameters, output, TRAINING)
    for gradient, array in zip(
        (*gradients.inputs, *gradients.parameters),
        (*inputs, *learned(case, parameters)),
        strict=True,
    ):
        assert gradient.shape == array.shape
        assert gradient.dtype == np.float32


@every_case
def test_gradient_is_the_slope(case: Case) -> None:
    inputs, parameters = arrays(case)
    output = case.op.forward(inputs, parameters, TRAINING)
    generator = np.random.default_rng(1)
    weights = generator.normal(size=output.shape)
    gradients = case.op.backward(weights, inputs, parameters, output, TRAINING)
    slopes = [*gradients.inputs, *gradients.parameters]
    for place, slope in enumerate(slopes):
        direction = generator.normal(size=slope.shape)

        def moved(distance: float, place: int = place, direction: Array = direction) -> float:
            changed = [*inputs, *parameters]
            changed[place] = changed[place] + distance * direction
            values = case.op.forward(
                tuple(changed[: len(inputs)]), tuple(changed[len(inputs) :]), TRAINING
            )
            return float((values * weights).sum())

        step = 1e-6
        expected = (moved(step) - moved(-step)) / (2 * step)
        assert math.isclose((slope * direction).sum(), expected, rel_tol=1e-6, abs_tol=1e-6)


@pytest.mark.parametrize("ties", [False, True], ids=["", "ties"])
@pytest.mark.parametrize("case", [case for case in CASES if not case.op.random], ids=str)
def test_agrees_with_pytorch(case: Case, ties: bool) -> None:
    one = one_op_graph(case, ties=ties)
    inputs, parameters = doubled(one.inputs), doubled(one.parameters)
    theirs = [oracles.tensor(array) for array in (*inputs, *parameters)]
    expected = oracles.apply(case.op, theirs[: len(inputs)], theirs[len(inputs) :])
    output = case.op.forward(inputs, parameters, TRAINING)
    assert_allclose(output, expected.detach().numpy(), rtol=1e-12, atol=1e-12)

    weights = np.random.default_rng(2).normal(size=output.shape)
    expected.backward(oracles.torch.tensor(weights))
    gradients = case.op.backward(weights, inputs, parameters, output, TRAINING)
    for gradient, each in zip(
        (*gradients.inputs, *gradients.parameters), learned(case, theirs), strict=True
    ):
        assert_allclose(gradient, each.grad, rtol=1e-11, atol=1e-11)


def pair(least: int, most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(least, most), st.integers(least, most))


channels = st.sampled_from([1, 3, 10, 16, 17, 33])
borders = st.tuples(pair(0, 2), pair(0, 2))
windowed = st.one_of(
    st.builds(Conv2D, channels, pair(1, 4), pair(1, 3), borders, pair(1, 2), st.booleans()),
    st.builds(
        DepthwiseConv2D, pair(1, 4), pair(1, 3), borders, pair(1, 2), st.sampled_from([1, 3])
    ),
    st.builds(MaxPooling2D, pair(3, 4), pair(1, 4), borders),
    st.builds(AveragePooling2D, pair(3, 4), pair(1, 4), borders),
)


@given(windowed, st.integers(1, 13), st.integers(1, 13), channels)
def test_shape_rule_is_the_real_shape_for_any_window(
    op: Conv2D | DepthwiseConv2D | MaxPooling2D | AveragePooling2D,
    height: int,
    width: int,
    depth: int,
) -> None:
    """And where a window has no place, the rule refuses."""
    pooling = isinstance(op, MaxPooling2D | AveragePooling2D)
    kernel, dilation = (op.pool_size, (1, 1)) if pooling else (op.kernel_size, op.dilation)
    room = [size + sum(border) for size, border in zip((height, width), op.padding, strict=True)]
    if any(d * (k - 1) + 1 > n for k, d, n in zip(kernel, dilation, room, strict=True)):
        with pytest.raises(ShapeError, match="does not fit"):
            op.output_shape((height, width, depth))
        return
    expected = op.output_shape((height, width, depth))
    images = np.ones((2, height, width, depth), np.float32)
    parameters = tuple(
        np.ones(shape, np.float32) for shape in op.parameter_shapes((height, width, depth))
    )
    output = op.forward((images,), parameters, TRAINING)
    assert output.shape == (2, *expected)
    assert np.isfinite(output).all()
    gradients = op.backward(output, (images,), parameters, output, TRAINING)
    assert gradients.inputs[0].shape == images.shape


@given(
    st.builds(
        Conv2DTranspose,
        channels,
        pair(1, 4),
        pair(1, 3),
        borders,
        pair(1, 2),
        st.booleans(),
        pair(0, 3),
    ),
    st.integers(1, 7),
    st.integers(1, 7),
    channels,
)
def test_shape_rule_is_the_real_shape_of_any_transposed_convolution(
    op: Conv2DTranspose, height: int, width: int, depth: int
) -> None:
    """And it is that of the images whose convolution has the shape of the input."""
    try:
        rows, columns, _ = op.output_shape((height, width, depth))
    except ShapeError:
        return
    images = np.ones((2, height, width, depth), np.float32)
    parameters = tuple(
        np.ones(shape, np.float32) for shape in op.parameter_shapes((height, width, depth))
    )
    output = op.forward((images,), parameters, TRAINING)
    assert output.shape == (2, rows, columns, op.filters)
    gradients = op.backward(output, (images,), parameters, output, TRAINING)
    assert gradients.inputs[0].shape == images.shape
    if all(extra < stride for extra, stride in zip(op.output_padding, op.strides, strict=True)):
        back = Conv2D(depth, op.kernel_size, op.strides, op.padding, op.dilation)
        assert back.output_shape((rows, columns, op.filters)) == (height, width, depth)
