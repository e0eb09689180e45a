"""PyTorch's words for upsampling."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from oracles.images import channels_first, channels_last
from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.upsampling import UpSampling2D


def _upsampling(op: UpSampling2D, inputs: Sequence[Tensor], _: Sequence[Tensor]) -> Tensor:
    images = channels_first(inputs[0])
    size = [length * factor for length, factor in zip(images.shape[2:], op.size, strict=True)]
    return channels_last(functional.interpolate(images, size, mode=op.interpolation))


WORDS: dict[type[Op], Word] = {UpSampling2D: _upsampling}
