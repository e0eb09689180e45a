"""Every operation in many configurations: the table that all checks of operations run over.

An operation is added to the project by adding its rows here, and PyTorch's word for it to
`oracles`; the shape rule, the gradient, the agreement with PyTorch and every engine are then
checked without another line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.graph import Graph, Node, Parameter
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Array, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import Dropout
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling
from pellucid.shapes import Shape

SAMPLES = 3


@dataclass(frozen=True)
class Case:
    """An operation and the shape of one sample of its input."""

    op: Op
    input_shape: Shape

    def __str__(self) -> str:
        return f"{self.op}-{self.input_shape}".replace(" ", "")


@dataclass(frozen=True)
class OneOp:
    """A network of a single operation, with float32 weights and a few images for it."""

    graph: Graph
    parameters: list[Array]
    images: Array


CONVOLUTIONS = [
    Case(Conv2D(1, (1, 1)), (1, 1, 1)),
    Case(Conv2D(3, (3, 3)), (3, 3, 1)),
    Case(Conv2D(16, (3, 3)), (7, 9, 1)),
    Case(Conv2D(10, (3, 3), use_bias=False), (6, 5, 3)),
    Case(Conv2D(20, (3, 3), padding=((1, 1), (1, 1))), (5, 7, 10)),
    Case(Conv2D(33, (2, 2)), (5, 4, 16)),
    Case(Conv2D(3, (3, 3), strides=(2, 2), padding=((0, 1), (0, 1))), (8, 6, 20)),
    Case(Conv2D(10, (5, 3), strides=(3, 2)), (11, 8, 33)),
    Case(Conv2D(16, (1, 3), strides=(1, 2), padding=((0, 0), (2, 1))), (4, 9, 3)),
    Case(Conv2D(20, (3, 2), padding=((2, 0), (0, 1)), dilation=(2, 3)), (7, 8, 3)),
    Case(Conv2D(4, (3, 3), padding=((4, 4), (4, 4)), dilation=(2, 2)), (5, 5, 1)),
    Case(Conv2D(2, (2, 2), strides=(3, 3), dilation=(1, 2)), (9, 10, 3)),
    Case(Conv2D(16, (1, 1), strides=(2, 2)), (5, 7, 16)),
    Case(Conv2D(10, (7, 7), padding=((3, 3), (3, 3))), (5, 6, 3)),
    Case(Conv2D(3, (2, 3), padding=((5, 3), (4, 6)), use_bias=False), (2, 3, 1)),
]
_WINDOWS = [
    ((2, 2), (2, 2), ((0, 0), (0, 0)), (6, 8, 16)),
    ((2, 2), (2, 2), ((0, 0), (0, 0)), (7, 5, 10)),
    ((2, 2), (2, 2), ((0, 1), (0, 1)), (7, 5, 1)),
    ((3, 3), (2, 2), ((0, 1), (0, 0)), (8, 7, 3)),
    ((3, 2), (1, 1), ((1, 1), (0, 1)), (5, 6, 20)),
    ((3, 3), (3, 3), ((2, 2), (1, 2)), (7, 8, 33)),
    ((2, 3), (3, 4), ((0, 0), (0, 0)), (9, 11, 3)),
    ((5, 4), (1, 2), ((4, 0), (0, 3)), (6, 5, 1)),
    ((1, 1), (2, 2), ((0, 0), (0, 0)), (5, 4, 3)),
    ((4, 3), (4, 3), ((0, 0), (0, 0)), (4, 3, 10)),
]
MAX_POOLINGS = [Case(MaxPooling2D(*window), shape) for *window, shape in _WINDOWS]
AVERAGE_POOLINGS = [Case(AveragePooling2D(*window), shape) for *window, shape in _WINDOWS]
DENSES = [
    Case(Dense(1), (1,)),
    Case(Dense(10), (33,)),
    Case(Dense(3, use_bias=False), (20,)),
    Case(Dense(16), (3,)),
    Case(Dense(33), (10,)),
    Case(Dense(20), (4, 16)),
    Case(Dense(3), (2, 5, 10)),
]
SHAPES = [(1,), (33,), (5, 16), (7, 3, 20)]
ELEMENTWISE = [
    Case(op, shape)
    for op in (Relu(), Sigmoid(), Tanh(), Softmax(), Rescaling(1 / 255, -0.5), Flatten())
    for shape in SHAPES
]
DROPOUTS = [Case(Dropout(rate), shape) for rate in (0.0, 0.3, 0.9) for shape in SHAPES]

CASES = [*CONVOLUTIONS, *MAX_POOLINGS, *AVERAGE_POOLINGS, *DENSES, *ELEMENTWISE, *DROPOUTS]


def one_op_graph(case: Case, samples: int = SAMPLES, ties: bool = False) -> OneOp:
    """A network of the case's operation alone, the same at every call.

    ties: images of whole numbers, so that windows hold their maximum several times.
    """
    generator = np.random.default_rng(samples)
    shapes = case.op.parameter_shapes(case.input_shape)
    graph = Graph(
        case.input_shape,
        (Node(case.op, (0,), tuple(range(len(shapes))), "layer"),),
        tuple(Parameter(f"layer/{number}", shape) for number, shape in enumerate(shapes)),
    )
    graph.verify()
    images = generator.normal(size=(samples, *case.input_shape)).astype(np.float32)
    parameters = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    return OneOp(graph, parameters, images.round() if ties else images)
