"""Numbers in another shape and axes in another order."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.reshape import Permute, Reshape

RESHAPES = [
    Case(Reshape((12,)), (3, 4)),
    Case(Reshape((3, 4, 10)), (120,)),
    Case(Reshape((4, -1)), (2, 6, 5)),
    Case(Reshape((-1, 3, 33)), (4, 3, 33)),
    Case(Reshape((1, 1, 16)), (16,)),
    Case(Reshape((2, 3, 2, 5)), (6, 10)),
]
PERMUTATIONS = [
    Case(Permute((1,)), (5,)),
    Case(Permute((2, 1)), (4, 33)),
    Case(Permute((1, 2, 3)), (3, 4, 10)),
    Case(Permute((3, 1, 2)), (5, 4, 16)),
    Case(Permute((2, 1, 3)), (7, 3, 20)),
    Case(Permute((1, 3, 2)), (2, 6, 3)),
    Case(Permute((4, 2, 1, 3)), (2, 3, 4, 5)),
]
