"""Fully connected operations, on one axis and on several."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.dense import Dense

DENSES = [
    Case(Dense(1), (1,)),
    Case(Dense(10), (33,)),
    Case(Dense(3, use_bias=False), (20,)),
    Case(Dense(16), (3,)),
    Case(Dense(33), (10,)),
    Case(Dense(20), (4, 16)),
    Case(Dense(3), (2, 5, 10)),
]
