"""Activations: functions that keep the shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape


class _Activation(Op):
    """A function of one value whose gradient follows from its output alone."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return self._value(inputs[0])

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((self._gradient(gradient, output),))

    def _value(self, values: Array) -> Array:
        raise NotImplementedError

    def _gradient(self, gradient: Array, output: Array) -> Array:
        raise NotImplementedError


@dataclass(frozen=True)
class Relu(_Activation):
    """max(x, 0); its gradient at 0 is 0."""

    def _value(self, values: Array) -> Array:
        zero = values.dtype.type(0)
        return np.maximum(values, zero)

    def _gradient(self, gradient: Array, output: Array) -> Array:
        return gradient * (output > 0)


@dataclass(frozen=True)
class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    def _value(self, values: Array) -> Array:
        return sigmoid(values)

    def _gradient(self, gradient: Array, output: Array) -> Array:
        return gradient * output * (1 - output)


@dataclass(frozen=True)
class Tanh(_Activation):
    """The hyperbolic tangent."""

    def _value(self, values: Array) -> Array:
        return np.tanh(values)

    def _gradient(self, gradient: Array, output: Array) -> Array:
        return gradient * (1 - output * output)


@dataclass(frozen=True)
class Softmax(_Activation):
    """exp(x) / sum(exp(x)) over the last axis: positive numbers whose sum is 1."""

    def output_shape(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise ShapeError("Softmax needs samples with at least one axis, got single numbers.")
        return inputs[0]

    def _value(self, values: Array) -> Array:
        return softmax(values)

    def _gradient(self, gradient: Array, output: Array) -> Array:
        inner = (gradient * output).sum(axis=-1, keepdims=True)
        return output * (gradient - inner)


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)), with an exponential that cannot overflow."""
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, values.dtype.type(1), small) / (1 + small)


def softmax(values: Array) -> Array:
    """exp(x) / sum(exp(x)) over the last axis, with exponentials that cannot overflow."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
