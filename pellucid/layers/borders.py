"""Layers that put zeros around images, or take their edges away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.borders import Cropping2D as Cropping2DOp
from pellucid.ops.borders import ZeroPadding2D as ZeroPadding2DOp
from pellucid.shapes import Shape, border


class ZeroPadding2D(Layer):
    """Rows and columns of zeros around images (height, width, channels).

    padding: a number for all sides, (rows, columns), or ((top, bottom), (left, right)).
    Raises ArgumentError for anything else, and ShapeError where it is put behind something that
    makes no images.
    """

    def __init__(
        self,
        padding: int | Sequence[Any] = (1, 1),
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.padding = border(padding, "pad")
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The padding."""
        return [Stage(ZeroPadding2DOp(self.padding))]


class Cropping2D(Layer):
    """Images (height, width, channels) without some of their outer rows and columns.

    cropping: a number for all sides, (rows, columns), or ((top, bottom), (left, right)).
    Raises ArgumentError for anything else, and ShapeError where nothing would be left.
    """

    def __init__(
        self,
        cropping: int | Sequence[Any] = ((0, 0), (0, 0)),
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.cropping = border(cropping, "crop")
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The cropping."""
        return [Stage(Cropping2DOp(self.cropping))]
