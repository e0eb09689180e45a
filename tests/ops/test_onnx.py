"""ONNX's own node tests for the operations that Pellucid has, images turned from NCHW to NHWC."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from numpy.testing import assert_allclose

from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Array, Context, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from pellucid.ops.reshape import Flatten, Permute, Reshape
from pellucid.ops.transposed import Conv2DTranspose
from pellucid.ops.upsampling import UpSampling2D
from pellucid.shapes import Padding, Pair, reach, resolve_padding, resolve_transposed

MODULES = (
    "conv",
    "convtranspose",
    "maxpool",
    "averagepool",
    "globalmaxpool",
    "globalaveragepool",
    "upsample",
    "gemm",
    "relu",
    "sigmoid",
    "tanh",
    "softmax",
    "flatten",
    "reshape",
    "transpose",
)

NOT_OURS = {
    "not two-dimensional": {
        "test_convtranspose_1d",
        "test_convtranspose_3d",
        "test_maxpool_1d_default",
        "test_maxpool_3d_default",
        "test_maxpool_3d_dilations",
        "test_maxpool_3d_dilations_use_ref_impl",
        "test_maxpool_3d_dilations_use_ref_impl_large",
        "test_averagepool_1d_default",
        "test_averagepool_3d_default",
        "test_averagepool_3d_dilations_small",
        "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
        "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False",
        "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False",
    },
    "rounds sizes up (ceil_mode)": {
        "test_maxpool_2d_ceil",
        "test_maxpool_2d_ceil_output_size_reduce_by_one",
        "test_averagepool_2d_ceil",
        "test_averagepool_2d_ceil_last_window_starts_on_pad",
    },
    "transposed in groups": {
        "test_convtranspose_group_2",
        "test_convtranspose_group_2_image_3",
    },
    "dilated pooling": {"test_maxpool_2d_dilations", "test_averagepool_2d_dilations"},
    "counts padding as cells": {
        "test_averagepool_2d_precomputed_pads_count_include_pad",
        "test_averagepool_2d_pads_count_include_pad",
    },
    "bytes are no activations": {"test_maxpool_2d_uint8"},
    "also yields the places of the maxima": {
        "test_maxpool_with_argmax_2d_precomputed_pads",
        "test_maxpool_with_argmax_2d_precomputed_strides",
    },
    "a bias for every sample": {"test_gemm_default_matrix_bias"},
    "samples are not the first axis": {
        "test_gemm_transposeA",
        "test_gemm_all_attributes",
        "test_flatten_axis0",
        "test_flatten_axis2",
        "test_flatten_axis3",
        "test_flatten_negative_axis1",
        "test_flatten_negative_axis2",
        "test_flatten_negative_axis4",
        "test_reshape_reordered_all_dims",
        "test_reshape_one_dim",
        "test_reshape_negative_extended_dims",
        "test_reshape_allowzero_reordered",
        "test_transpose_default",
        *(f"test_transpose_all_permutations_{number}" for number in (2, 3, 4, 5)),
    },
    "softmax over another axis than the last": {"test_softmax_axis_0", "test_softmax_axis_1"},
}


class NodeTest(NamedTuple):
    """One node, what goes in and what must come out."""

    name: str
    node: onnx.NodeProto
    inputs: list[Array]
    output: Array


def node_tests() -> dict[str, NodeTest]:
    """All tests of these operators but those that spell one out in other operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numbers that ONNX overflows on purpose
        for module in MODULES:
            importlib.import_module(f"onnx.backend.test.case.node.{module}")
    cases = importlib.import_module("onnx.backend.test.case.node")._NodeTestCases
    return {
        case.name: NodeTest(
            case.name, case.model.graph.node[0], case.data_sets[0][0], case.data_sets[0][1][0]
        )
        for case in cases
        if "_expanded" not in case.name and operator_module(case) in MODULES
    }


def operator_module(case: Any) -> str:
    return str(case.model.graph.node[0].op_type).lower()


TESTS = node_tests()
REFUSED = set().union(*NOT_OURS.values())
OURS = sorted(TESTS.keys() - REFUSED)


def test_none_is_missing() -> None:
    """A new version of ONNX that brings, renames or drops a test must be looked at."""
    assert TESTS.keys() >= REFUSED
    assert sum(map(len, NOT_OURS.values())) == len(REFUSED)
    by_operator = [TESTS[name].node.op_type for name in OURS]
    assert {operator: by_operator.count(operator) for operator in by_operator} == {
        "AveragePool": 8,
        "Conv": 6,
        "ConvTranspose": 7,
        "Flatten": 3,
        "Gemm": 8,
        "GlobalAveragePool": 2,
        "GlobalMaxPool": 2,
        "MaxPool": 8,
        "Relu": 1,
        "Reshape": 6,
        "Sigmoid": 2,
        "Softmax": 5,
        "Tanh": 2,
        "Transpose": 2,
        "Upsample": 1,
    }


