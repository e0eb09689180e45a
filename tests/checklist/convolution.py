"""Convolutions: kernels, strides, paddings, dilations and channel tails."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.convolution import Conv2D

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
