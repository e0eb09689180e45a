"""PyTorch's own word for every operation and for whole networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pellucid.graph import Graph
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling
from pellucid.shapes import Padding


def tensor(array: np.ndarray) -> Tensor:
    """A float64 tensor that collects its gradient."""
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def apply(op: Op, values: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """What PyTorch computes for an operation; images are NHWC here and NCHW there."""
    match op:
        case Conv2D():
            images = _pad(_channels_first(values), op.padding)
            kernel, bias = parameters[0].permute(3, 2, 0, 1), (*parameters[1:], None)[0]
            return _channels_last(
                functional.conv2d(images, kernel, bias, op.strides, dilation=op.dilation)
            )
        case MaxPooling2D():
            images = _pad(_channels_first(values), op.padding, -torch.inf)
            return _channels_last(functional.max_pool2d(images, op.pool_size, op.strides))
        case AveragePooling2D():
            return _channels_last(_average_pooling(op, _channels_first(values)))
        case Dense():
            return functional.linear(values, parameters[0].T, (*parameters[1:], None)[0])
        case Flatten():
            return values.flatten(1)
        case Relu():
            return functional.relu(values)
        case Sigmoid():
            return functional.sigmoid(values)
        case Tanh():
            return functional.tanh(values)
        case Softmax():
            return functional.softmax(values, dim=-1)
        case Rescaling():
            return values * op.scale + op.offset
    raise AssertionError(f"PyTorch's word for {op} is missing here.")


def network(graph: Graph, values: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """What PyTorch computes for a whole network."""
    computed = [values]
    for node in graph.nodes:
        (number,) = node.inputs
        computed.append(apply(node.op, computed[number], [parameters[i] for i in node.parameters]))
    return computed[-1]


def _average_pooling(op: AveragePooling2D, images: Tensor) -> Tensor:
    """PyTorch pads average pooling only alike on both sides, and by at most half a window."""
    (top, bottom), (left, right) = op.padding
    if top == bottom <= op.pool_size[0] // 2 and left == right <= op.pool_size[1] // 2:
        return functional.avg_pool2d(
            images, op.pool_size, op.strides, (top, left), count_include_pad=False
        )
    cells = _pad(torch.ones_like(images), op.padding)
    sums, counts = (
        functional.avg_pool2d(grid, op.pool_size, op.strides, divisor_override=1)
        for grid in (_pad(images, op.padding), cells)
    )
    return sums / counts


def _pad(images: Tensor, padding: Padding, value: float = 0.0) -> Tensor:
    (top, bottom), (left, right) = padding
    return functional.pad(images, (left, right, top, bottom), value=value)


def _channels_first(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2)


def _channels_last(images: Tensor) -> Tensor:
    return images.permute(0, 2, 3, 1)
