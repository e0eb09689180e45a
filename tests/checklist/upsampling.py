"""Upsampling: factors even and odd, of 1, and of images one pixel wide."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.upsampling import UpSampling2D

UPSAMPLINGS = [
    Case(UpSampling2D(factors, interpolation), shape)
    for interpolation in ("nearest", "bilinear")
    for factors, shape in (
        ((1, 1), (3, 4, 3)),
        ((2, 2), (5, 4, 10)),
        ((2, 3), (1, 1, 16)),
        ((3, 1), (4, 3, 33)),
        ((4, 5), (2, 3, 1)),
        ((1, 2), (3, 6, 20)),
    )
]
