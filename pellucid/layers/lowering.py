"""From layers to the graph of operations that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pellucid.graph import Graph, Node, Parameter
from pellucid.layers.walk import Visit, Walk
from pellucid.layers.weights import Variable
from pellucid.ops.base import Array, Op
from pellucid.shapes import Shape

if TYPE_CHECKING:
    from pellucid.layers.base import Layer


class Network(NamedTuple):
    """What engines are given: operations, and the arrays of weights in their order."""

    graph: Graph
    parameters: list[Array]


def lower(layer: Layer, inputs: Sequence[Shape], training: bool | None = True) -> Network:
    """The network that a built layer or model stands for, as far as its outputs need it.

    inputs: the shape of one sample of each. training: True for a network that can be trained;
    False for one that does what it does outside of training, whatever it is asked; None lets each
    layer do as it does when it is called on its own.
    """
    walk, outputs = walk_through(layer, len(inputs), training)
    shapes = walk.shapes(inputs)
    variables = _variables(layer, walk)
    numbers = {id(variable.array): number for number, variable in enumerate(variables)}
    nodes: list[Node] = []
    values = list(range(len(inputs)))
    for visit in walk.visits:
        reads = tuple(values[value] for value in visit.reads)
        for stage in visit.layer.lower(*(shapes[value] for value in visit.reads)):
            op = _op_at(stage.op, visit)
            if op is not None:
                arrays = (visit.layer.array(weight) for weight in stage.weights)
                nodes.append(Node(op, reads, tuple(numbers[id(one)] for one in arrays), visit.path))
                reads = (len(inputs) + len(nodes) - 1,)
        values.append(reads[0])
    graph = Graph(
        tuple(inputs),
        tuple(nodes),
        tuple(_parameter(variable, layer.trainable) for variable in variables),
        tuple(values[output] for output in outputs),
    )
    graph.verify()
    return Network(graph, [variable.array for variable in variables])


def walk_through(
    layer: Layer, inputs: int, training: bool | None = True
) -> tuple[Walk, tuple[int, ...]]:
    """The way through a layer or model, as far as its outputs need it, and their numbers."""
    walk = Walk(inputs)
    outputs = layer.walk(walk, tuple(range(inputs)), training=False if training is False else None)
    if training is None:
        walk.visits = [
            visit if visit.layer.active_when_called else visit._replace(training=False)
            for visit in walk.visits
        ]
    return walk.needed(outputs)


def _variables(layer: Layer, walk: Walk) -> list[Variable]:
    """The weights of the layers on the way, in the order of the layer's own `weights`."""
    visited = {visit.layer for visit in walk.visits}
    return [variable for variable in layer.variables() if variable.layer in visited]


def _parameter(variable: Variable, trainable: bool) -> Parameter:
    l1, l2 = variable.layer.penalty(variable.name)
    return Parameter(
        variable.path, variable.array.shape, trainable and variable.trainable, l1=l1, l2=l2
    )


def _op_at(op: Op, visit: Visit) -> Op | None:
    """What an operation does at its place; None if that is nothing at all."""
    frozen = visit.layer.inference_when_frozen and not visit.layer.trainable
    return op.inference() if frozen or visit.training is False else op
