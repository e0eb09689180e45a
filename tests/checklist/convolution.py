"""Convolutions: kernels, strides, paddings, dilations and channel tails."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.convolution import Conv2D
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.transposed import Conv2DTranspose

CONVOLUTIONS = [
    Case(Conv2D(1, (1, 1)), (1, 1, 1)),
    Case(Conv2D(3, (3, 3)), (3, 3, 1)),
    Case(Conv2D(16, (3, 3)), (7, 9, 1)),
    Case(Conv2D(10, (3, 3), use_bias=False), (6, 5, 3)),
    Case(Conv2D(20, (3, 3), padding=((1, 1), (1, 1))), (5, 7, 10)),
    Case(Conv2D(33, (2, 2)), (5, 4, 16)),
    Case(Conv2D(3, (3, 3), strides=(2, 2), padding=((0, 1), (0, 1))), (8, 6, 20)),
    Case(Conv2D(10, (5, 3), strides=(3, 2)), (11, 8, 33)),
    Case(Conv2D(16, (1, 3), strides=(1, 2), padding=((0, 0), (2, 1))), (4, 9, 3)),
    Case(Conv2D(20, (3, 2), padding=((2, 0), (0, 1)), dilation=(2, 3)), (7, 8, 3)),
    Case(Conv2D(4, (3, 3), padding=((4, 4), (4, 4)), dilation=(2, 2)), (5, 5, 1)),
    Case(Conv2D(2, (2, 2), strides=(3, 3), dilation=(1, 2)), (9, 10, 3)),
    Case(Conv2D(16, (1, 1), strides=(2, 2)), (5, 7, 16)),
    Case(Conv2D(10, (7, 7), padding=((3, 3), (3, 3))), (5, 6, 3)),
    Case(Conv2D(3, (2, 3), padding=((5, 3), (4, 6)), use_bias=False), (2, 3, 1)),
]
GROUPED_CONVOLUTIONS = [
    Case(Conv2D(3, (1, 1), groups=3), (1, 1, 3)),
    Case(Conv2D(6, (3, 3), use_bias=False, groups=2), (5, 6, 4)),
    Case(Conv2D(20, (3, 2), padding=((1, 1), (0, 1)), groups=5), (6, 5, 10)),
    Case(Conv2D(33, (3, 3), strides=(2, 1), padding=((1, 0), (1, 1)), groups=3), (7, 6, 9)),
    Case(Conv2D(32, (2, 3), strides=(2, 3), dilation=(2, 1), groups=2), (8, 9, 34)),
    Case(Conv2D(16, (3, 3), padding=((2, 2), (2, 2)), dilation=(2, 2), groups=16), (5, 4, 16)),
]
DEPTHWISE_CONVOLUTIONS = [
    Case(DepthwiseConv2D((1, 1)), (1, 1, 1)),
    Case(DepthwiseConv2D((3, 3)), (3, 3, 1)),
    Case(DepthwiseConv2D((3, 3), padding=((1, 1), (1, 1))), (7, 9, 16)),
    Case(DepthwiseConv2D((3, 3), strides=(2, 2), padding=((0, 1), (0, 1))), (8, 6, 33)),
    Case(
        DepthwiseConv2D((3, 3), strides=(2, 2), padding=((1, 1), (1, 1)), use_bias=False),
        (7, 5, 10),
    ),
    Case(DepthwiseConv2D((2, 5), strides=(3, 1), use_bias=False), (9, 8, 3)),
    Case(DepthwiseConv2D((3, 2), padding=((2, 0), (0, 1)), dilation=(2, 3)), (7, 8, 20)),
    Case(DepthwiseConv2D((3, 3), depth_multiplier=2), (5, 6, 3)),
    Case(DepthwiseConv2D((2, 2), strides=(1, 2), depth_multiplier=3, use_bias=False), (4, 7, 10)),
    Case(DepthwiseConv2D((3, 3), padding=((1, 1), (1, 1)), depth_multiplier=17), (4, 3, 1)),
    Case(DepthwiseConv2D((5, 5), padding=((4, 2), (3, 5))), (3, 2, 16)),
    Case(DepthwiseConv2D((1, 1), strides=(2, 3)), (5, 7, 34)),
]
TRANSPOSED_CONVOLUTIONS = [
    Case(Conv2DTranspose(1, (1, 1)), (1, 1, 1)),
    Case(Conv2DTranspose(3, (3, 3)), (4, 5, 1)),
    Case(Conv2DTranspose(16, (2, 2), strides=(2, 2)), (3, 4, 10)),
    Case(Conv2DTranspose(10, (3, 3), strides=(2, 2), padding=((0, 1), (0, 1))), (4, 3, 20)),
    Case(Conv2DTranspose(33, (3, 3), padding=((1, 1), (1, 1)), use_bias=False), (5, 6, 3)),
    Case(Conv2DTranspose(3, (4, 4), strides=(2, 2), padding=((1, 1), (1, 1))), (4, 5, 16)),
    Case(Conv2DTranspose(20, (2, 1), strides=(3, 3), output_padding=(1, 2)), (3, 4, 3)),
    Case(
        Conv2DTranspose(4, (3, 2), strides=(2, 3), output_padding=(1, 0), use_bias=False),
        (4, 3, 10),
    ),
    Case(Conv2DTranspose(3, (5, 3), strides=(3, 1), padding=((2, 1), (0, 2))), (3, 6, 33)),
    Case(Conv2DTranspose(10, (3, 3), padding=((2, 2), (1, 0)), dilation=(2, 3)), (5, 4, 3)),
    Case(Conv2DTranspose(2, (2, 3), strides=(3, 2), dilation=(2, 1)), (3, 4, 1)),
    Case(Conv2DTranspose(16, (1, 1), strides=(2, 2), padding=((0, 0), (1, 0))), (3, 3, 34)),
]
