"""Images as PyTorch orders them, and borders around them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from pellucid.shapes import Padding


def pad(images: Tensor, padding: Padding, value: float = 0.0) -> Tensor:
    """Images (N, channels, height, width) with a border of `value`."""
    (top, bottom), (left, right) = padding
    return functional.pad(images, (left, right, top, bottom), value=value)


def crop(images: Tensor, padding: Padding) -> Tensor:
    """Images (N, channels, height, width) without such a border."""
    (top, bottom), (left, right) = padding
    return pad(images, ((-top, -bottom), (-left, -right)))


def channels_first(images: Tensor) -> Tensor:
    """NHWC as NCHW."""
    return images.permute(0, 3, 1, 2)


def channels_last(images: Tensor) -> Tensor:
    """NCHW as NHWC."""
    return images.permute(0, 2, 3, 1)
