"""Activations where Keras has them."""

from pellucid.layers.activations import get, linear, relu, sigmoid, softmax, tanh

__all__ = ["get", "linear", "relu", "sigmoid", "softmax", "tanh"]
