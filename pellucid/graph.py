"""The network as a frozen graph of operations: what engines compile and explanations walk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from pellucid.errors import ShapeError
from pellucid.ops.activations import Sigmoid, Softmax
from pellucid.ops.base import Op
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    SparseCategoricalCrossentropy,
)
from pellucid.shapes import Shape


@dataclass(frozen=True)
class Parameter:
    """One array of weights: its shape, and whether training changes it."""

    name: str
    shape: Shape
    trainable: bool = True


@dataclass(frozen=True)
class Node:
    """One operation at its place: which values it reads and which parameters it uses.

    `inputs` are value numbers: value 0 is the network's input, value i + 1 is the output of
    node i. `layer` is the name of the layer that the operation came from.
    """

    op: Op
    inputs: tuple[int, ...]
    parameters: tuple[int, ...]
    layer: str


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each reads only earlier values; the last one is the output."""

    input_shape: Shape
    nodes: tuple[Node, ...]
    parameters: tuple[Parameter, ...]

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of every value: the input's first, then one for each node."""
        shapes = [self.input_shape]
        for node in self.nodes:
            shapes.append(node.op.output_shape(*(shapes[value] for value in node.inputs)))
        return tuple(shapes)

    @property
    def output_shape(self) -> Shape:
        """The shape of one sample of the network's output."""
        return self.shapes[-1]

    def input_shapes(self, node: Node) -> tuple[Shape, ...]:
        """The shapes of the values that a node reads."""
        return tuple(self.shapes[value] for value in node.inputs)

    @cached_property
    def multiply_adds(self) -> int:
        """Nominal multiply-adds of one sample, forward."""
        return sum(node.op.multiply_adds(*self.input_shapes(node)) for node in self.nodes)

    def verify(self) -> None:
        """Check that the graph is whole.

        Raises ShapeError if a node reads a later value, if a value is never read, or if a
        parameter does not have the shape that its operation needs.
        """
        read: set[int] = set()
        for place, node in enumerate(self.nodes):
            if any(value > place for value in node.inputs):
                raise ShapeError(f"Node {place} ({node.layer}) reads a value that comes later.")
            read.update(node.inputs)
            needed = node.op.parameter_shapes(*self.input_shapes(node))
            given = tuple(self.parameters[number].shape for number in node.parameters)
            if needed != given:
                raise ShapeError(
                    f"Layer {node.layer} needs parameters of the shapes {needed}, got {given}."
                )
        unread = set(range(len(self.nodes))) - read
        if unread:
            raise ShapeError(f"The values {sorted(unread)} are computed but never read.")


def logits(graph: Graph, loss: Loss) -> tuple[Graph, Loss]:
    """The pair that is trained: what `graph` and `loss` mean together, without rounding to 0 or 1.

    A cross-entropy that reads the probabilities of a last softmax (or sigmoid) is computed on
    what that softmax reads: the graph without its last node, and the loss `from_logits`. Its
    gradient is then probability - target. Any other pair comes back as it is.
    """
    last = graph.nodes[-1].op
    if isinstance(loss, CategoricalCrossentropy | SparseCategoricalCrossentropy):
        makes_probabilities = isinstance(last, Softmax)
    elif isinstance(loss, BinaryCrossentropy):
        makes_probabilities = isinstance(last, Sigmoid)
    else:
        return graph, loss
    if loss.from_logits or not makes_probabilities:
        return graph, loss
    return replace(graph, nodes=graph.nodes[:-1]), replace(loss, from_logits=True)
