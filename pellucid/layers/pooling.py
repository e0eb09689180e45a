"""Pooling layers: one number for every window of every feature map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.pooling import AveragePooling2D as AveragePooling2DOp
from pellucid.ops.pooling import GlobalAveragePooling2D as GlobalAveragePooling2DOp
from pellucid.ops.pooling import GlobalMaxPooling2D as GlobalMaxPooling2DOp
from pellucid.ops.pooling import MaxPooling2D as MaxPooling2DOp
from pellucid.shapes import Shape, image_size, resolve_padding


class _Pooling2D(Layer, abstract=True):
    """A window that slides over every feature map."""

    op: ClassVar[type[MaxPooling2DOp] | type[AveragePooling2DOp]]

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.pool_size = arguments.positive_pair(pool_size, "pool_size")
        self.strides = (
            self.pool_size if strides is None else arguments.positive_pair(strides, "strides")
        )
        self.padding = arguments.padding(padding)
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The pooling with its padding in numbers."""
        height, width, _ = image_size(f"Layer {self.name}", sample_shape)
        padding = resolve_padding(
            self.padding, (height, width), self.pool_size, self.strides, (1, 1)
        )
        return [Stage(self.op(self.pool_size, self.strides, padding))]


class MaxPooling2D(_Pooling2D):
    """The largest number of every window.

    pool_size: the window, a number or (rows, columns). strides: its step; its own size if None.
    padding: as for Conv2D; padding is never the largest. Reads and gives images (height, width,
    channels). Raises what Conv2D raises.
    """

    op = MaxPooling2DOp


class AveragePooling2D(_Pooling2D):
    """The mean of every window, over the cells that exist.

    pool_size: the window, a number or (rows, columns). strides: its step; its own size if None.
    padding: as for Conv2D; padding does not count. Reads and gives images (height, width,
    channels). Raises what Conv2D raises.
    """

    op = AveragePooling2DOp


class _GlobalPooling2D(Layer, abstract=True):
    """One window, as large as the feature map."""

    op: ClassVar[type[GlobalMaxPooling2DOp] | type[GlobalAveragePooling2DOp]]

    def __init__(
        self,
        data_format: str | None = None,
        keepdims: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.data_format = arguments.channels_last(data_format)
        self.keepdims = bool(keepdims)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The pooling."""
        return [Stage(self.op(self.keepdims))]


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest number of every feature map: (height, width, channels) -> (channels,).

    keepdims: gives (1, 1, channels) instead. Raises ShapeError where it is put behind something
    that makes no images.
    """

    op = GlobalMaxPooling2DOp


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of every feature map: (height, width, channels) -> (channels,).

    keepdims: gives (1, 1, channels) instead. Raises ShapeError where it is put behind something
    that makes no images.
    """

    op = GlobalAveragePooling2DOp
