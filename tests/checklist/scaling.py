"""Values brought to the mean 0 and the variance 1 of the data that was seen before."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.scaling import Normalization

SCALINGS = [
    *(
        Case(Normalization(axes, invert), shape)
        for invert in (False, True)
        for axes, shape in (
            ((), (33,)),
            ((0,), (33,)),
            ((), (7, 3, 20)),
            ((2,), (7, 3, 20)),
            ((0, 2), (7, 3, 20)),
            ((1,), (5, 6, 3)),
            ((0, 1, 2), (5, 6, 3)),
        )
    ),
    Case(Normalization((1,), moments=((1.0, 2.0, -3.0), (0.25, 4.0, 0.0))), (5, 3)),
    Case(Normalization((), moments=((1.0,), (0.25,))), (4, 5, 3)),
]
