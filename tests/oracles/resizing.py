"""PyTorch's words for images in another size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from oracles.images import channels_first, channels_last, pad
from oracles.word import Word
from pellucid.ops.base import Op
from pellucid.ops.resizing import Resizing, weights
from pellucid.shapes import padding_to_aspect, window_of_aspect


def _resizing(op: Resizing, inputs: Sequence[Tensor], _: Sequence[Tensor]) -> Tensor:
    images = channels_first(inputs[0])
    size = images.shape[2], images.shape[3]
    if op.crop_to_aspect_ratio:
        (top, rows), (left, columns) = window_of_aspect(size, op.size)
        images = images[:, :, top : top + rows, left : left + columns]
    if op.pad_to_aspect_ratio:
        above, before = padding_to_aspect(size, op.size)
        images = pad(images, ((above, above), (before, before)), op.fill_value)
    return channels_last(_interpolated(op, images))


def _interpolated(op: Resizing, images: Tensor) -> Tensor:
    if op.interpolation == "nearest":
        return functional.interpolate(images, op.size, mode="nearest-exact")
    if op.interpolation == "bilinear" or (op.interpolation == "bicubic" and op.antialias):
        return functional.interpolate(
            images, op.size, mode=op.interpolation, align_corners=False, antialias=op.antialias
        )
    # PyTorch has neither Lanczos' kernel nor, without antialias, Keys' own: see test_resizing.
    rows, columns = (
        torch.tensor(weights(before, after, op.interpolation, op.antialias))
        for before, after in zip(images.shape[2:], op.size, strict=True)
    )
    return rows @ images @ columns.T


WORDS: dict[type[Op], Word] = {Resizing: _resizing}
