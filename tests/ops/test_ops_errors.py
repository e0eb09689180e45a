"""Every error of an operation, by its exact text."""

from __future__ import annotations

import re

import pytest

from pellucid.errors import KernelSizeError, ShapeError
from pellucid.ops.activations import PRelu, Softmax
from pellucid.ops.base import Op
from pellucid.ops.borders import Cropping2D, ZeroPadding2D
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.dropout import SpatialDropout2D
from pellucid.ops.merging import Add, Concatenate, Multiply, Subtract
from pellucid.ops.normalization import BatchNormalization, LayerNormalization
from pellucid.ops.pooling import AveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from pellucid.ops.reshape import Permute, Reshape
from pellucid.ops.transposed import Conv2DTranspose
from pellucid.ops.upsampling import UpSampling2D
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
        (
            Conv2D(8, (3, 3), groups=4),
            (8, 8, 6),
            "Conv2D cannot cut 6 input channels into 4 equal groups. Choose groups that divide the "
            "input channels and the filters.",
        ),
        (
            Conv2D(6, (3, 3), groups=4),
            (8, 8, 8),
            "Conv2D cannot cut 6 filters into 4 equal groups. Choose groups that divide the input "
            "channels and the filters.",
        ),
        (
            DepthwiseConv2D((3, 2)),
            (2, 9, 1),
            "A kernel of 3×2 does not fit into an input of 2×9: it needs at least 3×2.",
        ),
        (
            DepthwiseConv2D((3, 3)),
            (9,),
            "DepthwiseConv2D needs images of the shape (height, width, channels), got (9,).",
        ),
        (
            Conv2DTranspose(3, (2, 2), padding=((2, 1), (0, 0))),
            (1, 5, 1),
            "A transposed convolution of 1 places makes 2, and padding (2, 1) cuts all of them "
            "away. Pad by less.",
        ),
        (
            Conv2DTranspose(3, (2, 2)),
            (5, 1),
            "Conv2DTranspose needs images of the shape (height, width, channels), got (5, 1).",
        ),
        (
            ZeroPadding2D(((1, 1), (1, 1))),
            (5, 1),
            "ZeroPadding2D needs images of the shape (height, width, channels), got (5, 1).",
        ),
        (
            Cropping2D(((1, 2), (0, 3))),
            (3, 9, 1),
            "Cropping ((1, 2), (0, 3)) leaves nothing of 3×9: crop less than the height and the "
            "width.",
        ),
        (
            UpSampling2D((2, 2)),
            (5,),
            "UpSampling2D needs images of the shape (height, width, channels), got (5,).",
        ),
        (
            GlobalMaxPooling2D(),
            (5, 2),
            "GlobalMaxPooling2D needs images of the shape (height, width, channels), got (5, 2).",
        ),
        (
            Reshape((4, 5)),
            (3, 7),
            "Reshape cannot put the 21 numbers of (3, 7) into (4, 5), which holds 20.",
        ),
        (
            Reshape((4, -1)),
            (3, 7),
            "Reshape cannot put the 21 numbers of (3, 7) into (4, -1), which holds a multiple of "
            "4.",
        ),
        (
            Permute((2, 1)),
            (3, 4, 5),
            "Permute orders 2 axes, (2, 1), but got samples of the shape (3, 4, 5).",
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
