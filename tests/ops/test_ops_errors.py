"""Every error of an operation, by its exact text."""

from __future__ import annotations

import re

import pytest

from pellucid.errors import KernelSizeError, ShapeError
from pellucid.ops.activations import Softmax
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.shapes import Shape


@pytest.mark.parametrize(
    ("op", "shape", "message"),
    [
        (
            Conv2D(8, (3, 3)),
            (784,),
            "Conv2D needs images of the shape (height, width, channels), got (784,).",
        ),
        (
            Conv2D(8, (3, 3)),
            (2, 28, 1),
            "A kernel of 3×3 does not fit into an input of 2×28: it needs at least 3×3.",
        ),
        (
            Conv2D(8, (3, 3), padding=((0, 1), (0, 1)), dilation=(3, 1)),
            (5, 5, 1),
            "A kernel of 3×3 with dilation 3×1 does not fit into an input of 5×5 with padding "
            "((0, 1), (0, 1)): it needs at least 6×2.",
        ),
        (
            MaxPooling2D((2, 2), (2, 2)),
            (1, 4, 16),
            "A pooling window of 2×2 does not fit into an input of 1×4: it needs at least 2×2.",
        ),
        (
            AveragePooling2D((2, 2), (2, 2)),
            (8, 8),
            "AveragePooling2D needs images of the shape (height, width, channels), got (8, 8).",
        ),
        (
            MaxPooling2D((2, 3), (2, 3), ((0, 0), (1, 3))),
            (8, 8, 1),
            "MaxPooling2D with a window of (2, 3) cannot pad by ((0, 0), (1, 3)): a window would "
            "see nothing but padding. Pad by less than the window.",
        ),
        (Dense(3), (), "Dense needs samples with at least one axis, got single numbers."),
        (Softmax(), (), "Softmax needs samples with at least one axis, got single numbers."),
    ],
)
def test_shapes_that_do_not_fit_teach(op: Op, shape: Shape, message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        op.output_shape(shape)


def test_a_window_that_does_not_fit_carries_the_smallest_input() -> None:
    with pytest.raises(KernelSizeError) as caught:
        MaxPooling2D((3, 2), (1, 1), ((1, 1), (0, 0))).output_shape((0, 9, 1))
    assert caught.value.window == "pooling window"
    assert caught.value.smallest_input == (1, 2)
