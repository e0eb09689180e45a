"""Operations whose output has the numbers of their input, each by itself or in rows."""

from __future__ import annotations

from checklist.case import Case
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.dropout import Dropout
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling

SHAPES = [(1,), (33,), (5, 16), (7, 3, 20)]
ELEMENTWISE = [
    Case(op, shape)
    for op in (Relu(), Sigmoid(), Tanh(), Softmax(), Rescaling(1 / 255, -0.5), Flatten())
    for shape in SHAPES
]
DROPOUTS = [Case(Dropout(rate), shape) for rate in (0.0, 0.3, 0.9) for shape in SHAPES]
