"""Merging: one value out of several. Sizes of 1 and missing first axes are repeated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape, concatenated_shape, repeated_shape


class _Merging(Op):
    """A function of one number of each input, at every place of their common shape."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return repeated_shape(type(self).__name__, inputs)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return self._value(self._repeated(inputs))

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        slopes = self._gradients(gradient, self._repeated(inputs), output)
        return Gradients(
            tuple(_summed(slope, values) for slope, values in zip(slopes, inputs, strict=True))
        )

    def _value(self, values: list[Array]) -> Array:
        raise NotImplementedError

    def _gradients(self, gradient: Array, values: list[Array], output: Array) -> list[Array]:
        """By every input, each as large as the output."""
        raise NotImplementedError

    def _repeated(self, inputs: tuple[Array, ...]) -> list[Array]:
        """All inputs in the output's shape."""
        shape = self.output_shape(*(values.shape[1:] for values in inputs))
        return [
            np.broadcast_to(_with_axes(values, len(shape)), (len(values), *shape))
            for values in inputs
        ]


@dataclass(frozen=True)
class Add(_Merging):
    """The sum of all inputs, from the first to the last."""

    def _value(self, values: list[Array]) -> Array:
        return reduce(np.add, values)

    def _gradients(self, gradient: Array, values: list[Array], output: Array) -> list[Array]:
        return [gradient] * len(values)


@dataclass(frozen=True)
class Subtract(_Merging):
    """The first of two inputs minus the second."""

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2:
            raise ShapeError(f"Subtract takes two inputs, one from the other; got {len(inputs)}.")
        return super().output_shape(*inputs)

    def _value(self, values: list[Array]) -> Array:
        first, second = values
        return first - second

    def _gradients(self, gradient: Array, values: list[Array], output: Array) -> list[Array]:
        return [gradient, -gradient]


@dataclass(frozen=True)
class Multiply(_Merging):
    """The product of all inputs, from the first to the last."""

    def _value(self, values: list[Array]) -> Array:
        return reduce(np.multiply, values)

    def _gradients(self, gradient: Array, values: list[Array], output: Array) -> list[Array]:
        return [
            reduce(np.multiply, [*values[:place], *values[place + 1 :]], gradient)
            for place in range(len(values))
        ]


@dataclass(frozen=True)
class Average(_Merging):
    """The mean of all inputs: their sum, divided by how many they are."""

    def _value(self, values: list[Array]) -> Array:
        return reduce(np.add, values) / len(values)

    def _gradients(self, gradient: Array, values: list[Array], output: Array) -> list[Array]:
        return [gradient / len(values)] * len(values)


class _Extreme(_Merging):
    """One of the inputs' numbers; if several are alike, the first of them gets the gradient."""

    def _gradients(self, gradient: Array, values: list[Array], output: Array) -> list[Array]:
        waiting = np.ones(output.shape, dtype=bool)
        slopes = []
        for each in values:
            found = waiting & (each == output)
            slopes.append(gradient * found)
            waiting &= ~found
        return slopes


@dataclass(frozen=True)
class Maximum(_Extreme):
    """The largest of all inputs' numbers."""

    def _value(self, values: list[Array]) -> Array:
        return reduce(np.maximum, values)


@dataclass(frozen=True)
class Minimum(_Extreme):
    """The smallest of all inputs' numbers."""

    def _value(self, values: list[Array]) -> Array:
        return reduce(np.minimum, values)


@dataclass(frozen=True)
class Concatenate(Op):
    """All inputs, one behind the other along an axis; `axis` counts from the end, -1 is the last.

    Along every other axis the inputs have the same size.
    """

    axis: int = -1

    def output_shape(self, *inputs: Shape) -> Shape:
        return concatenated_shape(inputs, self.axis)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return np.concatenate(inputs, axis=self.axis)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        ends = np.cumsum([values.shape[self.axis] for values in inputs])
        return Gradients(tuple(np.split(gradient, ends[:-1], axis=self.axis)))


def _with_axes(values: Array, axes: int) -> Array:
    """Values (N, *shape) with axes of size 1 behind the first, until a sample has so many."""
    missing = axes - (values.ndim - 1)
    return values.reshape(len(values), *[1] * missing, *values.shape[1:])


def _summed(gradient: Array, values: Array) -> Array:
    """The gradient by `values`, given that by what they were repeated to."""
    before = _with_axes(values, gradient.ndim - 1).shape
    axes = tuple(
        axis
        for axis, (size, whole) in enumerate(zip(before, gradient.shape, strict=True))
        if size != whole
    )
    return gradient.sum(axis=axes, keepdims=True).reshape(values.shape)
