"""One row of the checklist, and a network of it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.graph import Graph, Node, Parameter
from pellucid.ops.base import Array, Op
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
