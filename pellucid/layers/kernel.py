"""What layers with a kernel have in common, whatever they multiply by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.layers import activations, arguments, constraints, initializers, regularizers
from pellucid.layers.base import Layer, Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import Initializer, InitializerLike
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops.base import Array, Op
from pellucid.shapes import Padding, Shape, image_size, resolve_padding


def activation_stages(name: str) -> list[Stage]:
    """The operation of an activation; none for 'linear'."""
    op = activations.OPS[name]
    return [] if op is None else [Stage(op)]


class BiasedLayer(Layer, abstract=True):
    """Multiplies by weights, adds a bias if it has one, and applies an activation.

    activation: a name, a function of `pellucid.activations`, or None. What a rule is for (how
    weights start, what they add to the loss, what they are held to) is given by name or as an
    object. Raises UnknownNameError for an activation or a rule that does not exist.
    """

    def __init__(
        self,
        activation: str | activations.Activation | None,
        use_bias: bool,
        bias_initializer: InitializerLike,
        bias_regularizer: RegularizerLike,
        activity_regularizer: None,
        bias_constraint: ConstraintLike,
        *,
        name: str | None,
        trainable: bool,
        dtype: Any,
        input_shape: Sequence[int] | None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        regularizers.refuse_activity_regularizer(activity_regularizer)
        self.activation = activations.canonical_name(activation)
        self.use_bias = bool(use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = None
        self.bias_constraint = constraints.get(bias_constraint)
        self.regularizers = {"bias": self.bias_regularizer}
        self.constraints = {"bias": self.bias_constraint}

    def stages(self, op: Op, kernel: str = "kernel") -> list[Stage]:
        """An operation that takes a kernel and the bias, and the activation."""
        weights = (kernel, "bias") if self.use_bias else (kernel,)
        return [Stage(op, weights), *activation_stages(self.activation)]

    @property
    def bias(self) -> Array | None:
        """One number for each output channel or unit, or None without bias."""
        return self.array("bias") if self.use_bias else None


class SlidingLayer(BiasedLayer, abstract=True):
    """A layer whose kernel slides over images: its window, and how that goes on."""

    def slide(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: Any,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
    ) -> None:
        """Keep the arguments of the window; ArgumentError for what is out of range."""
        self.kernel_size = arguments.positive_pair(kernel_size, "kernel_size")
        self.strides = arguments.positive_pair(strides, "strides")
        self.padding = arguments.padding(padding)
        self.data_format = arguments.channels_last(data_format)
        self.dilation_rate = arguments.positive_pair(dilation_rate, "dilation_rate")

    def padding_for(self, sample_shape: Shape) -> Padding:
        """The padding in numbers for such images; ShapeError for what is no image."""
        height, width, _ = image_size(f"Layer {self.name}", sample_shape)
        return resolve_padding(
            self.padding, (height, width), self.kernel_size, self.strides, self.dilation_rate
        )


class KernelLayer(BiasedLayer, abstract=True):
    """A layer whose weights are one kernel and perhaps a bias.

    The shape of the kernel is what the operation says that a subclass hands to `stages`.
    """

    def __init__(
        self,
        activation: str | activations.Activation | None,
        use_bias: bool,
        kernel_initializer: InitializerLike,
        bias_initializer: InitializerLike,
        kernel_regularizer: RegularizerLike,
        bias_regularizer: RegularizerLike,
        activity_regularizer: None,
        kernel_constraint: ConstraintLike,
        bias_constraint: ConstraintLike,
        *,
        name: str | None,
        trainable: bool,
        dtype: Any,
        input_shape: Sequence[int] | None,
    ) -> None:
        super().__init__(
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            activity_regularizer,
            bias_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
        )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.regularizers = {**self.regularizers, "kernel": self.kernel_regularizer}
        self.constraints = {**self.constraints, "kernel": self.kernel_constraint}

    def initializer(self, weight: str) -> Initializer:
        """How the kernel or the bias starts."""
        return self.kernel_initializer if weight == "kernel" else self.bias_initializer

    @property
    def kernel(self) -> Array:
        """The weights that inputs are multiplied by."""
        return self.array("kernel")
