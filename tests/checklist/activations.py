"""Activations beyond those that every network knows: bent, learned and smooth ones."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.activations import (
    ClippedRelu,
    Elu,
    Gelu,
    HardSigmoid,
    HardSilu,
    LeakyRelu,
    PRelu,
    Selu,
    Silu,
    Softplus,
)

_OPS = [
    ClippedRelu(6.0),
    ClippedRelu(1.3, negative_slope=0.1, threshold=0.4),
    ClippedRelu(threshold=0.6),
    LeakyRelu(0.2),
    Elu(),
    Elu(0.7),
    Selu(),
    Gelu(),
    Gelu(approximate=True),
    Silu(),
    HardSigmoid(),
    HardSilu(),
    Softplus(),
]
ACTIVATIONS = [
    *(Case(op, shape) for op in _OPS for shape in ((33,), (7, 3, 20))),
    Case(PRelu(), (33,)),
    Case(PRelu(), (7, 3, 20)),
    Case(PRelu((0, 1)), (7, 3, 20)),
    Case(PRelu((1,)), (5, 16)),
]
