"""Layers that make images larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import unknown_name
from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.resizing import INTERPOLATIONS, Resizing
from pellucid.ops.upsampling import UpSampling2D as UpSampling2DOp
from pellucid.shapes import Shape, image_size, upsampled_grid


class UpSampling2D(Layer):
    """Images (height, width, channels) several times as high and as wide.

    size: how many times, a number or (rows, columns). interpolation: 'nearest' repeats every
    pixel, 'bilinear' goes from one to the next in straight lines; also 'bicubic', 'lanczos3' and
    'lanczos5'.
    Raises ArgumentError or UnknownNameError for anything else, and ShapeError where it is put
    behind something that makes no images.
    """

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.size = arguments.positive_pair(size, "size")
        self.data_format = arguments.channels_last(data_format)
        self.interpolation = str(interpolation).lower()
        if self.interpolation not in INTERPOLATIONS:
            raise unknown_name("interpolation", interpolation, INTERPOLATIONS)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The upsampling; a resizing where an output depends on more than its neighbours."""
        if self.interpolation in ("nearest", "bilinear"):
            return [Stage(UpSampling2DOp(self.size, self.interpolation))]
        height, width, _ = image_size(f"Layer {self.name}", sample_shape)
        return [Stage(Resizing(upsampled_grid((height, width), self.size), self.interpolation))]
