"""Layers that make one output of several inputs, and the same as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pellucid.errors import ShapeError
from pellucid.layers import arguments
from pellucid.layers.base import Layer, Stage
from pellucid.ops import merging as ops
from pellucid.ops.base import Op
from pellucid.shapes import Shape


class _Merging(Layer, abstract=True):
    """Called on a list: layer([a, b]). A size of 1, or a missing first axis, is repeated.

    Raises ShapeError for inputs that do not fit together.
    """

    op: ClassVar[type[Op]]

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)

    def lower(self, *sample_shapes: Shape) -> list[Stage]:
        """The merging."""
        return [Stage(self.op())]


class Add(_Merging):
    """The sum of all inputs: `Add()([a, b])`. Inputs have one shape; a size of 1 is repeated."""

    op = ops.Add


class Subtract(_Merging):
    """The first of two inputs minus the second. Shapes as for Add."""

    op = ops.Subtract


class Multiply(_Merging):
    """The product of all inputs. Shapes as for Add: (1, 1, channels) weights feature maps."""

    op = ops.Multiply


class Average(_Merging):
    """The mean of all inputs. Shapes as for Add."""

    op = ops.Average


class Maximum(_Merging):
    """The largest number of all inputs, place by place. Shapes as for Add."""

    op = ops.Maximum


class Minimum(_Merging):
    """The smallest number of all inputs, place by place. Shapes as for Add."""

    op = ops.Minimum


class Concatenate(Layer):
    """All inputs, one behind the other: `Concatenate()([a, b])`.

    axis: along which, -1 (the channels) unless said; the batch is axis 0. Along all others the
    inputs have the same sizes; ShapeError otherwise.
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.axis = arguments.whole(axis, "axis")

    def lower(self, *sample_shapes: Shape) -> list[Stage]:
        """The joining."""
        count = len(sample_shapes[0])
        axis = self.axis if self.axis < 0 else self.axis - count - 1
        if not -count <= axis < 0:
            raise ShapeError(
                f"Concatenate joins samples of the shape {sample_shapes[0]} along one of their "
                f"axes, 1 to {count}, or -1 for the last; got axis={self.axis}."
            )
        return [Stage(ops.Concatenate(axis))]


def add(inputs: Sequence[Any], **options: Any) -> Any:
    """What a new layer Add makes of the inputs; options: of the layer, its name for instance."""
    return Add(**options)(inputs)


def subtract(inputs: Sequence[Any], **options: Any) -> Any:
    """What a new layer Subtract makes of the two inputs; options: of the layer."""
    return Subtract(**options)(inputs)


def multiply(inputs: Sequence[Any], **options: Any) -> Any:
    """What a new layer Multiply makes of the inputs; options: of the layer."""
    return Multiply(**options)(inputs)


def average(inputs: Sequence[Any], **options: Any) -> Any:
    """What a new layer Average makes of the inputs; options: of the layer."""
    return Average(**options)(inputs)


def maximum(inputs: Sequence[Any], **options: Any) -> Any:
    """What a new layer Maximum makes of the inputs; options: of the layer."""
    return Maximum(**options)(inputs)


def minimum(inputs: Sequence[Any], **options: Any) -> Any:
    """What a new layer Minimum makes of the inputs; options: of the layer."""
    return Minimum(**options)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **options: Any) -> Any:
    """What a new layer Concatenate makes of the inputs; options: of the layer."""
    return Concatenate(axis, **options)(inputs)
