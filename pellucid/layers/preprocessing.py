"""Layers that bring raw images into a form that a network learns from well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import ArgumentError, unknown_name
from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.borders import Cropping2D as Cropping2DOp
from pellucid.ops.resizing import INTERPOLATIONS
from pellucid.ops.resizing import Resizing as ResizingOp
from pellucid.ops.scaling import Rescaling as RescalingOp
from pellucid.shapes import Shape, image_size


class Rescaling(Layer):
    """x * scale + offset, for instance Rescaling(1 / 255) for pixels from 0 to 255.

    Raises ArgumentError for numbers that are not finite.
    """

    def __init__(
        self,
        scale: float,
        offset: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.scale = arguments.finite(scale, "scale")
        self.offset = arguments.finite(offset, "offset")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The rescaling."""
        return [Stage(RescalingOp(self.scale, self.offset))]


class CenterCrop(Layer):
    """Cuts out the middle of images.

    height, width: of what is left; what is odd is cut away below and to the right. From images
    that are smaller in a direction, the largest part in the middle with these proportions,
    resized. ArgumentError for sizes below 1.
    """

    def __init__(
        self,
        height: int,
        width: int,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.height = arguments.positive_integer(height, "height")
        self.width = arguments.positive_integer(width, "width")
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The cropping; resizing where there is not enough of the image."""
        height, width, _ = image_size("CenterCrop", sample_shape)
        rows, columns = height - self.height, width - self.width
        if rows < 0 or columns < 0:
            size = self.height, self.width
            return [Stage(ResizingOp(size, crop_to_aspect_ratio=True))]
        top, left = rows // 2, columns // 2
        cropping = (top, rows - top), (left, columns - left)
        return [Stage(Cropping2DOp(cropping))] if rows or columns else []


class Resizing(Layer):
    """Images in another size.

    height, width: the new size. interpolation: 'bilinear', 'nearest', 'bicubic', 'lanczos3' or
    'lanczos5'; UnknownNameError for any other. crop_to_aspect_ratio: keep the proportions, and
    lose what lies outside; pad_to_aspect_ratio: keep them, and put fill_value around; without
    both they change. fill_mode: 'constant', as there is no other. antialias: let every pixel of
    a smaller image be the mean of more of them. ArgumentError for sizes below 1, and for both
    ways to keep the proportions at once.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.height = arguments.positive_integer(height, "height")
        self.width = arguments.positive_integer(width, "width")
        if interpolation not in INTERPOLATIONS:
            raise unknown_name("interpolation", interpolation, INTERPOLATIONS)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ArgumentError(
                "crop_to_aspect_ratio and pad_to_aspect_ratio are two ways to keep the "
                "proportions of images. Choose one."
            )
        if fill_mode != "constant":
            raise ArgumentError(f"fill_mode must be 'constant', got {fill_mode!r}.")
        self.fill_mode = fill_mode
        self.fill_value = arguments.finite(fill_value, "fill_value")
        self.antialias = bool(antialias)
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The resizing."""
        op = ResizingOp(
            (self.height, self.width),
            self.interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_value,
        )
        return [Stage(op)]
