"""The network as a frozen graph of operations: what engines compile and explanations walk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

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
    """One array of weights: its shape, and whether a gradient changes it.

    l1, l2: its part in the loss that is trained is l1 * sum(|w|) + l2 * sum(w * w).
    """

    name: str
    shape: Shape
    trainable: bool = True
    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class Node:
    """One operation at its place: which values it reads and which parameters it uses.

    `inputs` are value numbers: see `Graph`. `layer` is the name of the layer that the operation
    came from.
    """

    op: Op
    inputs: tuple[int, ...]
    parameters: tuple[int, ...]
    layer: str


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each reads only earlier values.

    inputs: the shape of one sample of each input. Values are numbered: first the inputs, then the
    output of each node. outputs: the numbers of the values that the network answers with.
    """

    inputs: tuple[Shape, ...]
    nodes: tuple[Node, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[int, ...]

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of every value: the inputs' first, then one for each node."""
        shapes = list(self.inputs)
        for node in self.nodes:
            shapes.append(node.op.output_shape(*(shapes[value] for value in node.inputs)))
        return tuple(shapes)

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        """The shapes of one sample of each output."""
        return tuple(self.shapes[value] for value in self.outputs)

    def value(self, number: int) -> int:
        """The number of the value that node `number` makes."""
        return len(self.inputs) + number

    def shapes_read(self, node: Node) -> tuple[Shape, ...]:
        """The shapes of the values that a node reads."""
        return tuple(self.shapes[value] for value in node.inputs)

    @cached_property
    def readers(self) -> Counter[int]:
        """How often each value is read, by a node or as an output."""
        return Counter([*(value for node in self.nodes for value in node.inputs), *self.outputs])

    @cached_property
    def multiply_adds(self) -> int:
        """Nominal multiply-adds of one sample, forward."""
        return sum(node.op.multiply_adds(*self.shapes_read(node)) for node in self.nodes)

    def verify(self) -> None:
        """Check that the graph is whole.

        Raises ShapeError if a node reads a later value, if what a node makes is never read, if an
        output does not exist, or if a parameter does not have the shape that its operation needs.
        """
        for number, node in enumerate(self.nodes):
            if any(value >= self.value(number) for value in node.inputs):
                raise ShapeError(f"Node {number} ({node.layer}) reads a value that comes later.")
            needed = node.op.parameter_shapes(*self.shapes_read(node))
            given = tuple(self.parameters[number].shape for number in node.parameters)
            if needed != given:
                raise ShapeError(
                    f"Layer {node.layer} needs parameters of the shapes {needed}, got {given}."
                )
        end = self.value(len(self.nodes))
        if not self.outputs or not all(0 <= value < end for value in self.outputs):
            raise ShapeError(f"The outputs {self.outputs} are not all among the {end} values.")
        unread = [value for value in range(len(self.inputs), end) if not self.readers[value]]
        if unread:
            raise ShapeError(f"The values {unread} are computed but never read.")

    def without(self, number: int) -> Graph:
        """The graph without a node that only outputs read: they answer with what it reads."""
        gone = self.value(number)
        (source,) = self.nodes[number].inputs

        def renumber(value: int) -> int:
            return source if value == gone else value - (value > gone)

        nodes = tuple(
            replace(node, inputs=tuple(map(renumber, node.inputs)))
            for place, node in enumerate(self.nodes)
            if place != number
        )
        return replace(self, nodes=nodes, outputs=tuple(map(renumber, self.outputs)))


class Trained(NamedTuple):
    """What training works on: a graph and a loss for each of its outputs.

    finishing: for each output the operation that makes the network's answer of it, if any.
    """

    graph: Graph
    losses: tuple[Loss, ...]
    finishing: tuple[Op | None, ...]


def logits(graph: Graph, losses: Sequence[Loss]) -> Trained:
    """What `graph` and `losses` mean together, without rounding to 0 or 1.

    A cross-entropy that reads the probabilities of a last softmax (or sigmoid) is computed on
    what that softmax reads: the graph without that node, and the loss `from_logits`. Its
    gradient is then probability - target. Any other pair comes back as it is.
    """
    fused = list(losses)
    finishing: list[Op | None] = [None] * len(fused)
    for place, loss in enumerate(losses):
        number = graph.outputs[place] - len(graph.inputs)
        if number < 0 or graph.readers[graph.outputs[place]] > 1:
            continue
        last = graph.nodes[number].op
        if not _belong_together(last, loss):
            continue
        finishing[place] = last
        fused[place] = replace(loss, from_logits=True)  # type: ignore[type-var]
        graph = graph.without(number)
    return Trained(graph, tuple(fused), tuple(finishing))


def _belong_together(last: Op, loss: Loss) -> bool:
    """Whether a loss reads probabilities that this operation makes."""
    if isinstance(loss, CategoricalCrossentropy | SparseCategoricalCrossentropy):
        return isinstance(last, Softmax) and not loss.from_logits
    if isinstance(loss, BinaryCrossentropy):
        return isinstance(last, Sigmoid) and not loss.from_logits
    return False
