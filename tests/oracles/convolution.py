"""PyTorch's words for convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from oracles.images import channels_first, channels_last, pad
from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D


def _convolution(op: Conv2D, inputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
    images = pad(channels_first(inputs[0]), op.padding)
    kernel, bias = parameters[0].permute(3, 2, 0, 1), (*parameters[1:], None)[0]
    return channels_last(functional.conv2d(images, kernel, bias, op.strides, dilation=op.dilation))


WORDS: dict[type[Op], Word] = {Conv2D: _convolution}
