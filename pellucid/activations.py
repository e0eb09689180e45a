"""Activations where Keras has them."""

from pellucid.layers.activations import (
    elu,
    gelu,
    get,
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

swish = silu
hard_swish = hard_silu

__all__ = [
    "elu",
    "gelu",
    "get",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "leaky_relu",
    "linear",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "swish",
    "tanh",
]
