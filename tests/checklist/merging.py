"""Mergings: two inputs and more, alike and repeated, along every axis."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.merging import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract

_IMAGE = (5, 3, 20)
MERGINGS = [
    *(
        Case(op, *shapes)
        for op in (Add(), Multiply(), Average(), Maximum(), Minimum(), Subtract())
        for shapes in (((33,), (33,)), (_IMAGE, _IMAGE), (_IMAGE, (1, 1, 20)), ((20,), _IMAGE))
    ),
    *(
        Case(op, _IMAGE, (5, 1, 1), (20,))
        for op in (Add(), Multiply(), Average(), Maximum(), Minimum())
    ),
    Case(Add(), (33,)),
    Case(Concatenate(), (33,), (10,)),
    Case(Concatenate(), (5, 3, 16), (5, 3, 1), (5, 3, 20)),
    Case(Concatenate(-2), (5, 3, 10), (5, 4, 10)),
    Case(Concatenate(-3), (5, 3, 10), (1, 3, 10), (2, 3, 10)),
    Case(Concatenate(), (5, 3, 3)),
]
