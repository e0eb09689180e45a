"""Layers that move numbers without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import ArgumentError
from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops.reshape import Flatten as FlattenOp
from pellucid.ops.reshape import Permute as PermuteOp
from pellucid.ops.reshape import Reshape as ReshapeOp
from pellucid.shapes import Shape


class Flatten(Layer):
    """All numbers of a sample in one row, channels fastest: (height, width, channels) -> (n,)."""

    def __init__(
        self,
        data_format: str | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The flattening."""
        return [Stage(FlattenOp())]


class Reshape(Layer):
    """All numbers of a sample, in their order, in another shape.

    target_shape: of one sample, without the batch; one size may be -1, for as much as the others
    leave. Raises ArgumentError for anything else, and ShapeError where the numbers do not fill it.
    """

    def __init__(
        self,
        target_shape: Sequence[int],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.target_shape = arguments.target_shape(target_shape, "target_shape")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The reshaping."""
        return [Stage(ReshapeOp(self.target_shape))]


class Permute(Layer):
    """The axes of a sample in another order.

    dims: the numbers of its axes, from 1, as they shall stand: (2, 1) swaps two. Raises
    ArgumentError for anything else, and ShapeError for samples with another number of axes.
    """

    def __init__(
        self,
        dims: Sequence[int],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        numbers = list(dims) if isinstance(dims, list | tuple) else []
        if not numbers or sorted(numbers) != list(range(1, len(numbers) + 1)):
            raise ArgumentError(
                "dims must have the numbers of all axes of a sample from 1 on, each once, for "
                f"instance (2, 1) to swap two; got {dims!r}."
            )
        self.dims = tuple(numbers)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The permutation."""
        return [Stage(PermuteOp(self.dims))]
