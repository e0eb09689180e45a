"""Regularizers where Keras has them."""

from pellucid.layers.regularizers import L1, L1L2, L2, Regularizer, get

l1 = L1
l2 = L2
l1_l2 = L1L2

__all__ = ["L1", "L1L2", "L2", "Regularizer", "get", "l1", "l1_l2", "l2"]
