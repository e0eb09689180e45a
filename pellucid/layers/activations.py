"""Activations by name, and as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.errors import unknown_name
from pellucid.layers import arguments
from pellucid.ops import activations as ops
from pellucid.ops.base import Array, Context, Op


def linear(x: ArrayLike) -> Array:
    """The array as it is."""
    return _apply(None, x)


def relu(
    x: ArrayLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """max(x, 0); with the other arguments what `layers.ReLU` says."""
    return _apply(relu_op(max_value, negative_slope, threshold), x)


def relu6(x: ArrayLike) -> Array:
    """max(x, 0), but at most 6."""
    return _apply(ops.ClippedRelu(6.0), x)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """x, times `negative_slope` below 0."""
    return _apply(relu_op(None, negative_slope, 0.0), x)


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """x, and alpha * (exp(x) - 1) below 0."""
    return _apply(ops.Elu(arguments.non_negative(alpha, "alpha")), x)


def selu(x: ArrayLike) -> Array:
    """An ELU with the two constants that keep a mean of 0 and a variance of 1."""
    return _apply(ops.Selu(), x)


def gelu(x: ArrayLike, approximate: bool = False) -> Array:
    """The part of a standard normal distribution below x, times x; approximate: by a tanh."""
    return _apply(ops.Gelu(bool(approximate)), x)


def silu(x: ArrayLike) -> Array:
    """Swish: x * sigmoid(x)."""
    return _apply(ops.Silu(), x)


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x))."""
    return _apply(ops.Sigmoid(), x)


def hard_sigmoid(x: ArrayLike) -> Array:
    """(x + 3) / 6, held between 0 and 1."""
    return _apply(ops.HardSigmoid(), x)


def hard_silu(x: ArrayLike) -> Array:
    """Hard swish: x * hard_sigmoid(x)."""
    return _apply(ops.HardSilu(), x)


def softmax(x: ArrayLike, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) over an axis."""
    return np.moveaxis(_apply(ops.Softmax(), np.moveaxis(np.asarray(x), axis, -1)), -1, axis)


def softplus(x: ArrayLike) -> Array:
    """log(1 + exp(x))."""
    return _apply(ops.Softplus(), x)


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent."""
    return _apply(ops.Tanh(), x)


OPS: dict[str, Op | None] = {
    "elu": ops.Elu(),
    "gelu": ops.Gelu(),
    "hard_sigmoid": ops.HardSigmoid(),
    "hard_silu": ops.HardSilu(),
    "leaky_relu": ops.LeakyRelu(0.2),
    "linear": None,
    "relu": ops.Relu(),
    "relu6": ops.ClippedRelu(6.0),
    "selu": ops.Selu(),
    "sigmoid": ops.Sigmoid(),
    "silu": ops.Silu(),
    "softmax": ops.Softmax(),
    "softplus": ops.Softplus(),
    "tanh": ops.Tanh(),
}
"""The operation behind each name; 'linear' needs none."""

Activation = Callable[..., Array]
FUNCTIONS: dict[str, Activation] = {
    function.__name__: function
    for function in (
        elu,
        gelu,
        hard_sigmoid,
        hard_silu,
        leaky_relu,
        linear,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        softmax,
        softplus,
        tanh,
    )
}
SECOND_NAMES = {"swish": "silu", "hard_swish": "hard_silu"}


def get(identifier: str | Activation | None) -> Activation:
    """An activation function from its name or itself; None is 'linear'.

    Raises UnknownNameError, with the nearest known name, for any other.
    """
    return FUNCTIONS[canonical_name(identifier)]


def canonical_name(identifier: Any) -> str:
    """The name of an activation that is given by name, as one of these functions, or as None."""
    if identifier is None:
        return "linear"
    name = identifier.lower() if isinstance(identifier, str) else ""
    name = SECOND_NAMES.get(name, name)
    for known, function in FUNCTIONS.items():
        if known == name or function is identifier:
            return known
    raise unknown_name("activation", identifier, [*FUNCTIONS, *SECOND_NAMES])


def relu_op(max_value: float | None, negative_slope: float, threshold: float) -> Op:
    """The simplest operation that is a ReLU with these bends.

    Raises ArgumentError unless all are finite and at least 0; max_value may be None.
    """
    slope = arguments.non_negative(negative_slope, "negative_slope")
    start = arguments.non_negative(threshold, "threshold")
    if max_value is not None:
        return ops.ClippedRelu(arguments.non_negative(max_value, "max_value"), slope, start)
    if start:
        return ops.ClippedRelu(negative_slope=slope, threshold=start)
    return ops.LeakyRelu(slope) if slope else ops.Relu()


def _apply(op: Op | None, x: ArrayLike) -> Array:
    values = np.asarray(x)
    if values.dtype.kind != "f":
        values = values.astype(np.float32)
    return values if op is None else op.forward((values,), (), Context())
