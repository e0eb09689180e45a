"""Activations that are layers: those with arguments or weights of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import ShapeError
from pellucid.layers import activations, arguments, constraints, initializers, regularizers
from pellucid.layers.base import Layer, Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import Initializer, InitializerLike
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops.activations import Elu, PRelu
from pellucid.ops.activations import Softmax as SoftmaxOp
from pellucid.ops.base import Array
from pellucid.ops.reshape import Permute
from pellucid.shapes import Shape


class ReLU(Layer):
    """x above `threshold`, but at most `max_value`; below, negative_slope * (x - threshold).

    max_value: None for no bound; 6 makes it ReLU6. ArgumentError unless all are finite and at
    least 0.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.op = activations.relu_op(max_value, negative_slope, threshold)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The activation."""
        return [Stage(self.op)]


class LeakyReLU(Layer):
    """x above 0, negative_slope * x below; ArgumentError unless the slope is at least 0."""

    def __init__(
        self,
        negative_slope: float = 0.3,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.op = activations.relu_op(None, negative_slope, 0.0)
        self.negative_slope = negative_slope

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The activation."""
        return [Stage(self.op)]


class PReLU(Layer):
    """x above 0, alpha * x below, where alpha is learned.

    shared_axes: along which all places share one alpha; the batch is axis 0, so [1, 2] gives one
    for each channel of an image. Weights: `alpha`, of the shape of a sample, with size 1 along
    shared axes. Raises UnknownNameError for rules that do not exist, ArgumentError for axes below
    1, and ShapeError where a sample does not have them.
    """

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: int | Sequence[int] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.regularizers = {"alpha": self.alpha_regularizer}
        self.constraints = {"alpha": self.alpha_constraint}
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = (
            None
            if axes is None
            else tuple(arguments.positive_integer(axis, "shared_axes") for axis in axes)
        )

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The activation."""
        return [Stage(PRelu(tuple(axis - 1 for axis in self.shared_axes or ())), ("alpha",))]

    def initializer(self, weight: str) -> Initializer:
        """How alpha starts."""
        return self.alpha_initializer

    @property
    def alpha(self) -> Array:
        """The slopes below 0."""
        return self.array("alpha")


class ELU(Layer):
    """x above 0, alpha * (exp(x) - 1) below; ArgumentError unless alpha is at least 0."""

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.alpha = arguments.non_negative(alpha, "alpha")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The activation."""
        return [Stage(Elu(self.alpha))]


class Softmax(Layer):
    """exp(x) / sum(exp(x)) over an axis: positive numbers whose sum is 1.

    axis: -1, the last, unless said; the batch is axis 0. ShapeError where there is no such axis.
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

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The activation, over the last axis, with another one brought there and back."""
        count = len(sample_shape)
        axis = self.axis if self.axis > 0 else self.axis + count + 1
        if self.axis == 0 or not 1 <= axis <= count:
            raise ShapeError(
                f"Softmax works along one of the axes of samples of the shape {sample_shape}, 1 "
                f"to {count}, or -1 for the last; got axis={self.axis}."
            )
        if axis == count:
            return [Stage(SoftmaxOp())]
        others = [other for other in range(1, count + 1) if other != axis]
        back = [*range(1, axis), count, *range(axis, count)]
        there = Permute((*others, axis))
        return [Stage(there), Stage(SoftmaxOp()), Stage(Permute(tuple(back)))]
