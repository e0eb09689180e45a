"""What layers with a kernel have in common, whatever they multiply by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.layers import activations, constraints, initializers, regularizers
from pellucid.layers.base import Layer, Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import Initializer, InitializerLike
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops.base import Array, Op


def activation_stages(name: str) -> list[Stage]:
    """The operation of an activation; none for 'linear'."""
    op = activations.OPS[name]
    return [] if op is None else [Stage(op)]


class KernelLayer(Layer, abstract=True):
    """Multiplies by a kernel, adds a bias if it has one, and applies an activation.

    activation: a name, a function of `pellucid.activations`, or None. The shape of the kernel is
    what the operation says that a subclass hands to `stages`. What a rule is for (how weights
    start, what they add to the loss, what they are held to) is given by name or as an object.
    Raises UnknownNameError for an activation or a rule that does not exist.
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
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        regularizers.refuse_activity_regularizer(activity_regularizer)
        self.activation = activations.canonical_name(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = None
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.regularizers = {"kernel": self.kernel_regularizer, "bias": self.bias_regularizer}
        self.constraints = {"kernel": self.kernel_constraint, "bias": self.bias_constraint}

    def stages(self, op: Op) -> list[Stage]:
        """An operation that takes the kernel and the bias, and the activation."""
        weights = ("kernel", "bias") if self.use_bias else ("kernel",)
        return [Stage(op, weights), *activation_stages(self.activation)]

    def initializer(self, weight: str) -> Initializer:
        """How the kernel or the bias starts."""
        return self.kernel_initializer if weight == "kernel" else self.bias_initializer

    @property
    def kernel(self) -> Array:
        """The weights that inputs are multiplied by; outputs are their last axis."""
        return self.array("kernel")

    @property
    def bias(self) -> Array | None:
        """One number for each output channel or unit, or None without bias."""
        return self.array("bias") if self.use_bias else None
