"""Images changed at random: every fill mode and interpolation, odd sizes and channel tails."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.geometry import (
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from pellucid.ops.light import RandomBrightness, RandomContrast

_SHAPES = [(1, 1, 1), (5, 9, 3), (18, 35, 3), (8, 6, 20)]
_READINGS = [
    {},
    {"fill_mode": "wrap", "interpolation": "nearest"},
    {"fill_mode": "nearest"},
    {"fill_mode": "constant", "interpolation": "nearest", "fill_value": 0.5},
    {"fill_mode": "constant"},
    {"fill_mode": "constant", "fill_value": -2.0},
]
AUGMENTATIONS = [
    *(
        Case(op, shape)
        for op in (RandomFlip(), RandomFlip(vertical=False), RandomFlip(horizontal=False))
        for shape in _SHAPES
    ),
    *(
        Case(RandomRotation((-0.2, 0.5), **reading), shape)  # type: ignore[arg-type]
        for reading in _READINGS
        for shape in _SHAPES
    ),
    Case(RandomZoom((-0.5, 0.9)), (18, 35, 3)),
    Case(RandomZoom((-0.5, 0.0), (-0.2, 1.0), seed=3), (7, 6, 33)),
    Case(RandomTranslation((-1.0, 1.0), (-0.2, 0.3)), (18, 35, 3)),
    Case(RandomTranslation((0.1, 0.2), (0.0, 0.0), interpolation="nearest"), (7, 6, 33)),
    Case(RandomCrop((4, 5)), (6, 9, 3)),
    Case(RandomCrop((3, 2), seed=3), (18, 35, 20)),
    *(Case(RandomContrast((0.3, 0.5), (-0.7, 0.6)), shape) for shape in _SHAPES),
    *(Case(RandomBrightness((-0.4, 0.3), (-0.7, 0.6)), shape) for shape in _SHAPES),
]
