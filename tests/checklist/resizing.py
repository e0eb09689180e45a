"""Images in another size: up and down, both at once, with and without their proportions."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.resizing import INTERPOLATIONS, Resizing

RESIZINGS = [
    *(
        Case(Resizing(size, interpolation, antialias), (8, 10, 3))
        for size in ((8, 10), (17, 5), (3, 4))
        for interpolation in INTERPOLATIONS
        for antialias in (False, True)
    ),
    *(
        Case(Resizing((9, 6), **aspect), shape)  # type: ignore[arg-type]
        for aspect in (
            {"crop_to_aspect_ratio": True},
            {"pad_to_aspect_ratio": True},
            {"pad_to_aspect_ratio": True, "fill_value": -2.0},
        )
        for shape in ((1, 1, 1), (7, 20, 20), (13, 3, 33))
    ),
]
