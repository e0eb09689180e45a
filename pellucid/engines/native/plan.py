"""From a graph to a plan: which operations run together, and where their numbers lie.

A plan is a row of stages; stage i reads value i and makes value i + 1. Planning decides three
things: what is fused into one stage, which part of each value anything can see (its live region),
and how wide a border of zeros each value needs for the padding of whoever reads it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pellucid.engines.native.layout import Layout
from pellucid.errors import EngineError
from pellucid.graph import Graph, Node
from pellucid.ops.activations import Relu, Sigmoid, Tanh
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.shapes import Pair, Shape, live_range, reach

ACTIVATIONS: dict[type[Op], str] = {Relu: "relu", Sigmoid: "sigmoid", Tanh: "tanh"}


@dataclass(frozen=True)
class Step:
    """The nodes that one stage computes together: an operation, its activation, its pooling."""

    node: Node
    number: int
    activation: str | None = None
    pool: MaxPooling2D | None = None


@dataclass(frozen=True)
class Plan:
    """Steps, with the shape and the layout of every value (one more than there are steps)."""

    steps: tuple[Step, ...]
    shapes: tuple[Shape, ...]
    layouts: tuple[Layout, ...]


def make_plan(graph: Graph) -> Plan:
    """Fuse, then find live regions and borders backwards from the output."""
    _check(graph)
    steps = _fuse(graph.nodes)
    shapes = [graph.inputs[0]]
    for step in steps:
        shape = step.node.op.output_shape(shapes[-1])
        shapes.append(step.pool.output_shape(shape) if step.pool else shape)
    layouts = [plain_layout(shapes[-1])]
    for step, shape in zip(reversed(steps), reversed(shapes[:-1]), strict=True):
        layouts.append(_input_layout(step, shape, layouts[-1]))
    return Plan(tuple(steps), tuple(shapes), tuple(reversed(layouts)))


def plain_layout(shape: Shape) -> Layout:
    """A whole value without a border; fewer than three axes lie in the last ones."""
    *rest, columns, channels = (1, 1, *shape)
    return Layout(math.prod(rest), columns, channels)


def computed_size(step: Step, target: Layout) -> tuple[int, int]:
    """How many rows and columns a convolution computes, before its pooling."""
    if step.pool is None:
        return target.rows, target.columns
    return target.rows * step.pool.pool_size[0], target.columns * step.pool.pool_size[1]


def _check(graph: Graph) -> None:
    for place, node in enumerate(graph.nodes):
        if node.inputs != (place,):
            raise EngineError(
                f"The native engine computes chains of layers; layer {node.layer} reads from "
                "elsewhere than the layer before. Use the engine 'reference' for this network."
            )
    used = Counter(number for node in graph.nodes for number in node.parameters)
    for number, count in used.items():
        if count > 1:
            raise EngineError(
                f"The native engine lets one operation use a parameter, but "
                f"{graph.parameters[number].name} is used by {count}. Use the engine 'reference' "
                "for this network."
            )


def _fuse(nodes: Sequence[Node]) -> list[Step]:
    """Take activations, and poolings that tile their input, into the convolution before them."""
    steps: list[Step] = []
    for number, node in enumerate(nodes):
        last = steps[-1] if steps else None
        if last and isinstance(last.node.op, Conv2D | Dense) and last.pool is None:
            activation = ACTIVATIONS.get(type(node.op))
            if activation and last.activation is None:
                steps[-1] = Step(last.node, last.number, activation)
                continue
            if isinstance(node.op, MaxPooling2D) and _tiles(last, node.op):
                steps[-1] = Step(last.node, last.number, last.activation, node.op)
                continue
        steps.append(Step(node, number))
    return steps


def _tiles(step: Step, pool: MaxPooling2D) -> bool:
    """Whether a pooling can be done in the registers that hold the convolution's sums."""
    small = math.prod(pool.pool_size) <= 9
    exact = pool.strides == pool.pool_size and pool.padding == ((0, 0), (0, 0))
    cheap = step.activation in (None, "relu")
    return isinstance(step.node.op, Conv2D) and small and exact and cheap


def _input_layout(step: Step, shape: Shape, target: Layout) -> Layout:
    """What a step reads of its input, given what is read of its output."""
    op = step.node.op
    full = plain_layout(shape)
    if isinstance(op, Conv2D):
        rows, columns = computed_size(step, target)
        windows = list(zip(op.kernel_size, op.strides, op.dilation, op.padding, strict=True))
        down, across = (
            _read(rows, full.rows, *windows[0]),
            _read(columns, full.columns, *windows[1]),
        )
        live = down.live, across.live, full.channels
        return Layout(*live, down.before, down.after, across.before, across.after)
    if isinstance(op, MaxPooling2D | AveragePooling2D):
        (top, _), (left, _) = op.padding
        _, rows = live_range(0, target.rows, full.rows, op.pool_size[0], op.strides[0], 1, top)
        _, columns = live_range(
            0, target.columns, full.columns, op.pool_size[1], op.strides[1], 1, left
        )
        return Layout(rows, columns, full.channels)
    if isinstance(op, Flatten):
        return full
    return Layout(target.rows, target.columns, full.channels)


class _Read(NamedTuple):
    """Along one axis: live inputs, and places of padding before and after them."""

    live: int
    before: int
    after: int


def _read(outputs: int, size: int, kernel: int, stride: int, dilation: int, padding: Pair) -> _Read:
    """What the first outputs read of an input of this size."""
    before, _ = padding
    _, end = live_range(0, outputs, size, kernel, stride, dilation, before)
    live = max(1, end)  # windows that lie in padding alone still need a place to start from
    after = max(0, reach(outputs, kernel, stride, dilation) - before - live)
    return _Read(live, before, after)
