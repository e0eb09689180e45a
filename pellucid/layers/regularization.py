"""Layers that only training knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid import random
from pellucid.errors import ArgumentError
from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.dropout import Dropout as DropoutOp
from pellucid.ops.dropout import SpatialDropout2D as SpatialDropout2DOp
from pellucid.ops.noise import GaussianNoise as GaussianNoiseOp
from pellucid.shapes import Shape


class _RandomLayer(Layer, abstract=True):
    """Disturbs values in training by random numbers; otherwise does nothing.

    The numbers follow from `pellucid.set_seed`, the step and the sample's place in the batch.
    seed: stands in for the one that was set there, from 0 to 2^32 - 1; ArgumentError otherwise.
    """

    def __init__(
        self,
        seed: int | None,
        *,
        name: str | None,
        trainable: bool,
        dtype: Any,
        input_shape: Sequence[int] | None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.seed = None if seed is None else random.check_seed(seed)


class Dropout(_RandomLayer):
    """Drops a part of the values in training and scales up the others; otherwise does nothing.

    rate: the part that is dropped, from 0 to below 1; ArgumentError otherwise. noise_shape: None,
    for every value by itself. Which values are dropped follows from `pellucid.set_seed`, the step
    and the sample's place in the batch. seed: stands in for the one that was set there.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: None = None,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.rate = arguments.fraction(rate, "rate")
        if noise_shape is not None:
            raise ArgumentError(
                f"noise_shape must be None, got {noise_shape!r}: Dropout drops every value by "
                "itself. To drop whole feature maps use SpatialDropout2D."
            )
        self.noise_shape = None

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The dropping."""
        return [Stage(DropoutOp(self.rate, self.seed))]


class SpatialDropout2D(_RandomLayer):
    """Drops whole feature maps in training and scales up the others; otherwise does nothing.

    Reads images (height, width, channels). rate: the part of the maps that is dropped, from 0 to
    below 1; ArgumentError otherwise. seed: as for Dropout.
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        *,
        trainable: bool = True,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.rate = arguments.fraction(rate, "rate")
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The dropping."""
        return [Stage(SpatialDropout2DOp(self.rate, self.seed))]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer again; Keras's knows no `trainable`."""
        return {key: value for key, value in super().get_config().items() if key != "trainable"}


class GaussianNoise(_RandomLayer):
    """Adds normally distributed numbers of mean 0 in training; otherwise does nothing.

    stddev: their standard deviation, finite and at least 0; ArgumentError otherwise. seed: as for
    Dropout.
    """

    def __init__(
        self,
        stddev: float,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed, name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.stddev = arguments.non_negative(stddev, "stddev")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The noise."""
        return [Stage(GaussianNoiseOp(self.stddev, self.seed))]
