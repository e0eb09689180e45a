"""Normalization: bringing values to a mean of 0 and a variance of 1, then to learned ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pellucid.errors import ShapeError
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.shapes import Shape


@dataclass(frozen=True)
class BatchNormalization(Op):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, for every channel (the last axis).

    In training mean and variance (the biased one) are those of the batch, over all axes but the
    last; outside, or if `frozen`, the moving ones. Parameters, each (channels,): gamma with
    `scale`, beta with `center`, then the moving mean and the moving variance, which follow those
    of the batches: moving * momentum + batch * (1 - momentum).
    Formula: Ioffe and Szegedy, "Batch normalization" (2015).
    """

    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    frozen: bool = False

    tracked = 2

    def inference(self) -> Op:
        return replace(self, frozen=True)

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if not shape:
            raise ShapeError(
                "BatchNormalization needs samples with at least one axis, got single numbers."
            )
        return shape

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        channels = inputs[0][-1:]
        return (channels,) * (self.scale + self.center + self.tracked)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        (values,) = inputs
        mean, variance = self._moments(values, parameters, context)
        factor = self._factor(variance, parameters)
        output = (values - mean) * factor
        return output + parameters[self.scale] if self.center else output

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        (values,) = inputs
        mean, variance = self._moments(values, parameters, context)
        normalized = (values - mean) / np.sqrt(variance + self.epsilon)
        axes = _all_but_last(values)
        to_gamma, to_beta = (gradient * normalized).sum(axis=axes), gradient.sum(axis=axes)
        centred = gradient
        if self._follows_batch(context):
            count = values.size // values.shape[-1]
            centred = gradient - (to_beta + normalized * to_gamma) / count
        learned = [to_gamma] * self.scale + [to_beta] * self.center
        return Gradients((centred * self._factor(variance, parameters),), tuple(learned))

    def track(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> tuple[Array, ...]:
        moving = parameters[-self.tracked :]
        if not self._follows_batch(context):
            return moving
        batch = _mean_and_variance(inputs[0], _all_but_last(inputs[0]))
        return tuple(
            old * self.momentum + new.reshape(old.shape) * (1 - self.momentum)
            for old, new in zip(moving, batch, strict=True)
        )

    def _follows_batch(self, context: Context) -> bool:
        return context.training and not self.frozen

    def _moments(
        self, values: Array, parameters: tuple[Array, ...], context: Context
    ) -> tuple[Array, Array]:
        """The mean and the variance of each channel that are in force here."""
        if self._follows_batch(context):
            return _mean_and_variance(values, _all_but_last(values))
        return parameters[-2], parameters[-1]

    def _factor(self, variance: Array, parameters: tuple[Array, ...]) -> Array:
        """What each channel's distance from its mean is multiplied by."""
        deviation = np.sqrt(variance + self.epsilon)
        return parameters[0] / deviation if self.scale else 1 / deviation


@dataclass(frozen=True)
class LayerNormalization(Op):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, for every sample by itself.

    Mean and variance (the biased one) are taken over the last `axes` axes. Parameters, of the
    sizes of these axes: gamma with `scale`, beta with `center`.
    Formula: Ba et al., "Layer normalization" (2016).
    """

    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    axes: int = 1

    def output_shape(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        if len(shape) < self.axes:
            raise ShapeError(
                f"LayerNormalization over {self.axes} axes needs samples with at least as many, "
                f"got the shape {shape}."
            )
        return shape

    def parameter_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0][-self.axes :],) * (self.scale + self.center)

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        output = self._normalized(inputs[0]).values
        if self.scale:
            output = output * parameters[0]
        return output + parameters[self.scale] if self.center else output

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        normalized, deviation = self._normalized(inputs[0])
        others = tuple(range(gradient.ndim - self.axes))
        to_gamma, to_beta = (gradient * normalized).sum(axis=others), gradient.sum(axis=others)
        learned = [to_gamma] * self.scale + [to_beta] * self.center
        scaled = gradient * parameters[0] if self.scale else gradient
        mean = scaled.mean(axis=self._over, keepdims=True)
        slope = (scaled * normalized).mean(axis=self._over, keepdims=True)
        return Gradients(((scaled - mean - normalized * slope) / deviation,), tuple(learned))

    @property
    def _over(self) -> tuple[int, ...]:
        """The axes over which mean and variance are taken, from the end."""
        return tuple(range(-self.axes, 0))

    def _normalized(self, values: Array) -> _Normalized:
        mean, variance = _mean_and_variance(values, self._over)
        deviation = np.sqrt(variance + self.epsilon)
        return _Normalized((values - mean) / deviation, deviation)


class _Normalized(NamedTuple):
    """Values of mean 0 and variance 1, and what they were divided by."""

    values: Array
    deviation: Array


def _mean_and_variance(values: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and biased variance over some axes, which stay with size 1."""
    return values.mean(axis=axes, keepdims=True), values.var(axis=axes, keepdims=True)


def _all_but_last(values: Array) -> tuple[int, ...]:
    return tuple(range(values.ndim - 1))
