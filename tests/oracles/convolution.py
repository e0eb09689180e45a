"""PyTorch's words for convolutions of every kind."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from oracles.images import channels_first, channels_last, crop, pad
from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.transposed import Conv2DTranspose


def _convolution(op: Conv2D, inputs: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
    images = pad(channels_first(inputs[0]), op.padding)
    kernel, bias = parameters[0].permute(3, 2, 0, 1), (*parameters[1:], None)[0]
    return channels_last(
        functional.conv2d(images, kernel, bias, op.strides, dilation=op.dilation, groups=op.groups)
    )


def _depthwise(
    op: DepthwiseConv2D, inputs: Sequence[Tensor], parameters: Sequence[Tensor]
) -> Tensor:
    """In PyTorch, a convolution with as many groups as there are channels."""
    images = pad(channels_first(inputs[0]), op.padding)
    kernel, bias = parameters[0].permute(2, 3, 0, 1), (*parameters[1:], None)[0]
    return channels_last(
        functional.conv2d(
            images,
            kernel.reshape(-1, 1, *op.kernel_size),
            bias,
            op.strides,
            dilation=op.dilation,
            groups=images.shape[1],
        )
    )


def _transposed(
    op: Conv2DTranspose, inputs: Sequence[Tensor], parameters: Sequence[Tensor]
) -> Tensor:
    """PyTorch cuts alike on both sides, so it makes all, and the rest is done around it."""
    kernel, bias = parameters[0].permute(3, 2, 0, 1).contiguous(), (*parameters[1:], None)[0]
    whole = functional.conv_transpose2d(
        channels_first(inputs[0]), kernel, None, op.strides, dilation=op.dilation
    )
    rows, columns = op.output_padding
    output = channels_last(crop(pad(whole, ((0, rows), (0, columns))), op.padding))
    return output if bias is None else output + bias


WORDS: dict[type[Op], Word] = {
    Conv2D: _convolution,
    DepthwiseConv2D: _depthwise,
    Conv2DTranspose: _transposed,
}
