"""PyTorch's words for pooling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from oracles.images import channels_first, channels_last, pad
from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)


def _max_pooling(op: MaxPooling2D, inputs: Sequence[Tensor], _: Sequence[Tensor]) -> Tensor:
    images = pad(channels_first(inputs[0]), op.padding, -torch.inf)
    return channels_last(functional.max_pool2d(images, op.pool_size, op.strides))


def _average_pooling(op: AveragePooling2D, inputs: Sequence[Tensor], _: Sequence[Tensor]) -> Tensor:
    """PyTorch pads average pooling only alike on both sides, and by at most half a window."""
    images = channels_first(inputs[0])
    (top, bottom), (left, right) = op.padding
    if top == bottom <= op.pool_size[0] // 2 and left == right <= op.pool_size[1] // 2:
        return channels_last(
            functional.avg_pool2d(
                images, op.pool_size, op.strides, (top, left), count_include_pad=False
            )
        )
    cells = pad(torch.ones_like(images), op.padding)
    sums, counts = (
        functional.avg_pool2d(grid, op.pool_size, op.strides, divisor_override=1)
        for grid in (pad(images, op.padding), cells)
    )
    return channels_last(sums / counts)


def _global_max(op: GlobalMaxPooling2D, inputs: Sequence[Tensor], _: Sequence[Tensor]) -> Tensor:
    largest = channels_last(functional.adaptive_max_pool2d(channels_first(inputs[0]), 1))
    return largest if op.keepdims else largest.flatten(1)


def _global_average(
    op: GlobalAveragePooling2D, inputs: Sequence[Tensor], _: Sequence[Tensor]
) -> Tensor:
    return inputs[0].mean(dim=(1, 2), keepdim=op.keepdims)


WORDS: dict[type[Op], Word] = {
    MaxPooling2D: _max_pooling,
    AveragePooling2D: _average_pooling,
    GlobalMaxPooling2D: _global_max,
    GlobalAveragePooling2D: _global_average,
}