@pytest.mark.parametrize("name", OURS)
def test_node(name: str) -> None:
    _, node, inputs, expected = TESTS[name]
    attributes = {
        attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute
    }
    turned = inputs[0].ndim == expected.ndim == 4
    images = _channels_last(inputs[0]) if turned else inputs[0]
    op, parameters = translate(node.op_type, attributes, images, inputs[1:])
    output = op.forward((images,), parameters, Context())
    wanted = _channels_last(expected) if turned else expected
    assert output.shape == wanted.shape
    assert_allclose(output, wanted, rtol=1e-5, atol=1e-6)


def translate(
    operator: str, attributes: Mapping[str, Any], images: Array, others: list[Array]
) -> tuple[Op, tuple[Array, ...]]:
    """The operation that means the same as an ONNX node, and its parameters."""
    match operator:
        case "Conv":
            kernel = others[0].transpose(2, 3, 1, 0)
            window, strides, padding = geometry(attributes, images)
            return Conv2D(kernel.shape[-1], window, strides, padding, use_bias=False), (kernel,)
        case "ConvTranspose":
            return transposed(attributes, images, others[0].transpose(2, 3, 1, 0))
        case "GlobalMaxPool":
            return GlobalMaxPooling2D(keepdims=True), ()
        case "GlobalAveragePool":
            return GlobalAveragePooling2D(keepdims=True), ()
        case "Upsample":
            _, _, rows, columns = map(int, others[0])
            return UpSampling2D((rows, columns)), ()
        case "Reshape":  # where a size of 0 is that of the input
            sizes = [int(size) or images.shape[axis] for axis, size in enumerate(others[0])]
            return Reshape(tuple(sizes[1:])), ()
        case "Transpose":
            return Permute(tuple(attributes["perm"][1:])), ()
        case "MaxPool":
            return MaxPooling2D(*geometry(attributes, images)), ()
        case "AveragePool":
            return AveragePooling2D(*geometry(attributes, images)), ()
        case "Gemm":
            kernel = others[0].T if attributes.get("transB") else others[0]
            kernel = kernel * np.float32(attributes.get("alpha", 1))
            bias = others[1] if len(others) > 1 else np.zeros(1, np.float32)
            bias = bias * np.float32(attributes.get("beta", 1))
            units = kernel.shape[1]
            return Dense(units), (kernel, np.broadcast_to(bias.ravel(), units))
        case "Flatten":
            return Flatten(), ()
    return {"Relu": Relu(), "Sigmoid": Sigmoid(), "Softmax": Softmax(), "Tanh": Tanh()}[
        operator
    ], ()


def transposed(
    attributes: Mapping[str, Any], images: Array, kernel: Array
) -> tuple[Op, tuple[Array, ...]]:
    """A ConvTranspose node, whose size or padding may be given by what it shall yield."""
    height, width = images.shape[1:3]
    window, filters = (kernel.shape[0], kernel.shape[1]), kernel.shape[2]
    strides = tuple(attributes.get("strides", (1, 1)))
    dilation = tuple(attributes.get("dilations", (1, 1)))
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    padding: Padding = (top, bottom), (left, right)
    extra = tuple(attributes.get("output_padding", (0, 0)))
    if "output_shape" in attributes:
        natural = map(reach, (height, width), window, strides, dilation)
        rows, columns = (
            size - made for size, made in zip(attributes["output_shape"], natural, strict=True)
        )
        extra = rows, columns
    if attributes.get("auto_pad") == b"SAME_UPPER":
        padding, extra = resolve_transposed("same", (height, width), window, strides, dilation)
    op = Conv2DTranspose(filters, window, strides, padding, dilation, False, extra)
    return op, (kernel,)


def geometry(attributes: Mapping[str, Any], images: Array) -> tuple[Pair, Pair, Padding]:
    """Window, strides and padding of a Conv or Pool node."""
    window = tuple(attributes["kernel_shape"])
    strides = tuple(attributes.get("strides", (1, 1)))
    automatic = attributes.get("auto_pad", b"NOTSET")
    if automatic == b"NOTSET":
        top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
        return window, strides, ((top, bottom), (left, right))
    rows, columns = resolve_padding("same", images.shape[1:3], window, strides, (1, 1))
    if automatic == b"SAME_LOWER":  # the odd one before
        return window, strides, (rows[::-1], columns[::-1])
    return window, strides, (rows, columns)


def _channels_last(images: Array) -> Array:
    return images.transpose(0, 2, 3, 1)
