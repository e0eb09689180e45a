"""Layers that every kind of network has: dense connections and activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.layers import activations, arguments
from pellucid.layers.base import Layer, Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import InitializerLike
from pellucid.layers.kernel import KernelLayer, activation_stages
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops.dense import Dense as DenseOp
from pellucid.shapes import Shape


class Dense(KernelLayer):
    """Every output is a weighted sum of all inputs, plus a bias, through an activation.

    Reads the last axis: (..., in) -> (..., units). units: how many outputs. activation: a name, a
    function of `pellucid.activations`, or None. Weights: `kernel` (in, units), `bias` (units,).
    Raises ArgumentError or UnknownNameError for arguments out of range.
    """

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: None = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
        )
        self.units = arguments.positive_integer(units, "units")

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The weighted sums and the activation."""
        return self.stages(DenseOp(self.units, self.use_bias))


class Activation(Layer):
    """An activation as a layer of its own.

    activation: 'relu', 'softmax', 'sigmoid', 'tanh', 'linear', or a function of
    `pellucid.activations`. Raises UnknownNameError for any other.
    """

    def __init__(
        self,
        activation: str | activations.Activation | None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.activation = activations.canonical_name(activation)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The activation; nothing for 'linear'."""
        return activation_stages(self.activation)
