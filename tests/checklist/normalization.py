"""Normalizations: of batches and of single samples, with and without what they learn."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.normalization import BatchNormalization, LayerNormalization

_LEARNING = [{}, {"center": False}, {"scale": False}, {"center": False, "scale": False}]
_BATCHES = [
    *(BatchNormalization(**learning) for learning in _LEARNING),
    BatchNormalization(epsilon=0.1, frozen=True),
    BatchNormalization(center=False, frozen=True),
]
NORMALIZATIONS = [
    *(Case(op, shape) for op in _BATCHES for shape in ((1,), (33,), (5, 16), (7, 3, 20))),
    *(Case(LayerNormalization(**learning), (7, 3, 20)) for learning in _LEARNING),
    Case(LayerNormalization(), (33,)),
    Case(LayerNormalization(axes=2), (7, 3, 20)),
    Case(LayerNormalization(0.1, axes=3), (5, 4, 3)),
    Case(LayerNormalization(0.1, axes=2, center=False), (5, 16)),
]
