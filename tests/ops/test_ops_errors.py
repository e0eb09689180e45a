"""Every error of an operation, by its exact text."""

from __future__ import annotations

import re

import pytest

from pellucid.errors import KernelSizeError, ShapeError
from pellucid.ops.activations import PRelu, Softmax
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import SpatialDropout2D
from pellucid.ops.merging import Add, Concatenate, Multiply, Subtract
from pellucid.ops.normalization import BatchNormalization, LayerNormalization
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
        (
            PRelu((0, 2)),
            (5, 16),
            "PRelu cannot share its weights along the axes (0, 2) of a sample: it has the shape "
            "(5, 16), whose axes are 0 to 1.",
        ),
        (
            BatchNormalization(),
            (),
            "BatchNormalization needs samples with at least one axis, got single numbers.",
        ),
        (
            LayerNormalization(axes=3),
            (5, 16),
            "LayerNormalization over 3 axes needs samples with at least as many, got the shape "
            "(5, 16).",
        ),
        (
            SpatialDropout2D(0.5),
            (5, 16),
            "SpatialDropout2D needs images of the shape (height, width, channels), got (5, 16).",
        ),
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


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (
            Add(),
            [(8, 8, 32), (8, 8, 64)],
            "Add needs inputs of one shape, where a size of 1 fits any other; got (8, 8, 32) and "
            "(8, 8, 64). A Conv2D with kernel_size=1 brings images to another depth.",
        ),
        (
            Multiply(),
            [(8, 8, 32), (1, 1, 32), (8,)],
            "Multiply needs inputs of one shape, where a size of 1 fits any other; got (8, 8, 32) "
            "and (1, 1, 32) and (8,).",
        ),
        (
            Subtract(),
            [(8,), (8,), (8,)],
            "Subtract takes two inputs, one from the other; got 3.",
        ),
        (
            Concatenate(),
            [(8, 8, 32), (7, 8, 32)],
            "Concatenate along axis -1 needs inputs that have the same sizes along all other "
            "axes, got (8, 8, 32) and (7, 8, 32).",
        ),
        (
            Concatenate(-2),
            [(8, 8), (8,)],
            "Concatenate needs inputs with at least 2 axes to join along axis -2, counted from "
            "the end; got (8, 8) and (8,).",
        ),
    ],
)
def test_inputs_that_do_not_fit_together_teach(op: Op, shapes: list[Shape], message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        op.output_shape(*shapes)
