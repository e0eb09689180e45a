"""Layers that change images at random, in training only, so that a network sees them all anew."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from typing import Any

from pellucid import random
from pellucid.errors import ArgumentError, unknown_name
from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops import geometry, light, sampling
from pellucid.ops.resizing import Resizing as ResizingOp
from pellucid.shapes import Shape, image_size

FLIPS = {
    "horizontal": (True, False),
    "vertical": (False, True),
    "horizontal_and_vertical": (True, True),
}
Factor = float | list[float] | tuple[float, float]


class AugmentationLayer(Layer, abstract=True):
    """Changes each image of a batch by random numbers of its own; nothing outside of training.

    Called on arrays, it does what it does in training, unless `training` is False. The numbers
    follow from `pellucid.set_seed`, the step and the sample's place in the batch. seed: stands in
    for the one that was set there, from 0 to 2^32 - 1.
    """

    active_when_called = True

    def __init__(
        self,
        seed: int | None,
        data_format: str | None,
        *,
        name: str | None,
        trainable: bool,
        dtype: Any,
        input_shape: Sequence[int] | None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.seed = None if seed is None else random.check_seed(seed)
        self.data_format = arguments.channels_last(data_format)


class RandomFlip(AugmentationLayer):
    """Flips half of the images.

    mode: 'horizontal' (left and right), 'vertical' (top and bottom), 'horizontal_and_vertical'
    (both, of the same images); UnknownNameError for any other. seed: see `AugmentationLayer`.
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            seed, data_format, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape
        )
        if mode not in FLIPS:
            raise unknown_name("flip", mode, FLIPS)
        self.mode = mode

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The flips."""
        return [Stage(geometry.RandomFlip(*FLIPS[self.mode], seed=self.seed))]


class AffineLayer(AugmentationLayer, abstract=True):
    """Reads every pixel from another place of the image.

    fill_mode: what there is outside: 'reflect' (d c b a | a b c d | d c b a), 'wrap' (the other
    edge), 'nearest' (the last pixel) or 'constant' (fill_value). interpolation: 'bilinear', or
    'nearest' for the nearest pixel. UnknownNameError for any other.
    """

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **settings: Any,
    ) -> None:
        super().__init__(seed, data_format, **settings)
        if fill_mode not in sampling.FILL_MODES:
            raise unknown_name("fill_mode", fill_mode, sampling.FILL_MODES)
        if interpolation not in sampling.INTERPOLATIONS:
            raise unknown_name("interpolation", interpolation, sampling.INTERPOLATIONS)
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = arguments.finite(fill_value, "fill_value")

    @property
    def reading(self) -> dict[str, Any]:
        """What all such operations are told."""
        names = ("fill_mode", "interpolation", "fill_value", "seed")
        return {name: getattr(self, name) for name in names}


class RandomRotation(AffineLayer):
    """Turns images around their centre.

    factor: how far at most, to both sides, in full turns; or (least, largest), counter-clockwise
    if positive. One number lies between -1 and 1; ArgumentError otherwise. The others: see
    `AffineLayer` and `AugmentationLayer`.
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, seed, fill_value, data_format,
            name=name, trainable=trainable, dtype=dtype, input_shape=input_shape,
        )  # fmt: skip
        self.factor = _factors(factor, "factor", -1, 1)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The rotation."""
        return [Stage(geometry.RandomRotation(self.factor, **self.reading))]


class RandomZoom(AffineLayer):
    """Makes what is in images larger or smaller, around their centre.

    height_factor: by how much at most, in both directions; or (least, largest): above 0 things
    get smaller (0.2: 1.2 times as much is seen), below 0 larger. width_factor: the same across;
    None for that of the height, so that proportions stay. Both from -1 to 1; ArgumentError
    otherwise. The others: see `AffineLayer` and `AugmentationLayer`.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, seed, fill_value, data_format,
            name=name, trainable=trainable, dtype=dtype, input_shape=input_shape,
        )  # fmt: skip
        self.height_factor = _factors(height_factor, "height_factor", -1, 1)
        self.width_factor = (
            None if width_factor is None else _factors(width_factor, "width_factor", -1, 1)
        )

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The zoom."""
        return [Stage(geometry.RandomZoom(self.height_factor, self.width_factor, **self.reading))]


class RandomTranslation(AffineLayer):
    """Moves what is in images.

    height_factor: how far down at most, and up, in heights of the image; or (least, largest),
    negative for up. width_factor: the same to the right, in widths. Both from -1 to 1;
    ArgumentError otherwise. The others: see `AffineLayer` and `AugmentationLayer`.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, seed, fill_value, data_format,
            name=name, trainable=trainable, dtype=dtype, input_shape=input_shape,
        )  # fmt: skip
        self.height_factor = _factors(height_factor, "height_factor", -1, 1)
        self.width_factor = _factors(width_factor, "width_factor", -1, 1)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The translation."""
        factors = self.height_factor, self.width_factor
        return [Stage(geometry.RandomTranslation(*factors, **self.reading))]


class RandomContrast(AugmentationLayer):
    """Makes each image's contrast stronger or weaker: (x - mean) * c + mean in every channel.

    factor: c lies between 1 and 1 + factor, or, for (lower, upper), between 1 - lower and
    1 + upper. One number lies between 0 and 1; ArgumentError otherwise. value_range: what the
    results are held within. seed: see `AugmentationLayer`.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            seed, data_format, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape
        )
        if isinstance(factor, list | tuple):
            self.factor = _factors(factor, "factor", 0, inf)
        else:
            # One number is the upper bound alone in Keras 3, whatever its documentation says.
            self.factor = _factors((0.0, factor), "factor", 0, 1)
        self.value_range = _value_range(value_range)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The change of contrast."""
        return [Stage(light.RandomContrast(self.factor, self.value_range, seed=self.seed))]


class RandomBrightness(AugmentationLayer):
    """Makes each image brighter or darker by a part of its range of values.

    factor: the largest part, in both directions; or (least, largest), negative for darker. One
    number lies between -1 and 1; ArgumentError otherwise. value_range: the least and the largest
    value, which the results are held within. seed: see `AugmentationLayer`.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            seed, data_format, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape
        )
        self.factor = _factors(factor, "factor", -1, 1)
        self.value_range = _value_range(value_range)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The change of brightness."""
        return [Stage(light.RandomBrightness(self.factor, self.value_range, seed=self.seed))]


class RandomCrop(AugmentationLayer):
    """Cuts out a window at a place of each image's own.

    height, width: of the window. Outside of training, and of images that are not larger in both
    directions, the largest part in the middle with the proportions of the window, resized to it.
    seed: see `AugmentationLayer`. ArgumentError for sizes below 1.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            seed, data_format, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape
        )
        self.height = arguments.positive_integer(height, "height")
        self.width = arguments.positive_integer(width, "width")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The window; resizing where there is no choice of one."""
        height, width, _ = image_size("RandomCrop", sample_shape)
        size = self.height, self.width
        if height > self.height and width > self.width:
            return [Stage(geometry.RandomCrop(size, seed=self.seed))]
        same = (height, width) == size
        return [] if same else [Stage(ResizingOp(size, crop_to_aspect_ratio=True))]


def _factors(value: Factor, name: str, least: float, most: float) -> tuple[float, float]:
    """(least, largest) of what is drawn; one number means as much to both sides."""
    if not isinstance(value, list | tuple):
        high = abs(arguments.finite(value, name))
        low = -high
    else:
        numbers = sorted(arguments.finite(one, name) for one in value)
        low, high = numbers if len(numbers) == 2 else (nan, nan)
    if not least <= low <= high <= most:
        raise ArgumentError(
            f"{name} must be one number or (least, largest), from {least} to {most}; got {value!r}."
        )
    return low, high


def _value_range(value: Sequence[float]) -> tuple[float, float]:
    """(least, largest) value of an image."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ArgumentError(f"value_range must be (least, largest), got {value!r}.")
    low, high = sorted(arguments.finite(one, "value_range") for one in value)
    return low, high
