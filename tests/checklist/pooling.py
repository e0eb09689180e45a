"""Poolings: windows that tile, overlap, leave gaps and stick out."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)

_WINDOWS = [
    ((2, 2), (2, 2), ((0, 0), (0, 0)), (6, 8, 16)),
    ((2, 2), (2, 2), ((0, 0), (0, 0)), (7, 5, 10)),
    ((2, 2), (2, 2), ((0, 1), (0, 1)), (7, 5, 1)),
    ((3, 3), (2, 2), ((0, 1), (0, 0)), (8, 7, 3)),
    ((3, 2), (1, 1), ((1, 1), (0, 1)), (5, 6, 20)),
    ((3, 3), (3, 3), ((2, 2), (1, 2)), (7, 8, 33)),
    ((2, 3), (3, 4), ((0, 0), (0, 0)), (9, 11, 3)),
    ((5, 4), (1, 2), ((4, 0), (0, 3)), (6, 5, 1)),
    ((1, 1), (2, 2), ((0, 0), (0, 0)), (5, 4, 3)),
    ((4, 3), (4, 3), ((0, 0), (0, 0)), (4, 3, 10)),
]
MAX_POOLINGS = [Case(MaxPooling2D(*window), shape) for *window, shape in _WINDOWS]
AVERAGE_POOLINGS = [Case(AveragePooling2D(*window), shape) for *window, shape in _WINDOWS]
_IMAGES = [(1, 1, 1), (7, 5, 10), (4, 6, 33), (3, 1, 16), (8, 9, 3)]
GLOBAL_MAX_POOLINGS, GLOBAL_AVERAGE_POOLINGS = (
    [Case(kind(keepdims), shape) for shape in _IMAGES for keepdims in (False, True)]
    for kind in (GlobalMaxPooling2D, GlobalAveragePooling2D)
)
