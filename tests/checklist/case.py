"""One row of the checklist, and a network of it alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.graph import Graph, Node, Parameter
from pellucid.ops.base import Array, Op
from pellucid.shapes import Shape

SAMPLES = 3


class Case:
    """An operation and the shapes of one sample of each of its inputs."""

    def __init__(self, op: Op, *input_shapes: Shape) -> None:
        self.op = op
        self.input_shapes = input_shapes

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample of the first input, which most operations have only."""
        return self.input_shapes[0]

    def __str__(self) -> str:
        return "-".join(map(str, (self.op, *self.input_shapes))).replace(" ", "")


@dataclass(frozen=True)
class OneOp:
    """A network of a single operation, with float32 weights and a few samples of each input."""

    graph: Graph
    parameters: list[Array]
    inputs: list[Array]

    @property
    def images(self) -> Array:
        """The samples of the first input, which most operations have only."""
        return self.inputs[0]


def one_op_graph(case: Case, samples: int = SAMPLES, ties: bool = False) -> OneOp:
    """A network of the case's operation alone, the same at every call.

    ties: inputs of whole numbers, so that windows hold their maximum several times.
    """
    generator = np.random.default_rng(samples)
    shapes = case.op.parameter_shapes(*case.input_shapes)
    places = tuple(range(len(case.input_shapes)))
    graph = Graph(
        case.input_shapes,
        (Node(case.op, places, tuple(range(len(shapes))), "layer"),),
        tuple(Parameter(f"layer/{number}", shape) for number, shape in enumerate(shapes)),
        (len(places),),
    )
    graph.verify()
    inputs = [
        generator.normal(size=(samples, *shape)).astype(np.float32) for shape in case.input_shapes
    ]
    parameters = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    # What operations track are moving means and variances, and these are never negative.
    learned = len(shapes) - case.op.tracked
    parameters[learned:] = [np.asarray(abs(parameter)) for parameter in parameters[learned:]]
    return OneOp(graph, parameters, [array.round() for array in inputs] if ties else inputs)
