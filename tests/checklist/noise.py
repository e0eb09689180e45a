"""What is dropped or added at random, in training."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.dropout import SpatialDropout2D
from pellucid.ops.noise import GaussianNoise

NOISES = [
    *(
        Case(SpatialDropout2D(rate), shape)
        for rate in (0.0, 0.4)
        for shape in ((1, 1, 33), (7, 3, 20))
    ),
    *(
        Case(GaussianNoise(stddev), shape)
        for stddev in (0.0, 0.5)
        for shape in ((1,), (5, 16), (7, 3, 20))
    ),
]
