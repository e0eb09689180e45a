"""Borders: none, on one side, on all; thicker than the image, and down to one pixel."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.borders import Cropping2D, ZeroPadding2D

BORDERS = [
    Case(ZeroPadding2D(((0, 0), (0, 0))), (3, 4, 3)),
    Case(ZeroPadding2D(((1, 1), (1, 1))), (5, 7, 10)),
    Case(ZeroPadding2D(((0, 1), (2, 0))), (4, 3, 16)),
    Case(ZeroPadding2D(((3, 4), (5, 2))), (2, 1, 33)),
    Case(Cropping2D(((0, 0), (0, 0))), (3, 4, 3)),
    Case(Cropping2D(((1, 1), (1, 1))), (5, 7, 10)),
    Case(Cropping2D(((0, 1), (2, 0))), (4, 3, 16)),
    Case(Cropping2D(((3, 4), (5, 2))), (8, 9, 33)),
]
