"""PyTorch's words for borders."""

from __future__ import annotations

from oracles.images import channels_first, channels_last, crop, pad
from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.borders import Cropping2D, ZeroPadding2D

WORDS: dict[type[Op], Word] = {
    ZeroPadding2D: lambda op, inputs, _: channels_last(pad(channels_first(inputs[0]), op.padding)),
    Cropping2D: lambda op, inputs, _: channels_last(crop(channels_first(inputs[0]), op.cropping)),
}
