"""Layers that every kind of network has: dense connections, activations, flattening."""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.layers import activations, arguments, initializers
from pellucid.layers.base import Layer, Stage
from pellucid.layers.initializers import Initializer, InitializerLike
from pellucid.ops.base import Array
from pellucid.ops.dense import Dense as DenseOp
from pellucid.ops.reshape import Flatten as FlattenOp
from pellucid.shapes import Shape


def activation_stages(name: str) -> list[Stage]:
    """The operation of an activation; none for 'linear'."""
    op = activations.OPS[name]
    return [] if op is None else [Stage(op)]


class Dense(Layer):
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
        *,
        name: str | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.units = arguments.positive_integer(units, "units")
        self.activation = activations.canonical_name(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The weighted sums and the activation."""
        weights = ("kernel", "bias") if self.use_bias else ("kernel",)
        return [
            Stage(DenseOp(self.units, self.use_bias), weights),
            *activation_stages(self.activation),
        ]

    def initializer(self, weight: str) -> Initializer:
        """How the kernel or the bias starts."""
        return self.kernel_initializer if weight == "kernel" else self.bias_initializer

    @property
    def kernel(self) -> Array:
        """The weights (in, units)."""
        return self._weight("kernel")

    @property
    def bias(self) -> Array | None:
        """One number for each unit, or None without bias."""
        return self._weight("bias") if self.use_bias else None


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
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.activation = activations.canonical_name(activation)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The activation; nothing for 'linear'."""
        return activation_stages(self.activation)


class Flatten(Layer):
    """All numbers of a sample in one row, channels fastest: (height, width, channels) -> (n,)."""

    def __init__(
        self,
        data_format: str | None = None,
        *,
        name: str | None = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(name=name, input_shape=input_shape)
        self.data_format = arguments.channels_last(data_format)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The flattening."""
        return [Stage(FlattenOp())]
