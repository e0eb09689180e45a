"""Layers one behind the other: their shapes, and the graph of operations that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid.errors import ShapeError
from pellucid.graph import Graph, Node, Parameter
from pellucid.layers.misfit import explain
from pellucid.ops.base import Array
from pellucid.shapes import Shape

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


def output_shapes(input_shape: Shape, layers: Sequence[Layer]) -> list[Shape]:
    """The shape of one sample behind each layer.

    Raises ShapeError that says which layer cannot read what it gets, why, and what to change; its
    `summary` is the table of the network up to there.
    """
    shapes = [input_shape]
    for layer in layers:
        try:
            shapes.append(layer.shape_behind(shapes[-1]))
        except ShapeError as problem:
            raise explain(problem, shapes, layers) from None
    return shapes[1:]


def lower(input_shape: Shape, layers: Sequence[Layer]) -> tuple[Graph, list[Array]]:
    """The graph of built layers, and the arrays of weights in the order of its parameters."""
    nodes: list[Node] = []
    parameters: list[Parameter] = []
    arrays: list[Array] = []
    shape = input_shape
    for layer in layers:
        numbers: dict[str, int] = {}
        for weight, (name, array) in zip(
            layer.weight_shapes(shape), layer.named_weights().items(), strict=True
        ):
            numbers[weight] = len(parameters)
            parameters.append(Parameter(name, array.shape))
            arrays.append(array)
        for op, weights in layer.lower(shape):
            used = tuple(numbers[weight] for weight in weights)
            nodes.append(Node(op, (len(nodes),), used, layer.name))
            shape = op.output_shape(shape)
    graph = Graph((input_shape,), tuple(nodes), tuple(parameters), (len(nodes),))
    graph.verify()
    return graph, arrays
