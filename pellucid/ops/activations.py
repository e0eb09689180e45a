"""Activations: functions that keep the shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape

# Klambauer et al., "Self-normalizing neural networks" (2017).
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
# Hendrycks and Gimpel, "Gaussian error linear units" (2016).
GELU_CUBIC = 0.044715


class _Activation(Op):
    """A function of each value by itself.

    Most know their gradient from their output alone: `_slope` gets both, since some do not.
    """

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
        return Gradients((gradient * self._slope(inputs[0], output),))

    def _value(self, values: Array) -> Array:
        raise NotImplementedError

    def _slope(self, values: Array, output: Array) -> Array:
        raise NotImplementedError


@dataclass(frozen=True)
class Relu(_Activation):
    """max(x, 0); its gradient at 0 is 0."""

    def _value(self, values: Array) -> Array:
        zero = values.dtype.type(0)
        return np.maximum(values, zero)

    def _slope(self, values: Array, output: Array) -> Array:
        return output > 0


@dataclass(frozen=True)
class ClippedRelu(_Activation):
    """x above `threshold`, but at most `max_value`; below it negative_slope * (x - threshold).

    Its gradient is 0 where the output is 0 or `max_value`. All three numbers are at least 0.
    """

    max_value: float = math.inf
    negative_slope: float = 0.0
    threshold: float = 0.0

    def _value(self, values: Array) -> Array:
        # Without a slope nothing is multiplied: 0 times minus infinity would be no number.
        below = (values - self.threshold) * self.negative_slope if self.negative_slope else 0
        above = np.minimum(values, values.dtype.type(self.max_value))
        return np.where(values <= self.threshold, below, above).astype(values.dtype, copy=False)

    def _slope(self, values: Array, output: Array) -> Array:
        rising = (output > 0) & (output < self.max_value)
        return np.where(output < 0, output.dtype.type(self.negative_slope), rising)


@dataclass(frozen=True)
class LeakyRelu(_Activation):
    """x above 0, negative_slope * x from there on down; negative_slope: more than 0."""

    negative_slope: float

    def _value(self, values: Array) -> Array:
        return np.where(values > 0, values, values * self.negative_slope)

    def _slope(self, values: Array, output: Array) -> Array:
        one, slope = output.dtype.type(1), output.dtype.type(self.negative_slope)
        return np.where(output > 0, one, slope)


@dataclass(frozen=True)
class PRelu(Op):
    """x above 0, alpha * x below it; its gradient at 0 is 0.

    Parameter: alpha, of the shape of a sample with size 1 along the `shared` axes of the sample
    (0 is the first).
    """

    shared: tuple[int, ...] = ()

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if any(axis >= len(shape) for axis in self.shared):
            raise ShapeError(
                f"PRelu cannot share its weights along the axes {self.shared} of a sample: it has "
                f"the shape {shape}, whose axes are 0 to {len(shape) - 1}."
            )
        return shape

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        (shape,) = inputs
        return (tuple(1 if axis in self.shared else size for axis, size in enumerate(shape)),)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,), (alpha,) = inputs, parameters
        return np.where(values > 0, values, values * alpha)

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        (values,), (alpha,) = inputs, parameters
        to_values = gradient * np.where(values < 0, alpha, values > 0)
        below = gradient * np.minimum(values, values.dtype.type(0))
        summed = (0, *(axis + 1 for axis in self.shared))
        return Gradients((to_values,), (below.sum(axis=summed).reshape(alpha.shape),))


@dataclass(frozen=True)
class Elu(_Activation):
    """x above 0, alpha * (exp(x) - 1) from there on down; alpha: at least 0."""

    alpha: float = 1.0

    def _value(self, values: Array) -> Array:
        return np.where(values > 0, values, self.alpha * exponential_less_one(values))

    def _slope(self, values: Array, output: Array) -> Array:
        return np.where(output > 0, output.dtype.type(1), output + self.alpha)


@dataclass(frozen=True)
class Selu(_Activation):
    """SELU_SCALE times Elu(SELU_ALPHA), which keeps a mean of 0 and a variance of 1."""

    def _value(self, values: Array) -> Array:
        below = SELU_SCALE * SELU_ALPHA * exponential_less_one(values)
        return np.where(values > 0, values * SELU_SCALE, below)

    def _slope(self, values: Array, output: Array) -> Array:
        scale = output.dtype.type(SELU_SCALE)
        return np.where(output > 0, scale, output + SELU_SCALE * SELU_ALPHA)


@dataclass(frozen=True)
class Gelu(_Activation):
    """x times the part of a standard normal distribution that lies below x.

    approximate: with tanh(sqrt(2 / pi) * (x + GELU_CUBIC * x**3)) in place of erf(x / sqrt(2)).
    """

    approximate: bool = False

    def _value(self, values: Array) -> Array:
        return values * self._part(values)

    def _slope(self, values: Array, output: Array) -> Array:
        part = self._part(values)
        if self.approximate:
            inner = math.sqrt(2 / math.pi) * (1 + 3 * GELU_CUBIC * values * values)
            return part + values * 2 * part * (1 - part) * inner
        return part + values * np.exp(-0.5 * values * values) * (1 / math.sqrt(2 * math.pi))

    def _part(self, values: Array) -> Array:
        if self.approximate:
            cubic = values + GELU_CUBIC * values * values * values
            return 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * cubic))
        return 0.5 * (1 + error_function(values * math.sqrt(0.5)))


@dataclass(frozen=True)
class Silu(_Activation):
    """x * sigmoid(x), also called swish."""

    def _value(self, values: Array) -> Array:
        return values * sigmoid(values)

    def _slope(self, values: Array, output: Array) -> Array:
        gate = sigmoid(values)
        return gate * (1 + values * (1 - gate))


@dataclass(frozen=True)
class HardSilu(_Activation):
    """x * HardSigmoid(x), also called hard swish; its gradient is 0 at -3 and 1 at 3."""

    def _value(self, values: Array) -> Array:
        return values * hard_sigmoid(values)

    def _slope(self, values: Array, output: Array) -> Array:
        rising = np.where(values >= 3, values.dtype.type(1), values / 3 + 0.5)
        return np.where(values <= -3, values.dtype.type(0), rising)


@dataclass(frozen=True)
class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    def _value(self, values: Array) -> Array:
        return sigmoid(values)

    def _slope(self, values: Array, output: Array) -> Array:
        return output * (1 - output)


@dataclass(frozen=True)
class HardSigmoid(_Activation):
    """(x + 3) / 6, held between 0 and 1; its gradient at both ends is 0."""

    def _value(self, values: Array) -> Array:
        return hard_sigmoid(values)

    def _slope(self, values: Array, output: Array) -> Array:
        return ((output > 0) & (output < 1)) * output.dtype.type(1 / 6)


@dataclass(frozen=True)
class Tanh(_Activation):
    """The hyperbolic tangent."""

    def _value(self, values: Array) -> Array:
        return np.tanh(values)

    def _slope(self, values: Array, output: Array) -> Array:
        return 1 - output * output


@dataclass(frozen=True)
class Softplus(_Activation):
    """log(1 + exp(x))."""

    def _value(self, values: Array) -> Array:
        return np.maximum(values, values.dtype.type(0)) + np.log1p(np.exp(-np.abs(values)))

    def _slope(self, values: Array, output: Array) -> Array:
        return -np.expm1(-output)


@dataclass(frozen=True)
class Softmax(Op):
    """exp(x) / sum(exp(x)) over the last axis: positive numbers whose sum is 1."""

    def output_shape(self, *inputs: Shape) -> Shape:
        if not inputs[0]:
            raise ShapeError("Softmax needs samples with at least one axis, got single numbers.")
        return inputs[0]

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return softmax(inputs[0])

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        inner = (gradient * output).sum(axis=-1, keepdims=True)
        return Gradients((output * (gradient - inner),))


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)), with an exponential that cannot overflow."""
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, values.dtype.type(1), small) / (1 + small)


def hard_sigmoid(values: Array) -> Array:
    """(x + 3) / 6, held between 0 and 1."""
    kind = values.dtype.type
    return np.minimum(np.maximum(values + 3, kind(0)), kind(6)) / 6


def softmax(values: Array) -> Array:
    """exp(x) / sum(exp(x)) over the last axis, with exponentials that cannot overflow."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def exponential_less_one(values: Array) -> Array:
    """exp(x) - 1 up to 0, and 0 above, where it could overflow; it keeps its digits near 0."""
    return np.expm1(np.minimum(values, values.dtype.type(0)))


def error_function(values: Array) -> Array:
    """The error function, by the C library: NumPy has none."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(values)).astype(values.dtype)
