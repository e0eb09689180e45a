"""Activations by name, and as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.errors import unknown_name
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Array, Context, Op

OPS: dict[str, Op | None] = {
    "linear": None,
    "relu": Relu(),
    "sigmoid": Sigmoid(),
    "softmax": Softmax(),
    "tanh": Tanh(),
}
"""The operation behind each name; 'linear' needs none."""


def linear(x: ArrayLike) -> Array:
    """The array as it is."""
    return _apply("linear", x)


def relu(x: ArrayLike) -> Array:
    """max(x, 0)."""
    return _apply("relu", x)


def sigmoid(x: ArrayLike) -> Array:
    """1 / (1 + exp(-x))."""
    return _apply("sigmoid", x)


def softmax(x: ArrayLike) -> Array:
    """exp(x) / sum(exp(x)) over the last axis."""
    return _apply("softmax", x)


def tanh(x: ArrayLike) -> Array:
    """The hyperbolic tangent."""
    return _apply("tanh", x)


Activation = Callable[[ArrayLike], Array]
FUNCTIONS: dict[str, Activation] = {
    function.__name__: function for function in (linear, relu, sigmoid, softmax, tanh)
}


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
    for known, function in FUNCTIONS.items():
        if known == name or function is identifier:
            return known
    raise unknown_name("activation", identifier, FUNCTIONS)


def _apply(name: str, x: ArrayLike) -> Array:
    values = np.asarray(x)
    if values.dtype.kind != "f":
        values = values.astype(np.float32)
    op = OPS[name]
    return values if op is None else op.forward((values,), (), Context())
